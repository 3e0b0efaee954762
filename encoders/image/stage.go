package image

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Stage is norm(Conv · the nine neighbours) with stride 2, then blocks.
type Stage struct {
	Conv   kernels.Weight `mm:"conv"` // (C, 9 times the channels before)
	Norm   kernels.Tensor `mm:"norm"` // (C)
	Blocks []*nn.WideConv `mm:"blocks"`
}

func newStage(in, channels, blocks, expand int, eps float32) Stage {
	l := Stage{Conv: nn.Linear(channels, window*in), Norm: nn.Gain(channels)}
	for range blocks {
		l.Blocks = append(l.Blocks, nn.NewWideConv(channels, expand, eps))
	}
	return l
}

// forward returns the stage's rows in scratch; strided and around list the taps of
// its convolution, over x, and of its blocks.
func (l *Stage) forward(s *nn.Scope, x kernels.Tensor, strided, around []int32, eps float32) kernels.Tensor {
	y := s.Take(len(strided)/window, l.Conv.Out)
	nn.InPieces(s, y.Rows, window*x.Cols, func(lo, hi int) {
		h := s.Take(hi-lo, window*x.Cols)
		kernels.Unfold(s.Dev, h, x, strided[lo*window:hi*window])
		kernels.MatMul(s.Dev, y.Slice(lo, hi), h, l.Conv, false)
	})
	kernels.RMSNorm(s.Dev, y, y, l.Norm, eps)
	for _, b := range l.Blocks {
		b.Forward(s, y, around)
	}
	return y
}
