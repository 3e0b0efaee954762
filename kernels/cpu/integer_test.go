package cpu_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/kernels/kerneltest"
)

// TestLargestIntegerSums multiplies rows and weights that are all as large as they
// can be, whose sums leave 32 bits where nobody carries. One row has an element that
// makes all others small.
func TestLargestIntegerSums(t *testing.T) {
	for _, path := range cpu.Paths() {
		d := open(t, path, 1)
		defer d.Close()
		for _, in := range []int{1, 511, 512, 513, 768, 2047, 1 << 13} {
			const rows, out = 8, 19
			m := kernels.Matrix{Rows: out, Cols: in, DType: kernels.I8, I8: make([]int8, out*in), Scales: make([]float32, out)}
			x, _ := d.Alloc(rows, in)
			values := make([]float32, rows*in)
			for i := range m.I8 {
				m.I8[i] = -128
			}
			for o := range m.Scales {
				m.Scales[o] = float32(o + 1)
			}
			for i := range values {
				values[i] = 1
			}
			values[3*in] = 40000
			d.Write(x, values)
			w, err := d.Pack(m, 1)
			if err != nil {
				t.Fatal(err)
			}
			dst, _ := d.Alloc(rows, out)
			kernels.MatMul(d, dst, x, w, false)
			got := make([]float32, rows*out)
			d.Read(got, dst)
			for i, v := range got {
				total, rtol := float64(in), 1e-6
				if i/out == 3 { // whose ones are less than one step each
					total, rtol = total+40000-1, 0.3
				}
				if want := -128 * total * float64(i%out+1); math.Abs(float64(v)-want) > -want*rtol {
					t.Errorf("%s, %d inputs: row %d, output %d is %v, want %v", path, in, i/out, i%out, v, want)
				}
			}
		}
	}
}

// TestBlocksOfRows wants the rows of products that are cut into blocks, and between
// threads, to be those of products of 1 to 7 rows.
func TestBlocksOfRows(t *testing.T) {
	const rows, in, out = 500, 600, 150
	for _, path := range cpu.Paths() {
		for _, kind := range []kernels.DType{kernels.F32, kernels.BF16, kernels.I8} {
			d := open(t, path, 3)
			defer d.Close()
			r := rand.New(rand.NewPCG(1, 2))
			m, _ := kerneltest.HostMatrix(r, kind, out, in)
			w, err := d.Pack(m, 1)
			if err != nil {
				t.Fatal(err)
			}
			x, _ := d.Alloc(rows, in)
			values := make([]float32, rows*in)
			for i := range values {
				values[i] = float32(r.NormFloat64())
			}
			d.Write(x, values)
			all, _ := d.Alloc(rows, out)
			some, _ := d.Alloc(rows, out)
			a, b := make([]float32, rows*out), make([]float32, rows*out)
			for _, add := range []bool{false, true} { // to what the first has left
				kernels.MatMul(d, all, x, w, add)
				for lo, n := 0, 1; lo < rows; lo, n = lo+n, n%7+1 {
					hi := min(lo+n, rows)
					kernels.MatMul(d, some.Slice(lo, hi), x.Slice(lo, hi), w, add)
				}
				d.Read(a, all)
				d.Read(b, some)
				for i := range a {
					if a[i] != b[i] {
						t.Fatalf("%s, %v, add %v: row %d, output %d is %v in company and %v in little", path, kind, add, i/out, i%out, a[i], b[i])
					}
				}
			}
		}
	}
}
