package image

import "math"

// Cell is the side of a row's square on the canvas, in pixels.
const Cell = 8

// Canvas is the size of a picture in pixels, both multiples of Cell.
type Canvas struct{ Width, Height int }

// Rows is how many rows the picture becomes, one for each cell, in raster order.
func (c Canvas) Rows() int { return c.Width / Cell * (c.Height / Cell) }

// area is how many rows, one for each place, the canvas has.
func (c Canvas) area() int { return c.Width * c.Height }

// window is the number of places in a convolution's square of 3×3.
const window = 9

// taps list rows that the windows of a convolution take in, -1 outside.
type taps struct {
	index []int32 // window of them a row of the result
	from  int     // rows that they are among
}

// around takes the window of every stride-th place in both directions.
func (c Canvas) around(stride int) taps {
	t := taps{make([]int32, 0, window*(c.Width/stride)*(c.Height/stride)), c.area()}
	for y := 0; y < c.Height; y += stride {
		for x := 0; x < c.Width; x += stride {
			for v := y - 1; v <= y+1; v++ {
				for u := x - 1; u <= x+1; u++ {
					if u < 0 || u >= c.Width || v < 0 || v >= c.Height {
						t.index = append(t.index, -1)
					} else {
						t.index = append(t.index, int32(v*c.Width+u))
					}
				}
			}
		}
	}
	return t
}

// positions are sinusoids (Vaswani et al. 2017) of each place's y, then of its x:
// a quarter of the columns each for sin y, cos y, sin x and cos x.
func (c Canvas) positions(columns int) []float32 {
	quarter := columns / 4
	lines := max(c.Width, c.Height)
	sines, cosines := make([]float32, lines*quarter), make([]float32, lines*quarter)
	for i := range quarter {
		// The frequency is rounded to float32 first, as the reference does.
		freq := float32(math.Pow(10000, -float64(i)/float64(quarter)))
		for p := range lines {
			angle := float64(float32(p) * freq)
			sines[p*quarter+i], cosines[p*quarter+i] = float32(math.Sin(angle)), float32(math.Cos(angle))
		}
	}
	out := make([]float32, 0, c.area()*columns)
	for y := range c.Height {
		for x := range c.Width {
			for _, p := range []int{y, x} {
				lo, hi := p*quarter, (p+1)*quarter
				out = append(append(out, sines[lo:hi]...), cosines[lo:hi]...)
			}
		}
	}
	return out
}

// grid is what the encoder has to know of a canvas.
type grid struct {
	strided   []taps    // by stage: of its convolution
	around    []taps    // by stage: of its blocks
	positions []float32 // (rows, D)
}

func newGrid(c Canvas, stages, columns int) *grid {
	g := &grid{}
	for range stages {
		g.strided = append(g.strided, c.around(2))
		c = Canvas{c.Width / 2, c.Height / 2}
		g.around = append(g.around, c.around(1))
	}
	g.positions = c.positions(columns)
	return g
}

// join makes one list for pictures whose rows stand one after another.
func join(grids []*grid, of func(g *grid) taps) []int32 {
	n := 0
	for _, g := range grids {
		n += len(of(g).index)
	}
	index, first := make([]int32, 0, n), int32(0)
	for _, g := range grids {
		t := of(g)
		for _, at := range t.index {
			if at >= 0 {
				at += first
			}
			index = append(index, at)
		}
		first += int32(t.from)
	}
	return index
}
