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
	t := trunk{m: m, x: x, positions: positions, segs: segs}
	t.own = share(segs, s.Lanes())
	for i := range m.Encoder.Blocks {
		t.block = &m.Encoder.Blocks[i]
		if t.own == nil {
			t.Do(s, 0, 1)
		} else {
			s.Spread(&t)
		}
		if tap != nil {
			tap(i, x)
		}
	}
	kernels.RMSNorm(s.Dev, x, x, m.Encoder.Norm, m.Encoder.eps)
}

// trunk is a block at work on packed segments, of which each lane may do its own.
type trunk struct {
	m         *Mixer
	block     *EncoderBlock
	x         kernels.Tensor
	positions []int32
	segs      kernels.Segments
	own       []stretch // of each lane; nil where they do not share
}

// Do runs the block over a part's rows.
func (t *trunk) Do(s *nn.Scope, part, parts int) {
	x, positions, segs := t.x, t.positions, t.segs
	if parts > 1 {
		own := t.own[part]
		x, positions, segs = x.Slice(own.lo, own.hi), positions[own.lo:own.hi], own.segs
	}
	t.block.Conv.Forward(s, x, segs)
	t.block.Attn.Forward(s, x, t.m.rope, positions, segs)
	t.block.forward(s, x)
}

// LaneRows is the fewest rows for which a lane reads all the weights itself.
const LaneRows = 8

// stretch is a run of whole segments: the rows lo up to hi, and its segments counted
// from lo.
type stretch struct {
	lo, hi int
	segs   kernels.Segments
}

func newStretch(segs kernels.Segments) stretch {
	s := stretch{int(segs[0]), int(segs[len(segs)-1]), make(kernels.Segments, len(segs))}
	for i, at := range segs {
		s.segs[i] = at - segs[0]
	}
	return s
}

// share cuts segments between lanes, nil where these would have too few rows or
// very different numbers of them.
func share(segs kernels.Segments, lanes int) []stretch {
	rows := int(segs[len(segs)-1])
	if lanes == 1 || rows < lanes*LaneRows {
		return nil
	}
	own, from := make([]stretch, lanes), 0
	for i := range own {
		to := from
		// Up to the cut that is nearest to an equal share.
		for want := rows * (i + 1) / lanes; to < len(segs)-1 && (i == lanes-1 || int(segs[to]+segs[to+1]) <= 2*want); {
			to++
		}
		own[i], from = newStretch(segs[from:to+1]), to
		if n := own[i].hi - own[i].lo; 4*n*lanes > 5*rows {
			return nil
		}
	}
	return own
}
