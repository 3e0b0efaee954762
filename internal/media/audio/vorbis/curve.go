package vorbis

// apply multiplies the spectrum by the curve through the coded points (section
// 7.2.4).
func (f *floor) apply(coded []int, spectrum []float32) {
	var heights [65]int
	var drawn [65]bool
	f.unwrap(coded, heights[:], drawn[:])
	x0, y0 := 0, heights[0]*f.multiplier
	for _, i := range f.order[1:] {
		if !drawn[i] {
			continue
		}
		x1, y1 := f.x[i], heights[i]*f.multiplier
		drawLine(spectrum, x0, y0, x1, y1)
		x0, y0 = x1, y1
	}
	if x0 < len(spectrum) {
		drawLine(spectrum, x0, y0, len(spectrum), y0)
	}
}

// unwrap turns the coded values, which are differences from the line between a
// point's neighbours, into heights. A point that lies on it is not drawn.
func (f *floor) unwrap(coded, heights []int, drawn []bool) {
	limit := [4]int{256, 128, 86, 64}[f.multiplier-1]
	heights[0], heights[1] = coded[0], coded[1]
	drawn[0], drawn[1] = true, true
	for i := 2; i < len(coded); i++ {
		low, high := f.low[i], f.high[i]
		on := onLine(f.x[low], heights[low], f.x[high], heights[high], f.x[i])
		value := coded[i]
		heights[i] = on
		if value == 0 {
			continue
		}
		drawn[low], drawn[high], drawn[i] = true, true, true
		above, below := limit-on, on
		switch {
		case value >= 2*min(above, below) && above > below:
			heights[i] = value
		case value >= 2*min(above, below):
			heights[i] = on - value + above - 1
		case value%2 == 1:
			heights[i] = on - (value+1)/2
		default:
			heights[i] = on + value/2
		}
	}
}

// onLine is the height at x of a line, rounded towards its start.
func onLine(x0, y0, x1, y1, x int) int {
	offset := abs(y1-y0) * (x - x0) / (x1 - x0)
	if y1 < y0 {
		return y0 - offset
	}
	return y0 + offset
}

// drawLine multiplies the spectrum from x0 up to, not including, x1 by a line
// (Bresenham 1965).
func drawLine(spectrum []float32, x0, y0, x1, y1 int) {
	dx, dy := x1-x0, y1-y0
	base := dy / dx
	step := base + 1
	if dy < 0 {
		step = base - 1
	}
	rest := abs(dy) - abs(base)*dx
	y, wrong := y0, 0
	for x := x0; x < min(x1, len(spectrum)); x++ {
		if x > x0 {
			if wrong += rest; wrong >= dx {
				wrong -= dx
				y += step
			} else {
				y += base
			}
		}
		spectrum[x] *= gains[max(0, min(y, 255))]
	}
}

func abs(n int) int { return max(n, -n) }
