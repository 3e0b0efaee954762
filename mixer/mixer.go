// Package mixer is the body of the MultiModel (Kaiser et al. 2017, section 2): a
// trunk of blocks that every task and modality shares, and the I/O mixer and
// decoder blocks that join the encoded input with the outputs so far. It knows
// rows, not tasks: the task's command is just the first row of each segment.
package mixer

import (
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Shape describes a mixer: sizes, and per block its dilation and whether its
// feed-forward layer is a mixture of experts.
type Shape struct {
	nn.Dims
	Encoder, Decoder []BlockShape
	IODilations      [2]int
	MergeWidth       int
	Positions        int // rotary table rows: the longest segment or output
	RopeBase         float64
}

// BlockShape is what differs between blocks.
type BlockShape struct {
	Dilation int
	Experts  bool
}

// Mixer holds the trunk's weights; it is immutable once bound.
type Mixer struct {
	Encoder Encoder `mm:"encoder"`
	IO      IOMixer `mm:"io"`
	Decoder Decoder `mm:"decoder"`
	rope    nn.Rope
	dims    nn.Dims
}

// New declares a mixer's weights for a checkpoint to bind.
func New(dev kernels.Device, sh Shape) (*Mixer, error) {
	headDim := sh.Width / sh.Heads
	rope, err := nn.NewRope(dev, sh.Positions, headDim, sh.RopeBase)
	if err != nil {
		return nil, err
	}
	m := &Mixer{rope: rope, dims: sh.Dims}
	m.Encoder = newEncoder(sh)
	m.IO = newIOMixer(sh)
	m.Decoder = newDecoder(sh)
	return m, nil
}

// Width is D, the columns of all rows.
func (m *Mixer) Width() int { return m.dims.Width }

// Positions is the longest segment or output that the position table covers.
func (m *Mixer) Positions() int { return m.rope.Cos.Rows }

// mixture is the second half of a block: one of the two is nil.
type mixture struct {
	FFN *nn.FeedForward `mm:"ffn"`
	MoE *nn.Experts     `mm:"moe"`
}

func newMixture(d nn.Dims, experts bool) mixture {
	if experts {
		return mixture{MoE: nn.NewExperts(d)}
	}
	return mixture{FFN: nn.NewFeedForward(d)}
}

func (b *mixture) forward(s *nn.Scope, x kernels.Tensor) {
	if b.MoE != nil {
		b.MoE.Forward(s, x)
		return
	}
	b.FFN.Forward(s, x)
}
