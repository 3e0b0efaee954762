package nn

import "github.com/mm-runtime/mm/kernels"

// Neighbours is how many rows a WideConv takes in for each, itself among them: a
// square of 3×3, or four rows to both sides.
const Neighbours = 9

// WideConv is x += Down · SiLU(Up · depthwise(norm(x))): a separable convolution as
// the trunk's with a wide middle, for the residual blocks of the modality nets
// (Kaiser et al. 2017, section 2.5).
type WideConv struct {
	Norm      kernels.Tensor `mm:"norm"`      // (C)
	Depthwise kernels.Tensor `mm:"depthwise"` // (9, C)
	Up        kernels.Weight `mm:"up"`        // (E·C, C)
	Down      kernels.Weight `mm:"down"`      // (C, E·C)
	eps       float32
}

// NewWideConv declares the layer's weights.
func NewWideConv(channels, expand int, eps float32) *WideConv {
	return &WideConv{Gain(channels), Filter(Neighbours, channels),
		Linear(expand*channels, channels), Linear(channels, expand*channels), eps}
}

// Forward adds the layer to x (T, C). around lists the nine neighbours of each row,
// -1 for those that do not exist.
func (l *WideConv) Forward(s *Scope, x kernels.Tensor, around []int32) {
	mark := s.Mark()
	h := s.Take(x.Rows, x.Cols)
	kernels.GatherConv(s.Dev, h, normed(s, x, l.Norm, l.eps), l.Depthwise, around)
	InPieces(s, x.Rows, l.Up.Out, func(lo, hi int) {
		hidden := Project(s, h.Slice(lo, hi), l.Up)
		kernels.SiLU(s.Dev, hidden, hidden)
		kernels.MatMul(s.Dev, x.Slice(lo, hi), hidden, l.Down, true)
	})
	s.Release(mark)
}

// pieceSize is in elements: the modality nets' first rows are so many in a large
// batch that their widest matrices would fill gigabytes and no cache.
const pieceSize = 1 << 20

// InPieces calls f with ranges of rows whose matrices of cols columns have at most
// pieceSize elements, and gives back what each took.
func InPieces(s *Scope, rows, cols int, f func(lo, hi int)) {
	step := max(1, pieceSize/cols)
	for lo := 0; lo < rows; lo += step {
		mark := s.Mark()
		f(lo, min(lo+step, rows))
		s.Release(mark)
	}
}
