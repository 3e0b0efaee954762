package nn

import (
	"math"
	"testing"
)

// TestRope compares the table with float64 angles. The reference rounds the
// frequency and the angle to float32, so position p may be off by p roundings.
func TestRope(t *testing.T) {
	const positions, headDim, base = 300, 12, 10000
	dev := newLimited(t, 1<<20)
	rope, err := NewRope(dev, positions, headDim, base)
	if err != nil {
		t.Fatal(err)
	}
	const half = headDim / 2
	if rope.Cos.Rows != positions || rope.Cos.Cols != half || rope.Sin.Rows != positions || rope.Sin.Cols != half {
		t.Fatalf("tables [%d %d] and [%d %d], want [%d %d]", rope.Cos.Rows, rope.Cos.Cols, rope.Sin.Rows, rope.Sin.Cols, positions, half)
	}
	cos, sin := make([]float32, positions*half), make([]float32, positions*half)
	dev.Read(cos, rope.Cos)
	dev.Read(sin, rope.Sin)
	for p := range positions {
		for i := range half {
			angle := float64(p) * math.Pow(base, -float64(i)/half)
			tolerance := (angle + 1) * 0x1p-23
			c, s := float64(cos[p*half+i]), float64(sin[p*half+i])
			if math.Abs(c-math.Cos(angle)) > tolerance || math.Abs(s-math.Sin(angle)) > tolerance {
				t.Fatalf("position %d, pair %d: cos %v, sin %v, want those of %v", p, i, c, s, angle)
			}
		}
	}
	dev.left = positions*half + 1
	if _, err := NewRope(dev, positions, headDim, base); err == nil {
		t.Error("a table larger than the device's memory: no error")
	}
}
