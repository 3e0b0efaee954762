package mm

import (
	"context"
	"errors"
	"fmt"

	"github.com/mm-runtime/mm/kernels"
)

// Pooling says how the rows of an input become one.
type Pooling string

// What a Tap may do.
const (
	PoolMean  Pooling = "mean"  // of each column
	PoolMax   Pooling = "max"   // of each column
	PoolFirst Pooling = "first" // the row of the task's command
)

// Poolings lists them.
var Poolings = []Pooling{PoolMean, PoolMax, PoolFirst}

// Tap is where in the trunk features are read, and how. Layer 0 are the rows that
// enter the trunk, layer i those after its block i, and the last, Info.Layers-1, the
// normed ones that decoders see.
type Tap struct {
	Layer   int     `json:"layer"`
	Pooling Pooling `json:"pooling"`
}

// Embed returns the features of one input at each of taps, Info.Width numbers each,
// in one pass through the trunk. The task says which command stands in front, and
// what canvas a picture comes to; a learned head's task stands for the one that it
// reads. A text of several sentences runs in pieces: means and first rows are averaged
// over them, of the largest the largest is taken. It runs in the model's batch and, as
// with Run, the company does not matter.
func (m *Model) Embed(ctx context.Context, in Input, taps ...Tap) ([][]float32, error) {
	t, err := m.check(in)
	if err != nil {
		return nil, err
	}
	t = t.tapped(taps)
	if err := errors.Join(t.checkKind(in), m.checkTaps(taps)); err != nil {
		return nil, fmt.Errorf("mm: %s: %w", in.Task, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := m.prepareTask(ctx, in, t)
	if err != nil {
		return nil, err
	}
	if err := m.launch(ctx, c, make(gate, 1)); err != nil {
		return nil, err
	}
	out, err := m.wait(c)
	if err == nil && out.features == nil {
		err = fmt.Errorf("mm: %s: an empty input has no features", in.Task)
	}
	return out.features, err
}

// tapped is t with its features as the output.
func (t *task) tapped(taps []Tap) *task {
	base := t.checkpoints()
	f := *base
	f.Output, f.base, f.head = "features", base, &head{name: "features", taps: taps}
	return &f
}

// checkpoints is the task of the checkpoint whose inputs t takes.
func (t *task) checkpoints() *task {
	if t.base != nil {
		return t.base
	}
	return t
}

func (m *Model) checkTaps(taps []Tap) error {
	if len(taps) == 0 {
		return errors.New("no taps given, want at least one")
	}
	layers := m.engine.layers()
	for _, t := range taps {
		if t.Layer < 0 || t.Layer >= layers {
			return fmt.Errorf("layer %d: want 0 to %d", t.Layer, layers-1)
		}
		if t.Pooling != PoolMean && t.Pooling != PoolMax && t.Pooling != PoolFirst {
			return fmt.Errorf("pooling %q: want one of %q", t.Pooling, Poolings)
		}
	}
	return nil
}

// layers is how many places taps can be at: before, between and after the blocks,
// and behind the norm.
func (e *engine) layers() int { return len(e.mixer.Encoder.Blocks) + 2 }

// pool reads the rows x (ΣT, D) of a layer for those of joining whose heads tap it.
func (e *engine) pool(layer int, x kernels.Tensor, joining []*request) {
	for i, r := range joining {
		if !r.task.head.reads(layer) {
			continue
		}
		lo, hi := int(e.step.segs[i]), int(e.step.segs[i+1])
		rows := make([]float32, (hi-lo)*x.Cols)
		e.dev.Read(rows, x.Slice(lo, hi))
		if r.values == nil {
			r.values = make([]float32, len(r.task.head.taps)*x.Cols)
		}
		for j, t := range r.task.head.taps {
			if t.Layer == layer {
				t.Pooling.pool(r.values[j*x.Cols:(j+1)*x.Cols], rows)
			}
		}
	}
}

// reads says whether h reads a layer.
func (h *head) reads(layer int) bool {
	if h == nil {
		return false
	}
	for _, t := range h.taps {
		if t.Layer == layer {
			return true
		}
	}
	return false
}

// pool makes one row dst (D) of rows (T, D), T at least 1.
func (p Pooling) pool(dst, rows []float32) {
	cols := len(dst)
	copy(dst, rows)
	switch p {
	case PoolMean:
		n := len(rows) / cols
		for c := range dst {
			sum := 0.0
			for r := range n {
				sum += float64(rows[r*cols+c])
			}
			dst[c] = float32(sum / float64(n))
		}
	case PoolMax:
		for at := cols; at < len(rows); at += cols {
			for c := range dst {
				dst[c] = max(dst[c], rows[at+c])
			}
		}
	}
}

// addFeatures adds those of one of several parts to a.
func (a *answer) addFeatures(taps []Tap, p part) {
	cols, n := len(p.values)/len(taps), float64(p.rows)
	if a.features == nil {
		a.features = make([][]float32, len(taps))
	}
	for i, t := range taps {
		values := p.values[i*cols : (i+1)*cols]
		if a.features[i] == nil {
			a.features[i] = append(a.features[i], values...)
			continue
		}
		old, own := a.pooledRows, n
		if t.Pooling == PoolFirst {
			old, own = float64(a.pooledParts), 1
		}
		for c, v := range values {
			f := &a.features[i][c]
			if t.Pooling == PoolMax {
				*f = max(*f, v)
			} else {
				*f = float32((float64(*f)*old + float64(v)*own) / (old + own))
			}
		}
	}
	a.pooledRows += n
	a.pooledParts++
}
