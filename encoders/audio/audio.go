// Package audio is the modality of sounds: log-mel frames to rows of the shared
// representation, 25 a second (Kaiser et al. 2017, section 2.5, has a like
// modality for spectrograms).
package audio

import (
	"fmt"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Encoder is two strided convolutions over the frames of each clip, then residual
// blocks along time, the twin of AudioEncoder in train/modalities.py.
type Encoder struct {
	Stages []Stage        `mm:"stages"`
	Blocks []*nn.WideConv `mm:"blocks"`
	eps    float32
}

// Stage is norm(SiLU(Conv · [x[2t-2] ; … ; x[2t+2]])), zeros outside the clip: it
// halves the rows.
type Stage struct {
	Conv kernels.Weight `mm:"conv"` // (D, 5C)
	Norm kernels.Tensor `mm:"norm"` // (D)
}

const taps = 5 // of a stage, around every second row

// New declares the encoder's weights: blocks, and the hidden units of a block per
// column.
func New(bands, width, blocks, expand int, eps float32) *Encoder {
	e := &Encoder{eps: eps, Stages: []Stage{
		{nn.Linear(width, taps*bands), nn.Gain(width)},
		{nn.Linear(width, taps*width), nn.Gain(width)},
	}}
	for range blocks {
		e.Blocks = append(e.Blocks, nn.NewWideConv(width, expand, eps))
	}
	return e
}

// Forward writes the rows of clips into dst (ΣT, D). frames are those of all clips
// one after another as Frames prepares them, (Σ4T, bands); segs are the clips'
// offsets in rows.
func (e *Encoder) Forward(s *nn.Scope, dst kernels.Tensor, frames []float32, segs kernels.Segments) {
	rows, bands := dst.Rows*Stride, e.Stages[0].Conv.In/taps
	if len(frames) != rows*bands {
		panic(fmt.Sprintf("audio: %d values of frames for %d rows, want %d frames of %d", len(frames), dst.Rows, rows, bands))
	}
	mark := s.Mark()
	x := s.Take(rows, bands)
	s.Dev.Write(x, frames)
	for i := range e.Stages {
		rows /= 2
		y := dst
		if i < len(e.Stages)-1 {
			y = s.Take(rows, dst.Cols)
		}
		e.Stages[i].forward(s, y, x, window(segs, 2*rows/max(dst.Rows, 1), taps, 2), e.eps)
		x = y
	}
	if len(e.Blocks) > 0 {
		around := window(segs, 1, nn.Neighbours, 1)
		for _, b := range e.Blocks {
			b.Forward(s, dst, around)
		}
	}
	s.Release(mark)
}

func (l *Stage) forward(s *nn.Scope, y, x kernels.Tensor, index []int32, eps float32) {
	mark := s.Mark()
	h := s.Take(y.Rows, taps*x.Cols)
	kernels.Unfold(s.Dev, h, x, index)
	kernels.MatMul(s.Dev, y, h, l.Conv, false)
	kernels.SiLU(s.Dev, y, y)
	kernels.RMSNorm(s.Dev, y, y, l.Norm, eps)
	s.Release(mark)
}

// window lists the taps rows around every stride-th row of clips that have per rows
// to the one that segs counts, -1 outside the clip.
func window(segs kernels.Segments, per, taps, stride int) []int32 {
	var index []int32
	for i := range len(segs) - 1 {
		lo, hi := int(segs[i])*per, int(segs[i+1])*per
		for centre := lo; centre < hi; centre += stride {
			for at := centre - taps/2; at <= centre+taps/2; at++ {
				if at < lo || at >= hi {
					index = append(index, -1)
				} else {
					index = append(index, int32(at))
				}
			}
		}
	}
	return index
}
