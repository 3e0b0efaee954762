//go:build linux && cgo

package mm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/kernels/cuda"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
	"github.com/mm-runtime/mm/kernels/cuda/emu"
	"github.com/mm-runtime/mm/models/base"
)

// sentencesVariable names a file of sentences to translate, a line each: the
// language wanted, a tab, the text.
const sentencesVariable = "MM_SENTENCES"

// gpuError is blockError's bound on a GPU: int8 weights meet inputs of 16 bits.
const gpuError = 1e-3

// onGPU runs a test on a GPU, or skips it where there is none; MM_REQUIRE_GPU=1
// makes that a failure.
func onGPU(t *testing.T, test func(t *testing.T)) {
	t.Run("gpu", func(t *testing.T) {
		dev, err := cuda.Open(0)
		if (errors.Is(err, driver.ErrNoDriver) || errors.Is(err, driver.ErrNoDevice)) && os.Getenv("MM_REQUIRE_GPU") != "1" {
			t.Skip(err)
		}
		if err != nil {
			t.Fatal(err)
		}
		dev.Close()
		test(t)
	})
}

// onCUDA runs a test on a GPU and in the emulator.
func onCUDA(t *testing.T, test func(t *testing.T)) {
	t.Run("emulated", func(t *testing.T) {
		sources, err := filepath.Glob("kernels/cuda/*.cu")
		if err != nil || len(sources) == 0 {
			t.Fatalf("no kernels in kernels/cuda, error %v", err)
		}
		t.Setenv(driver.PathVariable, emu.Library(t, sources...))
		test(t)
	})
	onGPU(t, test)
}

// TestSensesCUDA is TestSensesGolden on a GPU.
func TestSensesCUDA(t *testing.T) {
	onCUDA(t, func(t *testing.T) {
		dev, err := cuda.Open(0)
		if err != nil {
			t.Fatal(err)
		}
		s := sensesOn(t, dev)
		for name, got := range s.boundaries() {
			want, cols := s.golden.Floats(name)
			if e := golden.Error(got, want, cols); e > gpuError {
				t.Errorf("%s: relative error %.2g, want at most %.0e", name, e, gpuError)
			}
		}
	})
}

// TestTinyCUDA wants the whole of a small model to say on a GPU what it says on the
// CPU, several requests in one batch, greedily and with a beam.
func TestTinyCUDA(t *testing.T) {
	onCUDA(t, func(t *testing.T) {
		var inputs []Input
		for i, text := range []string{"Where is the station?", "Ja.", "Il pleut beaucoup en automne.", "a b c d e f g"} {
			inputs = append(inputs, Input{Task: "translate", To: "de", Text: text, MaxTokens: 12, Beam: 1 + i%2})
		}
		want := outputs(t, LoadTiny(t, WithDevice("cpu")), inputs)
		if got := outputs(t, LoadTiny(t, WithDevice("cuda")), inputs); !slices.Equal(got, want) {
			t.Errorf("outputs %q, on the CPU %q", got, want)
		}
	})
}

// outputs are m's texts for inputs that are asked at once.
func outputs(t testing.TB, m *Model, inputs []Input) (texts []string) {
	t.Helper()
	for _, out := range runAll(t, m, inputs) {
		texts = append(texts, out.Text)
	}
	return texts
}

func runAll(t testing.TB, m *Model, inputs []Input) []Output {
	t.Helper()
	found, failures := make([]Output, len(inputs)), make([]error, len(inputs))
	var all sync.WaitGroup
	for i, in := range inputs {
		all.Go(func() { found[i], failures[i] = m.Run(context.Background(), in) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	return found
}

// TestBaseCUDA is TestBaseGolden on a GPU.
func TestBaseCUDA(t *testing.T) {
	onGPU(t, func(t *testing.T) {
		m := loadBase(t, "cuda")
		file, err := golden.Open("testdata/golden.safetensors")
		if err != nil {
			t.Fatal(err)
		}
		e := still(m)
		memory, blocks := encodeGolden(t, e, file.Split("src"))
		for name, got := range blocks {
			want, cols := file.Floats(name)
			if e := golden.Error(got[:min(len(got), len(want))], want, cols); e > gpuError {
				t.Errorf("%s: relative error %.2g, want at most %.0e", name, e, gpuError)
			} else {
				t.Logf("%s: relative error %.2g", name, e)
			}
		}
		margins, _ := file.Floats("margin")
		checkBest(t, decodeGolden(t, e, file.Split("tgt"), memory), file.Ints("argmax"), margins)
	})
}

func loadBase(t *testing.T, device string) *Model {
	t.Helper()
	m, err := Load(base.FS, WithDevice(device))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestAgreement wants the embedded model to translate 99 of 100 sentences greedily
// to the same text on a GPU as on the CPU.
func TestAgreement(t *testing.T) {
	onGPU(t, func(t *testing.T) {
		path := os.Getenv(sentencesVariable)
		if path == "" && os.Getenv("MM_REQUIRE_GPU") == "1" {
			t.Fatal(sentencesVariable + " names no sentences")
		}
		if path == "" {
			t.Skip(sentencesVariable + " names no sentences")
		}
		inputs := sentences(t, path)
		if slices.Contains(cpu.Paths(), "avx2") {
			t.Setenv("MM_CPU", "avx2") // does not round activations
		}
		got, want := outputs(t, loadBase(t, "cuda"), inputs), outputs(t, loadBase(t, "cpu"), inputs)
		differ := 0
		for i, in := range inputs {
			if got[i] != want[i] {
				differ++
				t.Logf("to %s %q: %q, on the CPU %q", in.To, in.Text, got[i], want[i])
			}
		}
		t.Logf("%d of %d outputs are the same", len(inputs)-differ, len(inputs))
		if 100*differ > len(inputs) {
			t.Errorf("%d of %d outputs differ, want at most one in a hundred", differ, len(inputs))
		}
	})
}

func sentences(t *testing.T, path string) (inputs []Input) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(data)) {
		to, text, found := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if !found || text == "" {
			t.Fatalf("%s: line %q, want a language, a tab and a text", path, line)
		}
		inputs = append(inputs, Input{Task: "translate", To: to, Text: text})
	}
	if len(inputs) == 0 {
		t.Fatalf("%s: no sentences", path)
	}
	return inputs
}

// BenchmarkCUDA translates greedily on a GPU, a request alone and 256 at once, each
// of at most 24 tokens.
func BenchmarkCUDA(b *testing.B) {
	m, err := Load(base.FS, WithDevice("cuda"))
	if err != nil {
		if os.Getenv("MM_REQUIRE_GPU") == "1" {
			b.Fatal(err)
		}
		b.Skip(err)
	}
	defer m.Close()
	for _, batch := range []int{1, 256} {
		var inputs []Input
		for i := range batch {
			inputs = append(inputs, Input{Task: "translate", To: "de", MaxTokens: 24,
				Text: fmt.Sprintf("The train to the north leaves at %d, but nobody has seen it today.", 100+i)})
		}
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			runAll(b, m, inputs) // what is made once
			tokens := 0
			for b.Loop() {
				for _, out := range runAll(b, m, inputs) {
					tokens += out.Tokens
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(tokens), "µs/token")
			b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
		})
	}
}
