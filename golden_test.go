package mm

import (
	"fmt"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/mixer"
	"github.com/mm-runtime/mm/models/base"
)

// blockError bounds ‖got - want‖ / ‖want‖ of every row after an encoder block.
// The reference computes in float32 with the dequantized weights, as one path does:
// on a random model of this size whose blocks all add their full share it measured
// 3e-6. The others round activations to integers of 16 bits: 5e-4, and on this
// model 1.5e-4. A trained model's rows have larger outliers, hence the room.
var blockError = map[string]float64{"go": 1e-4, "avx2": 1e-3, "avx512": 1e-2}

// leastMargin is how far the reference's best logit must be ahead of the second
// for ours to be held to it. On the same model no logit moved by more than 1e-3.
const leastMargin = 0.1

// TestBaseGolden compares the embedded model with the PyTorch reference, on four
// sentences of all tasks in one batch, the outputs being the reference's own:
//
//	python train/golden.py --real models/base --out testdata/golden.safetensors
func TestBaseGolden(t *testing.T) {
	file, err := golden.Open("testdata/golden.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	best := file.Ints("argmax")
	margins, _ := file.Floats("margin")
	for _, path := range cpu.Paths() {
		t.Run(path, func(t *testing.T) {
			t.Setenv("MM_CPU", path)
			m, err := Load(base.FS, WithThreads(1))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			e := still(m)
			memory, blocks := encodeGolden(t, e, file.Split("src"))
			for _, name := range file.Names() {
				if name == "margin" {
					continue
				}
				want, cols := file.Floats(name)
				got := blocks[name]
				if e := golden.Error(got[:min(len(got), len(want))], want, cols); e > blockError[path] {
					t.Errorf("%s: relative error %.2g, want at most %.0e", name, e, blockError[path])
				}
			}
			checkBest(t, decodeGolden(t, e, file.Split("tgt"), memory), best, margins)
		})
	}
}

// checkBest compares the best token of every row that is sure of it.
func checkBest(t *testing.T, got, want []int32, margins []float32) {
	t.Helper()
	if len(got) != len(want) || len(margins) != len(want) {
		t.Fatalf("%d rows, want %d with %d margins", len(got), len(want), len(margins))
	}
	sure := 0
	for r, id := range want {
		if margins[r] < leastMargin {
			continue
		}
		if sure++; got[r] != id {
			t.Errorf("output row %d: best token %d, want %d, which is ahead by %.2f", r, got[r], id, margins[r])
		}
	}
	if 4*sure < 3*len(want) {
		t.Errorf("%d of %d rows are sure of their token, want three quarters: the test says little", sure, len(want))
	}
}

// encodeGolden runs the trunk and stores the memories in e's cache. It returns
// which rows each source has there, and the rows after every block.
func encodeGolden(t *testing.T, e *engine, sources [][]int32) (memory kernels.Paths, blocks map[string][]float32) {
	t.Helper()
	var ids, positions []int32
	segs := kernels.Segments{0}
	for _, src := range sources {
		memory.Start, memory.Count = append(memory.Start, int32(len(ids))), append(memory.Count, int32(len(src)))
		for i, id := range src {
			memory.Slots = append(memory.Slots, int32(len(ids)))
			ids, positions = append(ids, id), append(positions, int32(i))
		}
		segs = append(segs, int32(len(ids)))
	}
	if err := e.mixer.Grow(e.cache, 0, len(ids)); err != nil {
		t.Fatal(err)
	}
	x := e.scope.Take(len(ids), e.mixer.Width())
	e.embed.Forward(e.dev, x, ids)
	blocks = map[string][]float32{}
	e.mixer.Encode(e.scope, x, positions, segs, func(block int, x kernels.Tensor) {
		values := make([]float32, x.Rows*x.Cols)
		e.dev.Read(values, x)
		blocks[fmt.Sprintf("encoder.%d", block)] = values
	})
	e.mixer.Remember(e.scope, e.cache, x, memory.Slots)
	return memory, blocks
}

// decodeGolden runs all outputs in one step and returns each row's best token.
func decodeGolden(t *testing.T, e *engine, targets [][]int32, memory kernels.Paths) []int32 {
	t.Helper()
	b := mixer.Batch{Memory: kernels.Paths{Slots: memory.Slots}}
	var ids []int32
	for s, tgt := range targets {
		start := int32(len(ids))
		for p, id := range tgt {
			b.Slots, b.Positions = append(b.Slots, int32(len(ids))), append(b.Positions, int32(p))
			b.Paths.Start, b.Paths.Count = append(b.Paths.Start, start), append(b.Paths.Count, int32(p+1))
			b.Memory.Start, b.Memory.Count = append(b.Memory.Start, memory.Start[s]), append(b.Memory.Count, memory.Count[s])
			ids = append(ids, id)
		}
	}
	b.Paths.Slots = b.Slots
	if err := e.mixer.Grow(e.cache, len(ids), 0); err != nil {
		t.Fatal(err)
	}
	y := e.scope.Take(len(ids), e.mixer.Width())
	e.embed.Forward(e.dev, y, ids)
	h := e.mixer.Predict(e.scope, e.mixer.Step(e.scope, e.cache, y, b, nil))
	logits := nn.Project(e.scope, h, e.embed.Table)
	allowed := make([]kernels.Allowed, len(ids))
	for r := range allowed {
		allowed[r].Limit = int32(logits.Cols)
	}
	var c kernels.Candidates
	c.Resize(len(ids), 1)
	kernels.TopK(e.dev, c, logits, allowed)
	return c.IDs
}
