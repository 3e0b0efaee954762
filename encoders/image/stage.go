package image

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Stage is norm(Conv · the nine neighbours) with stride 2, then blocks.
type Stage struct {
	Conv   kernels.Weight `mm:"conv"` // (C, 9 times the channels before)
	Norm   kernels.Tensor `mm:"norm"` // (C)
	Blocks []Block        `mm:"blocks"`
}

// Block is x += Down · SiLU(Up · depthwise(norm(x))): a separable convolution as
// the trunk's, in two dimensions and with a wide middle.
type Block struct {
	Norm      kernels.Tensor `mm:"norm"`      // (C)
	Depthwise kernels.Tensor `mm:"depthwise"` // (9, C)
	Up        kernels.Weight `mm:"up"`        // (E·C, C)
	Down      kernels.Weight `mm:"down"`      // (C, E·C)
}

func newStage(in, channels, blocks, expand int) Stage {
	l := Stage{Conv: nn.Linear(channels, window*in), Norm: nn.Gain(channels)}
	for range blocks {
		l.Blocks = append(l.Blocks, Block{
			nn.Gain(channels), nn.Filter(window, channels),
			nn.Linear(expand*channels, channels), nn.Linear(channels, expand*channels)})
	}
	return l
}

// forward returns the stage's rows in scratch; strided and around list the taps of
// its convolution, over x, and of its blocks.
func (l *Stage) forward(s *nn.Scope, x kernels.Tensor, strided, around []int32, eps float32) kernels.Tensor {
	y := s.Take(len(strided)/window, l.Conv.Out)
	mark := s.Mark()
	pieces(s, y.Rows, window*x.Cols, func(lo, hi int) {
		h := s.Take(hi-lo, window*x.Cols)
		kernels.Unfold(s.Dev, h, x, strided[lo*window:hi*window])
		kernels.MatMul(s.Dev, y.Slice(lo, hi), h, l.Conv, false)
	})
	kernels.RMSNorm(s.Dev, y, y, l.Norm, eps)
	h, g := s.Take(y.Rows, y.Cols), s.Take(y.Rows, y.Cols)
	for i := range l.Blocks {
		b := &l.Blocks[i]
		kernels.RMSNorm(s.Dev, h, y, b.Norm, eps)
		kernels.GatherConv(s.Dev, g, h, b.Depthwise, around)
		pieces(s, y.Rows, b.Up.Out, func(lo, hi int) {
			hidden := nn.Project(s, g.Slice(lo, hi), b.Up)
			kernels.SiLU(s.Dev, hidden, hidden)
			kernels.MatMul(s.Dev, y.Slice(lo, hi), hidden, b.Down, true)
		})
	}
	s.Release(mark)
	return y
}

// pieceSize is in elements: the first stages of a large batch have so many rows
// that their widest matrices would fill gigabytes and no cache.
const pieceSize = 1 << 20

// pieces calls f with ranges of rows whose matrices of cols columns have that size
// at most, and gives back what each took.
func pieces(s *nn.Scope, rows, cols int, f func(lo, hi int)) {
	step := max(1, pieceSize/cols)
	for lo := 0; lo < rows; lo += step {
		mark := s.Mark()
		f(lo, min(lo+step, rows))
		s.Release(mark)
	}
}
