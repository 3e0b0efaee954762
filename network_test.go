package mm

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/golden"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

const sensesDir = "testdata/senses"

// senses is the network of testdata/senses on a device, with the golden values of
// its encoders and heads.
type senses struct {
	*network
	golden *golden.File
	scope  *nn.Scope
}

func openSenses(t *testing.T, path string, threads int) senses {
	t.Helper()
	dev, err := cpu.Open(cpu.Options{Path: path, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	return sensesOn(t, dev)
}

// sensesOn loads it on any device, which the test's end closes.
func sensesOn(t *testing.T, dev kernels.Device) senses {
	t.Helper()
	t.Cleanup(func() { dev.Close() })
	ckpt, err := checkpoint.Open(sensesDir)
	if err != nil {
		t.Fatal(err)
	}
	net, err := newNetwork(dev, ckpt.Config)
	if err != nil {
		t.Fatal(err)
	}
	if err := ckpt.Bind(dev, net); err != nil {
		t.Fatal(err)
	}
	file, err := golden.Open(filepath.Join(sensesDir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	return senses{net, file, nn.NewScope(dev)}
}

// tensor is a golden tensor on the device.
func (s senses) tensor(name string) kernels.Tensor {
	values, cols := s.golden.Floats(name)
	x := s.scope.Take(len(values)/cols, cols)
	s.scope.Dev.Write(x, values)
	return x
}

func (s senses) read(x kernels.Tensor) []float32 {
	values := make([]float32, x.Rows*x.Cols)
	s.scope.Dev.Read(values, x)
	return values
}

// boundaries runs every encoder and a head of each kind over the golden inputs.
func (s senses) boundaries() map[string][]float32 {
	defer s.scope.Reset()
	width := s.Mixer.Width()

	clips := kernels.Segments(s.golden.Ints("audio.offsets"))
	sounds := s.scope.Take(int(clips[len(clips)-1]), width)
	frames, _ := s.golden.Floats("audio.frames")
	s.Audio.Forward(s.scope, sounds, frames, clips)

	var canvases []image.Canvas
	rows := 0
	for size := range slices.Chunk(s.golden.Ints("image.sizes"), 2) {
		c := image.Canvas{Width: int(size[0]), Height: int(size[1])}
		canvases, rows = append(canvases, c), rows+c.Rows()
	}
	seen := s.scope.Take(rows, width)
	pixels, _ := s.golden.Floats("image.pixels")
	s.Image.Forward(s.scope, seen, pixels, canvases)

	memory := s.tensor("heads.memory")
	logits := s.Classes["digits"].Logits(s.scope, memory, s.golden.Ints("heads.offsets"))
	flipped, width := s.read(memory), memory.Cols
	for lo, hi := 0, memory.Rows-1; lo < hi; lo, hi = lo+1, hi-1 {
		for c := range width {
			flipped[lo*width+c], flipped[hi*width+c] = flipped[hi*width+c], flipped[lo*width+c]
		}
	}
	heard := s.scope.Take(memory.Rows, width)
	s.scope.Dev.Write(heard, flipped)
	letters := s.Letters["letters"].Begin(s.scope, heard)
	s.Letters["letters"].Finish(s.scope, letters, memory)
	spelled := s.read(letters)
	found := s.Boxes["bccd"]
	cells := s.read(found.Forward(s.scope, memory))
	for i, bias := 0, s.read(found.Bias); i < len(cells); i++ {
		cells[i] += bias[i%len(bias)]
	}
	return map[string][]float32{
		"audio.rows": s.read(sounds), "image.rows": s.read(seen), "classes.logits": s.read(logits), "boxes.out": cells,
		"letters.logits": spelled,
	}
}

// TestSensesGolden compares the encoders and the heads with the PyTorch reference,
// which ran each clip, picture and segment alone (train/golden.py, seed 1706). The
// bound is mixer/golden_test.go's, which says where it comes from.
func TestSensesGolden(t *testing.T) {
	const rtol = 1e-5
	for _, path := range cpu.Paths() {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s-%d", path, threads), func(t *testing.T) {
				s := openSenses(t, path, threads)
				for name, got := range s.boundaries() {
					want, cols := s.golden.Floats(name)
					if e := golden.Error(got, want, cols); e > rtol {
						t.Errorf("%s: relative error %.2g, want at most %.0e", name, e, rtol)
					}
				}
			})
		}
	}
}

// TestNetworkOfTexts wants a checkpoint without encoders of sounds and pictures to
// have none.
func TestNetworkOfTexts(t *testing.T) {
	ckpt, err := checkpoint.Open("models/base")
	if err != nil {
		t.Fatal(err)
	}
	defer ckpt.Close()
	dev, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	c := ckpt.Config
	c.Model.Audio, c.Model.Image = nil, nil
	c.Tasks = slices.DeleteFunc(slices.Clone(c.Tasks), func(t checkpoint.Task) bool { return t.Input != "text" })
	net, err := newNetwork(dev, c)
	if err != nil {
		t.Fatal(err)
	}
	if net.Audio != nil || net.Image != nil || len(net.Classes)+len(net.Boxes)+len(net.Letters) != 0 {
		t.Errorf("network %+v, want the embedding and the mixer alone", net)
	}
}
