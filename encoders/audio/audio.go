// Package audio is the modality of sounds: log-mel frames to rows of the shared
// representation, 25 a second (Kaiser et al. 2017, section 2.5, has a like
// modality for spectrograms).
package audio

import (
	"fmt"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Encoder is two strided convolutions over the frames of each clip, the twin of
// AudioEncoder in train/modalities.py.
type Encoder struct {
	Stages []Stage `mm:"stages"`
	eps    float32
}

// Stage is norm(SiLU(Conv · [x[2t-2] ; … ; x[2t+2]])), zeros outside the clip: it
// halves the rows.
type Stage struct {
	Conv kernels.Weight `mm:"conv"` // (D, 5C)
	Norm kernels.Tensor `mm:"norm"` // (D)
}

const taps = 5

// New declares the encoder's weights.
func New(bands, width int, eps float32) *Encoder {
	return &Encoder{eps: eps, Stages: []Stage{
		{nn.Linear(width, taps*bands), nn.Gain(width)},
		{nn.Linear(width, taps*width), nn.Gain(width)},
	}}
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
		e.Stages[i].forward(s, y, x, window(segs, rows/max(dst.Rows, 1)), e.eps)
		x = y
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

// window lists the taps of each output row of clips that have per rows to the one
// that segs counts, and twice as many input rows: 2t-2 up to 2t+2, -1 outside the
// clip.
func window(segs kernels.Segments, per int) []int32 {
	var index []int32
	for i := range len(segs) - 1 {
		lo, hi := 2*int(segs[i])*per, 2*int(segs[i+1])*per // of the clip's input rows
		for centre := lo; centre < hi; centre += 2 {
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
