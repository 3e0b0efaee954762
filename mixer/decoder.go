package mixer

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// IOMixer joins the outputs so far with the memory (Kaiser et al. 2017, section
// 2.4): two causal convolutions, attention over the memory, and a convolution
// over the concatenation with the shifted targets.
type IOMixer struct {
	Conv1 *nn.SeparableConv  `mm:"conv1"`
	Conv2 *nn.SeparableConv  `mm:"conv2"`
	Cross *nn.CrossAttention `mm:"cross"`
	Merge *nn.Merge          `mm:"merge"`
}

func newIOMixer(sh Shape) IOMixer {
	return IOMixer{
		nn.NewSeparableConv(sh.Dims, sh.IODilations[0]), nn.NewSeparableConv(sh.Dims, sh.IODilations[1]),
		nn.NewCrossAttention(sh.Dims), nn.NewMerge(sh.Dims, sh.MergeWidth),
	}
}

// Decoder is the causal blocks, each reading the memory.
type Decoder struct {
	Blocks []DecoderBlock `mm:""`
	Norm   kernels.Tensor `mm:"norm"` // (D)
	eps    float32
}

// DecoderBlock is x → causal conv → causal attention → attention over the
// memory → feed-forward or experts.
type DecoderBlock struct {
	Conv  *nn.SeparableConv  `mm:"conv"`
	Attn  *nn.Attention      `mm:"attn"`
	Cross *nn.CrossAttention `mm:"cross"`
	mixture
}

func newDecoder(sh Shape) Decoder {
	d := Decoder{Norm: nn.Gain(sh.Width), eps: sh.Eps}
	for _, b := range sh.Decoder {
		d.Blocks = append(d.Blocks, DecoderBlock{
			nn.NewSeparableConv(sh.Dims, b.Dilation), nn.NewAttention(sh.Dims),
			nn.NewCrossAttention(sh.Dims), newMixture(sh.Dims, b.Experts)})
	}
	return d
}

// Batch says where the new rows of one decode step stand: their positions in
// their outputs, their cache slots, and which cached and memory rows each sees.
type Batch struct {
	Positions []int32
	Slots     []int32
	Paths     kernels.Paths // into the Cache's outputs
	Memory    kernels.Paths // into the Cache's memory
}

// Step runs new rows y (R, D), embedded outputs, through the I/O mixer and the
// decoder blocks, storing what later rows need in c. It returns the rows (R, D),
// not yet normed, in scratch; Predict finishes them. Rows of one hypothesis may
// come several at a time: each sees those before it. tap as in Encode, the I/O
// mixer being block -1.
func (m *Mixer) Step(s *nn.Scope, c *Cache, y kernels.Tensor, b Batch, tap func(block int, x kernels.Tensor)) kernels.Tensor {
	x := s.Take(y.Rows, y.Cols)
	kernels.Copy(s.Dev, x, y)
	m.IO.Conv1.Step(s, x, c.convs[0], b.Slots, b.Paths)
	m.IO.Conv2.Step(s, x, c.convs[1], b.Slots, b.Paths)
	m.IO.Cross.Step(s, x, c.memory[0], b.Memory)
	m.IO.Merge.Step(s, x, y, c.merge, b.Slots, b.Paths)
	if tap != nil {
		tap(-1, x)
	}
	for i := range m.Decoder.Blocks {
		d := &m.Decoder.Blocks[i]
		d.Conv.Step(s, x, c.convs[2+i], b.Slots, b.Paths)
		d.Attn.Step(s, x, m.rope, b.Positions, c.attn[i], b.Slots, b.Paths)
		d.Cross.Step(s, x, c.memory[1+i], b.Memory)
		d.forward(s, x)
		if tap != nil {
			tap(i, x)
		}
	}
	return x
}

// Predict norms x (R, D), rows that Step returned, for a vocabulary product.
func (m *Mixer) Predict(s *nn.Scope, x kernels.Tensor) kernels.Tensor {
	h := s.Take(x.Rows, x.Cols)
	kernels.RMSNorm(s.Dev, h, x, m.Decoder.Norm, m.Decoder.eps)
	return h
}

// Remember stores the memory rows (ΣT, D) at the Cache's memory slots.
func (m *Mixer) Remember(s *nn.Scope, c *Cache, memory kernels.Tensor, slots []int32) {
	r := remembering{m, c, memory, slots}
	if memory.Rows < s.Lanes()*LaneRows {
		r.Do(s, 0, 1)
	} else {
		s.Spread(&r)
	}
}

// remembering is Remember, of which each lane may do some rows.
type remembering struct {
	m      *Mixer
	c      *Cache
	memory kernels.Tensor
	slots  []int32
}

// Do stores a part's rows.
func (r *remembering) Do(s *nn.Scope, part, parts int) {
	lo, hi := r.memory.Rows*part/parts, r.memory.Rows*(part+1)/parts
	memory, slots := r.memory.Slice(lo, hi), r.slots[lo:hi]
	r.m.IO.Cross.Remember(s, memory, r.c.memory[0], slots)
	for i := range r.m.Decoder.Blocks {
		r.m.Decoder.Blocks[i].Cross.Remember(s, memory, r.c.memory[1+i], slots)
	}
}
