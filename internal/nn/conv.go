package nn

import "github.com/mm-runtime/mm/kernels"

// SeparableConv is x += W · SiLU(depthwise(norm(x))): the paper's convolution
// step (Kaiser et al. 2017, section 2.3) with the norm in front.
type SeparableConv struct {
	Norm      kernels.Tensor `mm:"norm"`      // (D)
	Depthwise kernels.Tensor `mm:"depthwise"` // (K, D)
	Pointwise kernels.Weight `mm:"pointwise"` // (D, D)
	dilation  int
	eps       float32
}

// NewSeparableConv declares the layer's weights.
func NewSeparableConv(d Dims, dilation int) *SeparableConv {
	return &SeparableConv{Gain(d.Width), Filter(d.ConvWidth, d.Width), Linear(d.Width, d.Width), dilation, d.Eps}
}

// Forward adds the layer to x (T, D), taps centred and kept inside segments.
func (l *SeparableConv) Forward(s *Scope, x kernels.Tensor, segs kernels.Segments) {
	mark := s.Mark()
	h := normed(s, x, l.Norm, l.eps)
	y := s.Take(x.Rows, x.Cols)
	kernels.DepthwiseConv(s.Dev, y, h, l.Depthwise, l.dilation, segs)
	l.finish(s, x, y)
	s.Release(mark)
}

// Step is the causal form for new rows x (R, D) of hypotheses whose past rows
// stand in cache (S, D); it first stores the new ones at slots.
func (l *SeparableConv) Step(s *Scope, x, cache kernels.Tensor, slots []int32, paths kernels.Paths) {
	mark := s.Mark()
	h := normed(s, x, l.Norm, l.eps)
	kernels.StoreRows(s.Dev, cache, h, slots)
	kernels.PathConv(s.Dev, h, cache, l.Depthwise, l.dilation, paths)
	l.finish(s, x, h)
	s.Release(mark)
}

func (l *SeparableConv) finish(s *Scope, x, h kernels.Tensor) {
	kernels.SiLU(s.Dev, h, h)
	kernels.MatMul(s.Dev, x, h, l.Pointwise, true)
}

// Merge is h += W · SiLU(depthwise(norm([h ; y]))), causal, width 3: the
// convolution that joins the attended rows h (R, D) with the shifted targets y
// (R, D) at the end of the I/O mixer (section 2.4).
type Merge struct {
	Norm      kernels.Tensor `mm:"norm"`      // (2D)
	Depthwise kernels.Tensor `mm:"depthwise"` // (K, 2D)
	Pointwise kernels.Weight `mm:"pointwise"` // (D, 2D)
	eps       float32
}

// NewMerge declares the layer's weights.
func NewMerge(d Dims, width int) *Merge {
	return &Merge{Gain(2 * d.Width), Filter(width, 2*d.Width), Linear(d.Width, 2*d.Width), d.Eps}
}

// Step adds the layer to h, storing its new input rows in cache (S, 2D).
func (l *Merge) Step(s *Scope, h, y, cache kernels.Tensor, slots []int32, paths kernels.Paths) {
	mark := s.Mark()
	both := s.Take(h.Rows, 2*h.Cols)
	kernels.Concat(s.Dev, both, h, y)
	kernels.RMSNorm(s.Dev, both, both, l.Norm, l.eps)
	kernels.StoreRows(s.Dev, cache, both, slots)
	kernels.PathConv(s.Dev, both, cache, l.Depthwise, 1, paths)
	kernels.SiLU(s.Dev, both, both)
	kernels.MatMul(s.Dev, h, both, l.Pointwise, true)
	s.Release(mark)
}
