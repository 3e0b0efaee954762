package nn

import "github.com/mm-runtime/mm/kernels"

// Dims are the sizes that layers share, from the checkpoint's configuration.
type Dims struct {
	Width, Heads, FFN              int
	Experts, TopExperts, ExpertFFN int
	ConvWidth                      int
	Eps                            float32
}

// Linear declares a weight (out, in) to be bound.
func Linear(out, in int) kernels.Weight { return kernels.Weight{Groups: 1, Out: out, In: in} }

// Gain declares a vector of n to be bound.
func Gain(n int) kernels.Tensor { return kernels.Tensor{Rows: 1, Cols: n} }

// Filter declares a depthwise filter (width, channels) to be bound.
func Filter(width, channels int) kernels.Tensor {
	return kernels.Tensor{Rows: width, Cols: channels}
}

// normed returns norm(x) in scratch.
func normed(s *Scope, x, gain kernels.Tensor, eps float32) kernels.Tensor {
	h := s.Take(x.Rows, x.Cols)
	kernels.RMSNorm(s.Dev, h, x, gain, eps)
	return h
}

// Project returns x·wᵀ in scratch.
func Project(s *Scope, x kernels.Tensor, w kernels.Weight) kernels.Tensor {
	h := s.Take(x.Rows, w.Out)
	kernels.MatMul(s.Dev, h, x, w, false)
	return h
}

// FeedForward is x += Down · (SiLU(g) ⊙ u), [g ; u] = Up · norm(x): a gated
// feed-forward layer (Shazeer 2020, "GLU Variants Improve Transformer").
type FeedForward struct {
	Norm kernels.Tensor `mm:"norm"` // (D)
	Up   kernels.Weight `mm:"up"`   // (2F, D)
	Down kernels.Weight `mm:"down"` // (D, F)
	eps  float32
}

// NewFeedForward declares the layer's weights.
func NewFeedForward(d Dims) *FeedForward {
	return &FeedForward{Gain(d.Width), Linear(2*d.FFN, d.Width), Linear(d.Width, d.FFN), d.Eps}
}

// Forward adds the layer to x (T, D).
func (l *FeedForward) Forward(s *Scope, x kernels.Tensor) {
	mark := s.Mark()
	h := Project(s, normed(s, x, l.Norm, l.eps), l.Up)
	hidden := s.Take(x.Rows, l.Down.In)
	kernels.SwiGLU(s.Dev, hidden, h)
	kernels.MatMul(s.Dev, x, hidden, l.Down, true)
	s.Release(mark)
}

// Experts is a sparsely gated mixture of gated feed-forward layers (Shazeer et
// al. 2017, section 2): each row goes to the best TopExperts by gate·norm(x) and
// adds their outputs, weighted by the softmax over the chosen ones.
type Experts struct {
	Norm kernels.Tensor `mm:"norm"` // (D)
	Gate kernels.Weight `mm:"gate"` // (E, D)
	Up   kernels.Weight `mm:"up"`   // (E, 2F, D)
	Down kernels.Weight `mm:"down"` // (E, D, F)
	top  int
	eps  float32
}

// NewExperts declares the layer's weights.
func NewExperts(d Dims) *Experts {
	return &Experts{
		Norm: Gain(d.Width),
		Gate: Linear(d.Experts, d.Width),
		Up:   kernels.Weight{Groups: d.Experts, Out: 2 * d.ExpertFFN, In: d.Width},
		Down: kernels.Weight{Groups: d.Experts, Out: d.Width, In: d.ExpertFFN},
		top:  d.TopExperts, eps: d.Eps,
	}
}

// Forward adds the layer to x (T, D).
func (l *Experts) Forward(s *Scope, x kernels.Tensor) {
	mark := s.Mark()
	h := normed(s, x, l.Norm, l.eps)
	r := s.Routing(x.Rows, l.Gate.Out, l.top)
	logits := Project(s, h, l.Gate)
	if s.Gated != nil {
		s.Gated(l, logits)
	}
	kernels.Route(s.Dev, r, logits)

	rows := x.Rows * l.top
	in, up, hidden := s.Take(rows, x.Cols), s.Take(rows, l.Up.Out), s.Take(rows, l.Down.In)
	kernels.GatherRows(s.Dev, in, h, r)
	kernels.GroupMatMul(s.Dev, up, in, l.Up, r)
	kernels.SwiGLU(s.Dev, hidden, up)
	kernels.GroupMatMul(s.Dev, in, hidden, l.Down, r)
	kernels.ScatterRows(s.Dev, x, in, r)
	s.Release(mark)
}
