// Package image is the modality of pictures: pixels to rows of the shared
// representation, one for each cell of 8×8, with their place in the picture
// (Kaiser et al. 2017, section 2.5.2, has a like convolutional modality).
package image

import (
	"fmt"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Encoder is three stages of strided convolution with residual blocks, the twin of
// ImageEncoder in train/modalities.py.
type Encoder struct {
	Stages []Stage        `mm:"stages"`
	Norm   kernels.Tensor `mm:"norm"` // (D)
	eps    float32
	// grids are kept: a model's tasks have a few canvases. Forward makes them as
	// they come, so an Encoder serves one goroutine.
	grids map[Canvas]*grid
}

// New declares the encoder's weights: channels and blocks of each stage, and the
// hidden units of a block per channel.
func New(channels, blocks []int, expand int, eps float32) *Encoder {
	e := &Encoder{Norm: nn.Gain(channels[len(channels)-1]), eps: eps, grids: map[Canvas]*grid{}}
	in := colours
	for i, c := range channels {
		e.Stages = append(e.Stages, newStage(in, c, blocks[i], expand, eps))
		in = c
	}
	return e
}

const colours = 3

// Forward writes the rows of pictures into dst (Σ rows, D). pixels are those of all
// pictures one after another, each (height, width, 3) from -1 to 1.
func (e *Encoder) Forward(s *nn.Scope, dst kernels.Tensor, pixels []float32, canvases []Canvas) {
	area, rows := 0, 0
	for _, c := range canvases {
		area, rows = area+c.area(), rows+c.Rows()
	}
	if len(pixels) != area*colours || dst.Rows != rows {
		panic(fmt.Sprintf("image: %d values of pixels for %d rows, want %d for %d", len(pixels), dst.Rows, area*colours, rows))
	}
	mark := s.Mark()
	x := s.Take(area, colours)
	s.Dev.Write(x, pixels)
	grids := e.gridsOf(canvases)
	for i := range e.Stages {
		strided := join(grids, func(g *grid) taps { return g.strided[i] })
		around := join(grids, func(g *grid) taps { return g.around[i] })
		x = e.Stages[i].forward(s, x, strided, around, e.eps)
	}
	kernels.RMSNorm(s.Dev, dst, x, e.Norm, e.eps)
	places, at := s.Take(rows, dst.Cols), 0
	for i, c := range canvases {
		s.Dev.Write(places.Slice(at, at+c.Rows()), grids[i].positions)
		at += c.Rows()
	}
	kernels.Add(s.Dev, dst, places)
	s.Release(mark)
}

func (e *Encoder) gridsOf(canvases []Canvas) []*grid {
	grids := make([]*grid, len(canvases))
	for i, c := range canvases {
		if e.grids[c] == nil {
			e.grids[c] = newGrid(c, len(e.Stages), e.Norm.Cols)
		}
		grids[i] = e.grids[c]
	}
	return grids
}
