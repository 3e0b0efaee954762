package boxes_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/decoders/boxes"
)

const never, always = -30, 30 // logits

// softplus⁻¹: the number whose distance is d pixels.
func far(d float64) float32 { return float32(math.Log(math.Expm1(d / boxes.Cell))) }

// picture is what a head might say of a grid without objects, to be changed.
type picture struct {
	width  int // cells
	values []float32
}

func newPicture(width, height int) picture {
	p := picture{width, make([]float32, width*height*(labels+5))}
	for i := range p.values {
		p.values[i] = never
	}
	return p
}

// put has cell (x, y) see an object of a class with edges at distances from its
// centre: left, top, right, bottom.
func (p picture) put(x, y, class int, logit float32, distances ...float64) {
	cell := p.values[(y*p.width+x)*(labels+5):][:labels+5]
	cell[class], cell[labels] = logit, logit
	for i, d := range distances {
		cell[labels+1+i] = far(d)
	}
}

func (p picture) decode(threshold float64) []boxes.Box {
	return boxes.Decode(p.values, make([]float32, labels+5), p.width*boxes.Cell, threshold)
}

func near(a, b boxes.Box) bool {
	apart := max(math.Abs(a.X0-b.X0), math.Abs(a.Y0-b.Y0), math.Abs(a.X1-b.X1), math.Abs(a.Y1-b.Y1), math.Abs(a.Score-b.Score))
	return a.Label == b.Label && apart < 1e-4
}

// TestDecodePlaces wants edges at their distances from the cell's centre.
func TestDecodePlaces(t *testing.T) {
	p := newPicture(4, 3)
	if got := p.decode(boxes.Threshold); len(got) != 0 {
		t.Errorf("nothing there: %v", got)
	}
	p.put(2, 1, 1, always, 3, 5, 7, 90)
	got := p.decode(boxes.Threshold)
	want := boxes.Box{Label: 1, Score: 1, X0: 20 - 3, Y0: 12 - 5, X1: 20 + 7, Y1: 12 + 90}
	if len(got) != 1 || !near(got[0], want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	bias := make([]float32, labels+5)
	for i := range bias { // the bias belongs to it
		bias[i] = 2 * float32(i)
		for at := i; at < len(p.values); at += labels + 5 {
			p.values[at] -= bias[i]
		}
	}
	if got := boxes.Decode(p.values, bias, 32, boxes.Threshold); len(got) != 1 || !near(got[0], want) {
		t.Errorf("with a bias: %+v, want %+v", got, want)
	}
}

// TestDecodeScores wants √(class · object), and what is below the threshold left out.
func TestDecodeScores(t *testing.T) {
	p := newPicture(40, 1)
	logit := func(probability float64) float32 { return float32(math.Log(probability / (1 - probability))) }
	for x, probability := range []float64{0.049, 0.051, 0.9, 0.5} {
		p.put(10*x, 0, 0, logit(probability), 4, 4, 4, 4)
	}
	p.values[20*(labels+5)+2] = logit(0.4) // a second class in the cell of 0.9
	var got []float64
	for _, b := range p.decode(boxes.Threshold) {
		got = append(got, b.Score)
	}
	want := []float64{0.9, math.Sqrt(0.9 * 0.4), 0.5, 0.051}
	if !slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < 1e-6 }) {
		t.Errorf("scores %v, want %v", got, want)
	}
	if got := p.decode(0.55); len(got) != 2 {
		t.Errorf("threshold 0.55: %v, want two", got)
	}
}

// TestDecodeSuppresses has boxes that share more and less than half, of the same
// class and of another.
func TestDecodeSuppresses(t *testing.T) {
	p := newPicture(8, 1)
	p.put(1, 0, 0, 3, 12, 6, 12, 6)   // 0 to 24, the best
	p.put(2, 0, 0, 2, 11, 6, 13, 6)   // 9 to 33: 15 of 33 with the best, and stays
	p.put(3, 0, 0, 1, 15, 6, 12, 6)   // 13 to 40: less with the best, 20 of 31 with the second
	p.put(0, 0, 1, 2.5, 4, 6, 20, 6)  // as the best, of another class
	p.put(4, 0, 2, 0.5, 12, 6, 12, 6) // alone
	got := p.decode(boxes.Threshold)
	var labels []int
	for _, b := range got {
		labels = append(labels, b.Label)
	}
	if !slices.Equal(labels, []int{0, 1, 0, 2}) || math.Abs(got[2].X0-9) > 1e-4 {
		t.Errorf("boxes %+v, want the best, that of another class, the second, and the one alone", got)
	}
}

