package image_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/internal/nn/nntest"
)

const expand, eps = 3, 1e-6

var channels, blocks = []int{5, 17, 36}, []int{1, 0, 2}

// block and stage are a layer's values.
type block struct{ norm, depthwise, up, down nntest.Matrix }

type stage struct {
	conv, norm nntest.Matrix
	blocks     []block
}

type values struct {
	stages []stage
	norm   nntest.Matrix
}

func newEncoder(s *nntest.Source) (*image.Encoder, values) {
	e := image.New(channels, blocks, expand, eps)
	v := values{norm: s.Tensor(&e.Norm)}
	for i := range e.Stages {
		l := &e.Stages[i]
		made := stage{conv: s.Weight(&l.Conv), norm: s.Tensor(&l.Norm)}
		for j := range l.Blocks {
			b := l.Blocks[j]
			made.blocks = append(made.blocks, block{s.Tensor(&b.Norm), s.Tensor(&b.Depthwise), s.Weight(&b.Up), s.Weight(&b.Down)})
		}
		v.stages = append(v.stages, made)
	}
	return e, v
}

// picture is a canvas with its pixels.
type picture struct {
	image.Canvas
	pixels []float32
}

func picturesOf(s *nntest.Source, sizes ...image.Canvas) []picture {
	pictures := make([]picture, len(sizes))
	for i, c := range sizes {
		pictures[i] = picture{c, s.Values(c.Width*c.Height*3, 0.5)}
	}
	return pictures
}

// encode runs pictures in one batch and returns the rows of each.
func encode(s *nntest.Source, e *image.Encoder, pictures []picture) [][]float32 {
	defer s.Scope.Reset()
	var canvases []image.Canvas
	var pixels []float32
	rows := 0
	for _, p := range pictures {
		canvases, pixels, rows = append(canvases, p.Canvas), append(pixels, p.pixels...), rows+p.Rows()
	}
	width := channels[2]
	dst := s.Rows(rows, width)
	e.Forward(s.Scope, dst, pixels, canvases)
	got, out := s.Read(dst), make([][]float32, len(pictures))
	for i, p := range pictures {
		out[i], got = got[:p.Rows()*width], got[p.Rows()*width:]
	}
	return out
}

// plane is rows of a grid, in raster order.
type plane struct {
	width, height int
	rows          [][]float64
}

// at is the row of a place, nil outside.
func (p plane) at(y, x int) []float64 {
	if y < 0 || y >= p.height || x < 0 || x >= p.width {
		return nil
	}
	return p.rows[y*p.width+x]
}

// strided is the stage's convolution: taps at (2y-1+i, 2x-1+j).
func (l stage) strided(p plane) plane {
	out := plane{width: p.width / 2, height: p.height / 2}
	for y := range out.height {
		for x := range out.width {
			var taps []float64
			for i := range 3 {
				for j := range 3 {
					row := p.at(2*y-1+i, 2*x-1+j)
					if row == nil {
						row = make([]float64, len(p.rows[0]))
					}
					taps = append(taps, row...)
				}
			}
			out.rows = append(out.rows, nntest.Norm(l.conv.Times(taps), l.norm, eps))
		}
	}
	return out
}

// add is the block's residual step.
func (b block) add(p plane) plane {
	normed, out := plane{width: p.width, height: p.height}, plane{width: p.width, height: p.height}
	for _, row := range p.rows {
		normed.rows = append(normed.rows, nntest.Norm(row, b.norm, eps))
	}
	for y := range p.height {
		for x := range p.width {
			h := make([]float64, len(p.rows[0]))
			for k := range 9 {
				for c, v := range normed.at(y-1+k/3, x-1+k%3) {
					h[c] += float64(b.depthwise.Row(k)[c]) * v
				}
			}
			out.rows = append(out.rows, nntest.Plus(p.at(y, x), b.down.Times(nntest.SiLU(b.up.Times(h)))))
		}
	}
	return out
}

// reference is the encoder by its formula, one picture, one place at a time.
func (v values) reference(p picture) [][]float64 {
	x := plane{width: p.Width, height: p.Height}
	for i := range p.Width * p.Height {
		x.rows = append(x.rows, nntest.Matrix{Cols: 3, Values: p.pixels}.Wide(i))
	}
	for _, l := range v.stages {
		x = l.strided(x)
		for _, b := range l.blocks {
			x = b.add(x)
		}
	}
	quarter := channels[2] / 4
	for i, row := range x.rows {
		place := make([]float64, len(row))
		for j := range quarter {
			freq := math.Pow(10000, -float64(j)/float64(quarter))
			for k, at := range []int{i / x.width, i % x.width} {
				place[2*k*quarter+j] = math.Sin(float64(at) * freq)
				place[(2*k+1)*quarter+j] = math.Cos(float64(at) * freq)
			}
		}
		x.rows[i] = nntest.Plus(nntest.Norm(row, v.norm, eps), place)
	}
	return x.rows
}

func TestForward(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, v := newEncoder(s)
		pictures := picturesOf(s, image.Canvas{Width: 8, Height: 8}, image.Canvas{Width: 24, Height: 16},
			image.Canvas{Width: 8, Height: 40}, image.Canvas{Width: 24, Height: 16})
		for i, got := range encode(s, e, pictures) {
			nntest.Near(t, fmt.Sprintf("picture %d", i), got, v.reference(pictures[i]))
		}
		if got := encode(s, e, nil); len(got) != 0 {
			t.Errorf("no pictures: %d results", len(got))
		}
	})
}

// TestCompany encodes pictures alone and together, in both orders; together they
// are more than the encoder does in one piece.
func TestCompany(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, _ := newEncoder(s)
		pictures := picturesOf(s, image.Canvas{Width: 40, Height: 24}, image.Canvas{Width: 8, Height: 8},
			image.Canvas{Width: 400, Height: 408}, image.Canvas{Width: 16, Height: 48})
		together := encode(s, e, pictures)
		for i := range pictures {
			nntest.Same(t, fmt.Sprintf("picture %d alone", i), encode(s, e, pictures[i:i+1])[0], together[i])
		}
		slices.Reverse(pictures)
		for i, got := range encode(s, e, pictures) {
			nntest.Same(t, "in the other order", got, together[len(pictures)-1-i])
		}
	})
}

func TestForwardChecksPixels(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, _ := newEncoder(s)
		defer func() {
			if got := fmt.Sprint(recover()); got != "image: 191 values of pixels for 1 rows, want 192 for 1" {
				t.Errorf("panic %q", got)
			}
		}()
		e.Forward(s.Scope, s.Rows(1, channels[2]), make([]float32, 191), []image.Canvas{{Width: 8, Height: 8}})
	})
}
