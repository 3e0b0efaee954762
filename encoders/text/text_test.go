package text_test

import (
	"math"
	"testing"

	"github.com/mm-runtime/mm/encoders/text"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// TestForward looks every row up in tables of each type whose values all of them
// hold exactly.
func TestForward(t *testing.T) {
	const vocabulary, width = 5, 16
	values := make([]float32, vocabulary*width)
	halves, codes, scales := make([]uint16, len(values)), make([]int8, len(values)), make([]float32, vocabulary)
	for i := range values {
		scales[i/width] = 0.5
		codes[i] = int8(i - 40)
		values[i] = 0.5 * float32(codes[i])
		halves[i] = uint16(math.Float32bits(values[i]) >> 16)
	}
	ids := []int32{4, 0, 2, 2, 1}
	for _, path := range cpu.Paths() {
		dev, err := cpu.Open(cpu.Options{Path: path, Threads: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer dev.Close()
		for _, m := range []kernels.Matrix{
			{DType: kernels.F32, F32: values},
			{DType: kernels.BF16, BF16: halves},
			{DType: kernels.I8, I8: codes, Scales: scales},
		} {
			m.Rows, m.Cols = vocabulary, width
			table, err := dev.Pack(m, 1)
			if err != nil {
				t.Fatal(err)
			}
			dst, err := dev.Alloc(len(ids), width)
			if err != nil {
				t.Fatal(err)
			}
			(&text.Encoder{Table: table}).Forward(dev, dst, ids)
			got := make([]float32, len(ids)*width)
			dev.Read(got, dst)
			for i, v := range got {
				want := 4 * values[int(ids[i/width])*width+i%width] // √16
				if v != want {
					t.Errorf("%s: %v: row %d, column %d: %v, want %v", path, m.DType, i/width, i%width, v, want)
				}
			}
		}
	}
}
