package attack

import (
	"math"

	"gorgonia.org/gorgonia"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

// learned is a head pack's head over the layers that it taps.
func (b *builder) learned(layers []*gorgonia.Node, rows int, head *mm.HeadSpec) *gorgonia.Node {
	parts := make([]*gorgonia.Node, len(head.Taps))
	for i, t := range head.Taps {
		parts[i] = b.apply(pool(t.Pooling, rows, b.model.Width), layers[t.Layer])
	}
	features := parts[0]
	if len(parts) > 1 {
		features = b.do(gorgonia.Concat(1, parts...))
	}
	return b.apply(judge(head.Network), features)
}

// pool makes one row of all.
func pool(p mm.Pooling, rows, cols int) *op {
	o := &op{name: string(p), outRows: 1, outCols: cols}
	// from is the row whose value a column takes, for the largest and the first.
	from := func(x []float32, c int) int {
		best := 0
		for r := 1; r < rows && p == mm.PoolMax; r++ {
			if x[r*cols+c] > x[best*cols+c] {
				best = r
			}
		}
		return best
	}
	o.forward = func(x []float32) []float32 {
		out := make([]float32, cols)
		for c := range out {
			if p != mm.PoolMean {
				out[c] = x[from(x, c)*cols+c]
				continue
			}
			sum := 0.0
			for r := range rows {
				sum += float64(x[r*cols+c])
			}
			out[c] = float32(sum / float64(rows))
		}
		return out
	}
	o.backward = func(x, grad []float32) []float32 {
		out := make([]float32, len(x))
		for c, g := range grad {
			if p != mm.PoolMean {
				out[from(x, c)*cols+c] = g
				continue
			}
			for r := range rows {
				out[r*cols+c] = g / float32(rows)
			}
		}
		return out
	}
	return o
}

// judge is classes.Network. With h = ReLU(…), z = h/‖h‖:
//
//	dz = Labelsᵀ·g,  dh = (dz - z·(z·dz))/‖h‖,  dx = Scale ⊙ Hiddenᵀ·(dh where h > 0)
func judge(n *classes.Network) *op {
	return &op{name: "judge", outRows: 1, outCols: len(n.Bias),
		forward: n.Logits,
		backward: func(x, grad []float32) []float32 {
			h := make([]float32, len(x))
			for i := range x {
				h[i] = (x[i] - n.Shift[i]) * n.Scale[i]
			}
			if n.Hidden != nil {
				h = times(n.Hidden, h)
				for i := range h {
					h[i] = max(0, h[i]+n.HiddenBias[i])
				}
			}
			square := 1e-12
			for _, v := range h {
				square += float64(v) * float64(v)
			}
			length := math.Sqrt(square)
			dh := timesBack(n.Labels, grad, len(h))
			dot := 0.0
			for i, v := range dh {
				dot += float64(v) * float64(h[i])
			}
			for i := range dh {
				dh[i] = float32((float64(dh[i]) - float64(h[i])*dot/square) / length)
				if n.Hidden != nil && h[i] <= 0 {
					dh[i] = 0
				}
			}
			if n.Hidden != nil {
				dh = timesBack(n.Hidden, dh, len(x))
			}
			for i := range dh {
				dh[i] *= n.Scale[i]
			}
			return dh
		},
	}
}
