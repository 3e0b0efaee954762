// Package boxes finds objects: every cell of a picture's grid says what stands
// there and how far its edges are (FCOS, Tian et al. 2019), and the best of the
// overlapping boxes stay.
package boxes

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Head is Out · SiLU(Hidden · norm(row)) + Bias: for each cell the logits of L
// classes and of there being an object, and four distances. It is the twin of
// BoxHead in train/modalities.py.
type Head struct {
	Norm   kernels.Tensor `mm:"norm"`   // (D)
	Hidden kernels.Weight `mm:"hidden"` // (D, D)
	Out    kernels.Weight `mm:"out"`    // (L+5, D)
	Bias   kernels.Tensor `mm:"bias"`   // (L+5)
	eps    float32
}

// beside is how many numbers a cell has beside its classes: that of an object and
// the distances to its left, top, right and bottom.
const beside = 5

// New declares the head's weights.
func New(width, labels int, eps float32) *Head {
	return &Head{nn.Gain(width), nn.Linear(width, width), nn.Linear(labels+beside, width), nn.Gain(labels + beside), eps}
}

// Forward returns what the head says of rows (n, D), those of grids without their
// commands, in scratch: (n, L+5), to which Decode adds the bias.
func (h *Head) Forward(s *nn.Scope, rows kernels.Tensor) kernels.Tensor {
	out := s.Take(rows.Rows, h.Out.Out)
	mark := s.Mark()
	x := s.Take(rows.Rows, rows.Cols)
	kernels.RMSNorm(s.Dev, x, rows, h.Norm, h.eps)
	hidden := nn.Project(s, x, h.Hidden)
	kernels.SiLU(s.Dev, hidden, hidden)
	kernels.MatMul(s.Dev, out, hidden, h.Out, false)
	s.Release(mark)
	return out
}