// TestDecodeMost has far more objects than a picture may have.
func TestDecodeMost(t *testing.T) {
	p := newPicture(20, 20)
	for i := range 400 {
		p.put(i%20, i/20, i%labels, float32(i)/100, 3, 3, 3, 3)
	}
	got := p.decode(boxes.Threshold)
	if len(got) != 200 {
		t.Fatalf("%d boxes, want 200", len(got))
	}
	for i, b := range got { // the best of them, best first
		if at := 399 - i; math.Abs(b.X0-float64(at%20*8+1)) > 1e-4 || b.Label != at%labels {
			t.Fatalf("box %d is %+v, want that of cell %d", i, b, at)
		}
	}
}

// TestDecodeNumbers has cells of which not everything is a number: they are no boxes,
// and their neighbours stay.
func TestDecodeNumbers(t *testing.T) {
	for column := range labels + 5 {
		for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
			p := newPicture(40, 1)
			p.put(5, 0, 0, always, 4, 4, 4, 4)
			p.put(30, 0, 0, 1, 4, 4, 4, 4)
			p.values[5*(labels+5)+column] = float32(bad)
			for _, b := range p.decode(boxes.Threshold) {
				for _, v := range []float64{b.Score, b.X0, b.Y0, b.X1, b.Y1} {
					if math.IsNaN(v) || math.IsInf(v, 0) {
						t.Errorf("%v in column %d: box %+v", bad, column, b)
					}
				}
			}
			if got := p.decode(boxes.Threshold); len(got) == 0 || math.Abs(got[len(got)-1].X0-240) > 1e-4 {
				t.Errorf("%v in column %d: boxes %v, want the neighbour's", bad, column, got)
			}
		}
	}
}

// TestDecodeAgainstAll compares random pictures with suppression by the definition:
// class by class, comparing all pairs.
func TestDecodeAgainstAll(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		p := newPicture(6, 5)
		for i := range p.values {
			p.values[i] = float32(rng.NormFloat64() * 2)
		}
		got, want := p.decode(0.3), all(p, 0.3)
		if !slices.EqualFunc(got, want, near) {
			t.Fatalf("boxes\n%v, want\n%v", got, want)
		}
	}
}

func all(p picture, threshold float64) []boxes.Box {
	sigmoid := func(v float32) float64 { return 1 / (1 + math.Exp(-float64(v))) }
	var kept []boxes.Box
	for class := range labels {
		var of []boxes.Box
		for i := range len(p.values) / (labels + 5) {
			cell := p.values[i*(labels+5):][:labels+5]
			x, y := float64(8*(i%p.width)+4), float64(8*(i/p.width)+4)
			d := make([]float64, 4)
			for side := range d {
				d[side] = 8 * math.Log(1+math.Exp(float64(cell[labels+1+side])))
			}
			b := boxes.Box{Label: class, Score: math.Sqrt(sigmoid(cell[class]) * sigmoid(cell[labels])),
				X0: x - d[0], Y0: y - d[1], X1: x + d[2], Y1: y + d[3]}
			if b.Score >= threshold {
				of = append(of, b)
			}
		}
		for len(of) > 0 { // the best stays, and all that it covers go
			best := slices.MaxFunc(of, func(a, b boxes.Box) int { return cmp.Compare(a.Score, b.Score) })
			kept = append(kept, best)
			of = slices.DeleteFunc(of, func(b boxes.Box) bool { return b == best || shared(best, b) > 0.5 })
		}
	}
	slices.SortFunc(kept, func(a, b boxes.Box) int { return cmp.Compare(b.Score, a.Score) })
	return kept
}

// shared is the area of both boxes over that of either.
func shared(a, b boxes.Box) float64 {
	w, h := max(0, min(a.X1, b.X1)-max(a.X0, b.X0)), max(0, min(a.Y1, b.Y1)-max(a.Y0, b.Y0))
	return w * h / ((a.X1-a.X0)*(a.Y1-a.Y0) + (b.X1-b.X0)*(b.Y1-b.Y0) - w*h)
}
