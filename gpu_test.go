//go:build linux && cgo

package mm

import (
	"context"
	"errors"
	"os"
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

// onCUDA runs a test in the emulator, and on a GPU, or skips that where there is none;
// MM_REQUIRE_GPU=1 makes it a failure.
func onCUDA(t *testing.T, test func(t *testing.T)) {
	t.Run("emulated", func(t *testing.T) {
		t.Setenv(driver.PathVariable, emu.Library(t, "kernels/cuda/program.cu"))
		test(t)
	})
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
		for _, way := range []string{"graph", "overlap", "program"} {
			t.Run(way, func(t *testing.T) {
				m := inSteps(t, way, LoadTiny)
				if got := outputs(t, m, inputs); !slices.Equal(got, want) {
					t.Errorf("outputs %q, on the CPU %q", got, want)
				}
				if got := outputs(t, m, inputs[:1]); got[0] != want[0] {
					t.Errorf("alone %q, on the CPU %q", got[0], want[0])
				}
				m.Close()
				if m.engine.ahead.chain.Taken.Steps == 0 {
					t.Error("no steps were run ahead")
				}
			})
		}
	})
}

// inSteps loads a model on the GPU that runs steps in a way, or skips the test where
// the GPU has no such way. That of the emulator has all.
func inSteps(t *testing.T, way string, load func(t testing.TB, opts ...Option) *Model) *Model {
	t.Helper()
	t.Setenv("EMU_CAPABILITY", "100")
	t.Setenv(cuda.StepsVariable, way)
	dev, err := cuda.Open(0)
	if err != nil && strings.Contains(err.Error(), "wants compute capability") {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	dev.Close()
	return load(t, WithDevice("cuda"))
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
	onCUDA(t, func(t *testing.T) {
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

func loadBase(t testing.TB, device string) *Model {
	t.Helper()
	m, err := Load(base.FS, WithDevice(device))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestAgreement wants the embedded model to translate 99 of 100 sentences greedily
// to the same text on a GPU as on the CPU; so does the emulator, in minutes.
func TestAgreement(t *testing.T) {
	onCUDA(t, func(t *testing.T) {
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
		for _, way := range []string{"overlap", "program"} { // by each of which the bits are the same
			t.Run(way, func(t *testing.T) {
				m := inSteps(t, way, func(t testing.TB, _ ...Option) *Model { return loadBase(t, "cuda") })
				if again := outputs(t, m, inputs[:min(len(inputs), 4)]); !slices.Equal(again, got[:len(again)]) {
					t.Errorf("outputs %q, by graphs %q", again, got[:len(again)])
				}
			})
		}
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
