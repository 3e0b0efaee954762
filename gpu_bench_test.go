//go:build linux && cgo

package mm

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/mm-runtime/mm/models/base"
)

// Sounds and transcripts of BenchmarkCUDA; train/bench_torch.py has them too.
const (
	soundSeconds     = 10
	transcriptTokens = 32
)

// asked is what BenchmarkCUDA asks at once. train/bench_gpu.py knows it by its name.
type asked struct {
	name   string
	inputs func() []Input // anew each time: readers are read once
	tokens int            // of each output, where all must have so many
}

func askedTexts(n int) asked {
	var inputs []Input
	for i := range n {
		inputs = append(inputs, Input{Task: "translate", To: "de", MaxTokens: 24,
			Text: fmt.Sprintf("The train to the north leaves at %d, but nobody has seen it today.", 100+i)})
	}
	return asked{name: fmt.Sprintf("translate/%d", n), inputs: func() []Input { return inputs }}
}

// askedPhotos are PNG files of noise.
func askedPhotos(tb testing.TB, n int) asked {
	tb.Helper()
	r, files := rand.New(rand.NewPCG(1706, 1)), make([][]byte, n)
	for i := range files {
		m := image.NewNRGBA(image.Rect(0, 0, 32, 32))
		for at := range m.Pix {
			m.Pix[at] = uint8(r.Uint32()) | uint8(at%4/3*255) // opaque
		}
		var file bytes.Buffer
		if err := png.Encode(&file, m); err != nil {
			tb.Fatal(err)
		}
		files[i] = file.Bytes()
	}
	return asked{name: fmt.Sprintf("classify/%d", n), inputs: func() (inputs []Input) {
		for _, file := range files {
			inputs = append(inputs, Input{Task: "classify", Image: bytes.NewReader(file)})
		}
		return inputs
	}}
}

// askedSounds are noise, about which the model says as much as it may.
func askedSounds(n int) asked {
	r, sounds := rand.New(rand.NewPCG(1706, 2)), make([][]float32, n)
	for i := range sounds {
		sounds[i] = make([]float32, soundSeconds*16000)
		for at := range sounds[i] {
			sounds[i][at] = float32(0.1 * r.NormFloat64())
		}
	}
	name := fmt.Sprintf("transcribe/%dx%dx%d", n, soundSeconds, transcriptTokens)
	return asked{name: name, tokens: transcriptTokens, inputs: func() (inputs []Input) {
		for _, samples := range sounds {
			inputs = append(inputs, Input{Task: "transcribe", Audio: PCM(samples, 16000), Beam: 1, MaxTokens: transcriptTokens})
		}
		return inputs
	}}
}

// run asks all at once and counts the tokens that come.
func (a asked) run(tb testing.TB, m *Model) (tokens int) {
	tb.Helper()
	for i, out := range runAll(tb, m, a.inputs()) {
		if a.tokens > 0 && out.Tokens != a.tokens {
			tb.Fatalf("output %d has %d tokens, want %d", i, out.Tokens, a.tokens)
		}
		tokens += out.Tokens
	}
	return tokens
}

// TestAsked runs a little of BenchmarkCUDA where there may be no GPU.
func TestAsked(t *testing.T) {
	m := loadBase(t, "cpu")
	for _, a := range []asked{askedTexts(2), askedPhotos(t, 2), askedSounds(1)} {
		if tokens := a.run(t, m); tokens == 0 && a.name != "classify/2" {
			t.Errorf("%s: no tokens", a.name)
		}
	}
}

// BenchmarkCUDA runs whole requests on a GPU, one alone and many at once: greedy
// translations of at most 24 tokens, photos, and greedy transcripts.
func BenchmarkCUDA(b *testing.B) {
	m, err := Load(base.FS, WithDevice("cuda"))
	if err != nil {
		if os.Getenv("MM_REQUIRE_GPU") == "1" {
			b.Fatal(err)
		}
		b.Skip(err)
	}
	defer m.Close()
	for _, a := range []asked{
		askedTexts(1), askedTexts(32), askedTexts(256), askedPhotos(b, 1), askedPhotos(b, 256), askedSounds(1), askedSounds(32),
	} {
		b.Run(a.name, func(b *testing.B) {
			for range 4 { // what is made once, and graphs of what came by three times
				a.run(b, m)
			}
			tokens := 0
			for b.Loop() {
				tokens += a.run(b, m)
			}
			µs := float64(b.Elapsed().Nanoseconds()) / 1e3
			b.ReportMetric(µs/float64(b.N*len(a.inputs())), "µs/request")
			if tokens > 0 {
				b.ReportMetric(µs/float64(tokens), "µs/token")
				b.ReportMetric(float64(tokens)/b.Elapsed().Seconds(), "tokens/s")
			}
		})
	}
}
