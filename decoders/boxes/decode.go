package boxes

import (
	"cmp"
	"math"
	"slices"
)

const (
	// Cell is the side of a grid's cell in pixels of the canvas.
	Cell = 8
	// Threshold is the lowest score that is worth showing.
	Threshold = 0.05
	// overlap is the most that two boxes of one class may share, the area of both
	// over the area of either.
	overlap = 0.5
	// most is how many boxes a picture may have.
	most = 200
)

// Box is an object found: its label's number, and its edges in pixels of the
// canvas, beyond which they may lie.
type Box struct {
	Label          int
	Score          float64 // 0 to 1
	X0, Y0, X1, Y1 float64
}

// Decode turns what Forward said of one picture, (cells, L+5) in raster order of a
// canvas of some width in pixels, into its boxes, best first: those of at least the
// threshold's score that are not the same object as a better one of their class.
// Numbers that are not finite make no box.
func Decode(values, bias []float32, width int, threshold float64) []Box {
	var found []Box
	cells := 0
	for row := range slices.Chunk(values, len(bias)) {
		x, y := cells%(width/Cell), cells/(width/Cell)
		found = appendBoxes(found, row, bias, Cell*float64(x)+Cell/2, Cell*float64(y)+Cell/2, threshold)
		cells++
	}
	slices.SortStableFunc(found, func(a, b Box) int { return cmp.Compare(b.Score, a.Score) })
	return suppress(found)
}

// appendBoxes adds the boxes of the cell around (x, y), one for each class with a
// score of at least threshold.
func appendBoxes(found []Box, row, bias []float32, x, y, threshold float64) []Box {
	labels := len(bias) - beside
	at := func(i int) float64 { return float64(row[i] + bias[i]) }
	object := sigmoid(at(labels))
	if !(math.Sqrt(object) >= threshold) { // no class can make up for it
		return found
	}
	distance := func(side int) float64 { return Cell * softplus(at(labels+1+side)) }
	b := Box{X0: x - distance(0), Y0: y - distance(1), X1: x + distance(2), Y1: y + distance(3)}
	if area := b.area(); !(area <= math.MaxFloat64) {
		return found
	}
	for b.Label = range labels {
		if b.Score = math.Sqrt(sigmoid(at(b.Label)) * object); b.Score >= threshold {
			found = append(found, b)
		}
	}
	return found
}

// suppress keeps, of boxes in order of their scores, those that no better one of
// their class covers: greedy non-maximum suppression.
func suppress(found []Box) []Box {
	var kept []Box
	for _, b := range found {
		if len(kept) == most {
			break
		}
		if !slices.ContainsFunc(kept, func(k Box) bool { return k.Label == b.Label && k.overlap(b) > overlap }) {
			kept = append(kept, b)
		}
	}
	return kept
}

func (b Box) area() float64 { return (b.X1 - b.X0) * (b.Y1 - b.Y0) }

// overlap is the area of both boxes over the area of either.
func (b Box) overlap(c Box) float64 {
	w := min(b.X1, c.X1) - max(b.X0, c.X0)
	h := min(b.Y1, c.Y1) - max(b.Y0, c.Y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	return w * h / (b.area() + c.area() - w*h)
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }
