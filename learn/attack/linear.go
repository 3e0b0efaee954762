package attack

import "github.com/mm-runtime/mm/kernels"

// matrix multiplies rows by a weight w (out, in), and gradients of what comes out by w
// turned. Both are packed once; gorgonia's own products would pack them at every step.
type matrix struct{ forth, back side }

// side is one of the ways, with room for what goes in and out.
type side struct {
	dev    kernels.Device
	w      kernels.Weight
	x, dst kernels.Tensor // (rows, in), (rows, out)
}

func newMatrix(dev kernels.Device, rows, out, in int, values []float32) (m matrix, err error) {
	if m.forth, err = newSide(dev, rows, out, in, values); err != nil {
		return m, err
	}
	turned := make([]float32, len(values))
	for r := range out {
		for c, v := range values[r*in : (r+1)*in] {
			turned[c*out+r] = v
		}
	}
	m.back, err = newSide(dev, rows, in, out, turned)
	return m, err
}

func newSide(dev kernels.Device, rows, out, in int, values []float32) (s side, err error) {
	s.dev = dev
	if s.w, err = dev.Pack(kernels.Matrix{Rows: out, Cols: in, F32: values}, 1); err != nil {
		return s, err
	}
	if s.x, err = dev.Alloc(rows, in); err != nil {
		return s, err
	}
	s.dst, err = dev.Alloc(rows, out)
	return s, err
}

// times is x·wᵀ.
func (s side) times(x []float32) []float32 {
	out := make([]float32, s.dst.Rows*s.dst.Cols)
	s.dev.Write(s.x, x)
	kernels.MatMul(s.dev, s.dst, s.x, s.w, false)
	s.dev.Read(out, s.dst)
	return out
}

// linear is x·wᵀ; its derivative is grad·w.
func linear(m matrix) *op {
	return &op{name: "linear", outRows: m.forth.dst.Rows, outCols: m.forth.dst.Cols,
		forward:  m.forth.times,
		backward: func(_, grad []float32) []float32 { return m.back.times(grad) },
	}
}
