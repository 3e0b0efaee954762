package mixer

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Encoder is the trunk: blocks of convolution, attention and feed-forward over
// the rows of all segments at once.
type Encoder struct {
	Blocks []EncoderBlock `mm:""`
	Norm   kernels.Tensor `mm:"norm"` // (D)
	eps    float32
}

// EncoderBlock is x → conv → attention → feed-forward or experts, each a
// residual step with its norm in front.
type EncoderBlock struct {
	Conv *nn.SeparableConv `mm:"conv"`
	Attn *nn.Attention     `mm:"attn"`
	mixture
}

func newEncoder(sh Shape) Encoder {
	e := Encoder{Norm: nn.Gain(sh.Width), eps: sh.Eps}
	for _, b := range sh.Encoder {
		e.Blocks = append(e.Blocks, EncoderBlock{
			nn.NewSeparableConv(sh.Dims, b.Dilation), nn.NewAttention(sh.Dims), newMixture(sh.Dims, b.Experts)})
	}
	return e
}

// Encode runs the trunk over x (ΣT, D) in place: afterwards x is the memory.
// positions count from 0 in each segment, whose first row is the command. tap,
// if not nil, sees the rows after each block.
func (m *Mixer) Encode(s *nn.Scope, x kernels.Tensor, positions []int32, segs kernels.Segments, tap func(block int, x kernels.Tensor)) {
	for i := range m.Encoder.Blocks {
		b := &m.Encoder.Blocks[i]
		b.Conv.Forward(s, x, segs)
		b.Attn.Forward(s, x, m.rope, positions, segs)
		b.forward(s, x)
		if tap != nil {
			tap(i, x)
		}
	}
	kernels.RMSNorm(s.Dev, x, x, m.Encoder.Norm, m.Encoder.eps)
}
