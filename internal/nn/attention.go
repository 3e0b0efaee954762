package nn

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// Rope holds the rotary position table (Su et al. 2021): row p, column i is the
// cosine or sine of p · base^(-i/half).
type Rope struct{ Cos, Sin kernels.Tensor } // (positions, headDim/2)

// NewRope computes the table for positions 0 ≤ p < positions.
func NewRope(dev kernels.Device, positions, headDim int, base float64) (Rope, error) {
	half := headDim / 2
	cos, sin := Turns(positions, half, base)
	var r Rope
	for _, part := range []struct {
		to   *kernels.Tensor
		from []float32
	}{{&r.Cos, cos}, {&r.Sin, sin}} {
		t, err := dev.Alloc(positions, half)
		if err != nil {
			return r, err
		}
		dev.Write(t, part.from)
		*part.to = t
	}
	return r, nil
}

// Turns are the cosines and sines of a Rope's angles, (positions, half) each.
func Turns(positions, half int, base float64) (cos, sin []float32) {
	cos, sin = make([]float32, positions*half), make([]float32, positions*half)
	for p := range positions {
		for i := range half {
			// The frequency is rounded to float32 first, as the reference does.
			freq := float32(math.Pow(base, -float64(i)/float64(half)))
			angle := float64(float32(p) * freq)
			cos[p*half+i], sin[p*half+i] = float32(math.Cos(angle)), float32(math.Sin(angle))
		}
	}
	return cos, sin
}

// Attention is x += Out · softmax(q·kᵀ/√d)·v, [q ; k ; v] = QKV · norm(x), with
// rotary positions on q and k (multi-head: Vaswani et al. 2017).
type Attention struct {
	Norm  kernels.Tensor `mm:"norm"` // (D)
	QKV   kernels.Weight `mm:"qkv"`  // (3D, D)
	Out   kernels.Weight `mm:"out"`  // (D, D)
	heads int
	eps   float32
}

// NewAttention declares the layer's weights.
func NewAttention(d Dims) *Attention {
	return &Attention{Gain(d.Width), Linear(3*d.Width, d.Width), Linear(d.Width, d.Width), d.Heads, d.Eps}
}

// Forward adds the layer to x (T, D): every row sees its whole segment.
func (l *Attention) Forward(s *Scope, x kernels.Tensor, rope Rope, positions []int32, segs kernels.Segments) {
	mark := s.Mark()
	qkv := l.project(s, x, rope, positions)
	D, h := x.Cols, s.Take(x.Rows, x.Cols)
	kernels.Attention(s.Dev, h, qkv.Columns(0, D), qkv.Columns(D, 2*D), qkv.Columns(2*D, 3*D), l.heads, segs, segs)
	kernels.MatMul(s.Dev, x, h, l.Out, true)
	s.Release(mark)
}

// Step is the causal form for new rows x (R, D) of hypotheses whose past keys
// and values stand in cache (S, 2D); it first stores the new ones at slots.
func (l *Attention) Step(s *Scope, x kernels.Tensor, rope Rope, positions []int32, cache kernels.Tensor, slots []int32, paths kernels.Paths) {
	mark := s.Mark()
	qkv := l.project(s, x, rope, positions)
	D, h := x.Cols, s.Take(x.Rows, x.Cols)
	kernels.StoreRows(s.Dev, cache, qkv.Columns(D, 3*D), slots)
	kernels.PathAttention(s.Dev, h, qkv.Columns(0, D), cache.Columns(0, D), cache.Columns(D, 2*D), l.heads, paths)
	kernels.MatMul(s.Dev, x, h, l.Out, true)
	s.Release(mark)
}

func (l *Attention) project(s *Scope, x kernels.Tensor, rope Rope, positions []int32) kernels.Tensor {
	qkv := Project(s, normed(s, x, l.Norm, l.eps), l.QKV)
	kernels.Rope(s.Dev, qkv, rope.Cos, rope.Sin, 2*l.heads, positions)
	return qkv
}

// CrossAttention is x += Out · softmax(q·kᵀ/√d)·v, q = Q · norm(x), [k ; v] =
// KV · memory: the outputs so far look at the encoded input.
type CrossAttention struct {
	Norm  kernels.Tensor `mm:"norm"` // (D)
	Q     kernels.Weight `mm:"q"`    // (D, D)
	KV    kernels.Weight `mm:"kv"`   // (2D, D)
	Out   kernels.Weight `mm:"out"`  // (D, D)
	heads int
	eps   float32
}

// NewCrossAttention declares the layer's weights.
func NewCrossAttention(d Dims) *CrossAttention {
	return &CrossAttention{Gain(d.Width), Linear(d.Width, d.Width), Linear(2*d.Width, d.Width), Linear(d.Width, d.Width), d.Heads, d.Eps}
}

// Forward adds the layer to x (ΣTq, D): the rows of each of qSegs see the memory rows
// (ΣTk, D) of the same-numbered one of kSegs.
func (l *CrossAttention) Forward(s *Scope, x, memory kernels.Tensor, qSegs, kSegs kernels.Segments) {
	mark := s.Mark()
	q, kv := Project(s, normed(s, x, l.Norm, l.eps), l.Q), Project(s, memory, l.KV)
	D, h := x.Cols, s.Take(x.Rows, x.Cols)
	kernels.Attention(s.Dev, h, q, kv.Columns(0, D), kv.Columns(D, 2*D), l.heads, qSegs, kSegs)
	kernels.MatMul(s.Dev, x, h, l.Out, true)
	s.Release(mark)
}

// Remember stores the keys and values of memory rows (T, D) in cache (M, 2D) at
// slots.
func (l *CrossAttention) Remember(s *Scope, memory, cache kernels.Tensor, slots []int32) {
	mark := s.Mark()
	kernels.StoreRows(s.Dev, cache, Project(s, memory, l.KV), slots)
	s.Release(mark)
}

// Step adds the layer to x (R, D); paths name the memory rows that each row sees.
func (l *CrossAttention) Step(s *Scope, x, cache kernels.Tensor, paths kernels.Paths) {
	mark := s.Mark()
	q := Project(s, normed(s, x, l.Norm, l.eps), l.Q)
	D, h := x.Cols, s.Take(x.Rows, x.Cols)
	kernels.PathAttention(s.Dev, h, q, cache.Columns(0, D), cache.Columns(D, 2*D), l.heads, paths)
	kernels.MatMul(s.Dev, x, h, l.Out, true)
	s.Release(mark)
}
