package learn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// TestChoose hides classes in one layer's maxima.
func TestChoose(t *testing.T) {
	taps := EveryTap(3)
	if len(taps) != 9 || taps[8] != (mm.Tap{Layer: 2, Pooling: mm.PoolFirst}) {
		t.Fatalf("taps %v", taps)
	}
	good, useless := blobs(4, 15, 10, 20, 1), blobs(4, 15, 10, 4000, 2)
	tapped := Tapped{Taps: taps, Width: 10, Labels: good.Labels}
	hidden := mm.Tap{Layer: 1, Pooling: mm.PoolMax}
	for _, tap := range taps {
		if tap == hidden {
			tapped.Rows = append(tapped.Rows, good.Rows)
		} else {
			tapped.Rows = append(tapped.Rows, useless.Rows)
		}
	}
	all, err := Choose(tapped, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 13 || !slices.Equal(all[0].Taps, []mm.Tap{hidden}) || all[0].Accuracy < 0.95 || all[12].Accuracy > 0.6 {
		t.Errorf("chosen %+v of %d, the worst is %+v", all[0], len(all), all[12])
	}
	s, err := tapped.At([]mm.Tap{taps[0], hidden})
	if err != nil || s.Width != 20 || !slices.Equal(s.Row(3)[10:], good.Row(3)) || !slices.Equal(s.Row(3)[:10], useless.Row(3)) {
		t.Errorf("row %v, error %v", s.Row(3), err)
	}
	if _, err := tapped.At([]mm.Tap{{Layer: 5, Pooling: mm.PoolMean}}); err == nil {
		t.Error("features of a layer that was not tapped")
	}
	again, _ := Choose(tapped, 1)
	if again[0].Accuracy != all[0].Accuracy {
		t.Error("the same seed judges otherwise")
	}
}

// TestRegress wants both ways to solve it, few examples and many, to find the classes
// and the same rows, of the length of imprinted ones.
func TestRegress(t *testing.T) {
	for _, n := range []int{3, 40} {
		test := blobs(3, 20, 16, 5, 2)
		net, err := regress(blobs(3, n, 16, 5, 1), 3)
		if err != nil {
			t.Fatal(err)
		}
		if _, share := Judge(net, test); share < 0.96 || math.Abs(float64(rowsLength(net)-rowLength)) > 1e-3 {
			t.Errorf("%d examples a class: %.3f right, rows of length %v", n, share, rowsLength(net))
		}
	}
	// (ZᵀZ + λI)Wᵀ = ZᵀY, whatever the way.
	for _, rows := range []int{2, 9} {
		s := blobs(3, rows, 12, 30, 1)
		net, err := regress(s, 3)
		if err != nil {
			t.Fatal(err)
		}
		z := activations(net, s)
		var left, right []float64
		for c := range z.Width {
			for l := range 3 {
				sum, want := regressionDecay*float64(net.Labels[l*z.Width+c]), 0.0
				for i := range z.Len() {
					y := -1.0 / 3
					if z.Labels[i] == l {
						y++
					}
					said := 0.0
					for k, v := range z.Row(i) {
						said += float64(v) * float64(net.Labels[l*z.Width+k])
					}
					sum += float64(z.Row(i)[c]) * said
					want += float64(z.Row(i)[c]) * y
				}
				left, right = append(left, sum), append(right, want)
			}
		}
		// Rows were scaled as a whole: the two sides are parallel.
		var ab, aa, bb float64
		for i := range left {
			ab, aa, bb = ab+left[i]*right[i], aa+left[i]*left[i], bb+right[i]*right[i]
		}
		if cos := ab / math.Sqrt(aa*bb); cos < 1-1e-5 {
			t.Errorf("%d examples a class: the cosine of both sides is %v", rows, cos)
		}
	}
}

func TestChooseErrors(t *testing.T) {
	one := blobs(1, 9, 4, 1, 1)
	_, err := Choose(Tapped{Taps: []mm.Tap{{}}, Rows: [][]float32{one.Rows}, Width: 4, Labels: one.Labels}, 1)
	if err == nil || !strings.Contains(err.Error(), "1 class, want at least 2") {
		t.Errorf("error %v", err)
	}
	single := blobs(3, 1, 4, 1, 1) // of each class
	if _, err := Choose(Tapped{Taps: []mm.Tap{{}}, Rows: [][]float32{single.Rows}, Width: 4, Labels: single.Labels}, 1); err != nil {
		t.Errorf("one example a class: %v", err)
	}
}
