package picture

import "math"

// taps are the source samples from start on that make one target sample, and
// their weights, which sum to 1.
type taps struct {
	start   int
	weights []float64
}

func (t taps) end() int { return t.start + len(t.weights) }

// triangle computes the taps from n samples to m: a triangle (bilinear) filter,
// stretched by n/m where that shrinks, so that every source sample counts:
//
//	center = scale·(i + ½)    scale = n/m    support = max(scale, 1)
//	w(j) ∝ max(0, 1 - |j + ½ - center| / support)
//
// These are the weights of PIL, and of PyTorch's interpolate(mode="bilinear",
// antialias=True).
func triangle(n, m int) []taps {
	scale := float64(n) / float64(m)
	support := max(scale, 1)
	list := make([]taps, m)
	for i := range list {
		center := scale * (float64(i) + 0.5)
		start := max(0, int(math.Floor(center-support+0.5)))
		end := min(n, int(math.Floor(center+support+0.5)))
		weights := make([]float64, end-start)
		sum := 0.0
		for j := range weights {
			weights[j] = max(0, 1-math.Abs(float64(start+j)+0.5-center)/support)
			sum += weights[j]
		}
		for j := range weights {
			weights[j] /= sum
		}
		list[i] = taps{start, weights}
	}
	return list
}

// resize writes the view's part of the picture, resized, to its place on a canvas
// of normalized values (H, W, 3). Each source row is resized once and added to
// the target rows that it touches, so memory beyond the canvas is one row.
func (p *RGB) resize(canvas []float32, canvasWidth int, v View) {
	from, to := v.Source, v.Target
	across, down := triangle(from.Dx(), to.Dx()), triangle(from.Dy(), to.Dy())
	sums := make([]float64, 3*to.Dx()*to.Dy())
	line := make([]float64, 3*to.Dx())
	first := 0
	for row := range from.Dy() {
		p.resizeRow(line, across, from.Min.X, from.Min.Y+row)
		for first < len(down) && down[first].end() <= row {
			first++
		}
		for y := first; y < len(down) && down[y].start <= row; y++ {
			if row >= down[y].end() {
				continue
			}
			weight := down[y].weights[row-down[y].start]
			dst := sums[y*len(line):][:len(line)]
			for i, level := range line {
				dst[i] += weight * level
			}
		}
	}
	for y := range to.Dy() {
		dst := canvas[3*((to.Min.Y+y)*canvasWidth+to.Min.X):]
		for i, level := range sums[y*len(line):][:len(line)] {
			dst[i] = float32(level/127.5 - 1)
		}
	}
}

// resizeRow resizes row y, whose first column is left, to line.
func (p *RGB) resizeRow(line []float64, across []taps, left, y int) {
	row := p.Pix[3*(y*p.Width+left):]
	for x, t := range across {
		var r, g, b float64
		src := row[3*t.start:]
		for j, w := range t.weights {
			r += w * float64(src[3*j])
			g += w * float64(src[3*j+1])
			b += w * float64(src[3*j+2])
		}
		line[3*x], line[3*x+1], line[3*x+2] = r, g, b
	}
}
