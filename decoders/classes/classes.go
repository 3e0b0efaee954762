// Package classes decides between labels at once: the rows of a segment, pooled by
// attention, and one number a label.
package classes

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Head is Labels · norm(q + cross-attention of q over the memory), q being one
// learned row: the twin of ClassHead in train/modalities.py.
type Head struct {
	Query  kernels.Weight     `mm:"query"` // (1, D)
	Cross  *nn.CrossAttention `mm:"cross"`
	Norm   kernels.Tensor     `mm:"norm"`   // (D)
	Labels kernels.Weight     `mm:"labels"` // (L, D)
	eps    float32
}

// New declares the head's weights.
func New(d nn.Dims, labels int) *Head {
	return &Head{nn.Linear(1, d.Width), nn.NewCrossAttention(d), nn.Gain(d.Width), nn.Linear(labels, d.Width), d.Eps}
}

// Logits returns a row of them for each segment of memory (ΣT, D), in scratch
// (n, L). A segment's first row is the command's, and counts.
func (h *Head) Logits(s *nn.Scope, memory kernels.Tensor, segs kernels.Segments) kernels.Tensor {
	n := len(segs) - 1
	logits := s.Take(n, h.Labels.Out)
	mark := s.Mark()
	p, own := s.Take(n, memory.Cols), make(kernels.Segments, n+1)
	for i := range own {
		own[i] = int32(i)
	}
	kernels.Embed(s.Dev, p, h.Query, make([]int32, n), 1)
	h.Cross.Forward(s, p, memory, own, segs)
	kernels.RMSNorm(s.Dev, p, p, h.Norm, h.eps)
	kernels.MatMul(s.Dev, logits, p, h.Labels, false)
	s.Release(mark)
	return logits
}
