package kerneltest

import (
	"fmt"
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// tolerance bounds the error of a result by epsilon times a norm of what went into
// it; for a product of rows x and w that is epsilon · norm(x) · |w|₂.
type tolerance struct {
	epsilon float64
	norm    func(x []float32) float64
}

// tolerances is the one table of them, by the weights' type; operations without
// weights are F32.
//
// F32 and BF16 weights are exact and their sums are float32's: a few roundings of
// 2⁻²⁴ each, as the pairwise and random-sign errors of a sum of n terms stay far
// below n of them. I8 weights are exact too, but the activations may be rounded to
// two digits of base 256 by their row's largest value: errors of standard deviation
// max|x|/32639/√12, at random signs, of which six standard deviations are allowed.
func tolerances(d kernels.DType) tolerance {
	const roundoff = 1.0 / (1 << 24)
	switch d {
	case kernels.I8:
		return tolerance{epsilon: 6 / (32639 * math.Sqrt(12)), norm: maxNorm}
	default:
		return tolerance{epsilon: 16 * roundoff, norm: norm}
	}
}

func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum)
}

func maxNorm(x []float32) float64 {
	top := 0.0
	for _, v := range x {
		top = max(top, math.Abs(float64(v)))
	}
	return top
}

// near fails the test where got is further from want than the F32 tolerance times
// scale, the norm that the caller derives for that element.
func (s *suite) near(got float32, want, scale float64, format string, args ...any) {
	if bound := tolerances(kernels.F32).epsilon * scale; !isNear(got, want, bound) {
		s.t.Helper()
		s.t.Fatalf("%s: got %g, want %g within %g", fmt.Sprintf(format, args...), got, want, bound)
	}
}

// within fails the test where got is further than bound from want, or not a number;
// format and args say what it is.
func (s *suite) within(got float32, want, bound float64, format string, args ...any) {
	if !isNear(got, want, bound) {
		s.t.Helper()
		s.t.Fatalf("%s: got %g, want %g within %g", fmt.Sprintf(format, args...), got, want, bound)
	}
}

func isNear(got float32, want, bound float64) bool { return math.Abs(float64(got)-want) <= bound }
