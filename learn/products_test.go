package learn

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"
)

// TestProducts compares products on the kernels with gonum's, of both ways to lie and
// with rows that are longer than the matrix.
func TestProducts(t *testing.T) {
	useKernels()
	p, ok := gorgonia.WhichBLAS().(*products)
	if !ok {
		t.Fatal("gorgonia multiplies without the kernels")
	}
	r := random(1, 1)
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	for _, size := range [][3]int{{33, 41, 57}, {64, 150, 129}, {1, 256, 257}, {3, 4, 5}} {
		m, n, k := size[0], size[1], size[2]
		for _, tA := range []blas.Transpose{blas.NoTrans, blas.Trans} {
			for _, tB := range []blas.Transpose{blas.NoTrans, blas.Trans} {
				for _, beta := range []float32{0, 1, 0.5} {
					lda, ldb, ldc := k+2, n+3, n+1
					if tA == blas.Trans {
						lda = m + 2
					}
					if tB == blas.Trans {
						ldb = k + 3
					}
					a, b, want := values(max(m, k)*lda), values(max(n, k)*ldb), values(m*ldc)
					got := append([]float32(nil), want...)
					gonum.Implementation{}.Sgemm(tA, tB, m, n, k, 1, a, lda, b, ldb, beta, want, ldc)
					p.Sgemm(tA, tB, m, n, k, 1, a, lda, b, ldb, beta, got, ldc)
					for i := range want {
						if math.Abs(float64(got[i]-want[i])) > 1e-5*float64(k) {
							t.Fatalf("%v, %c %c, beta %v: value %d is %v, want %v", size, tA, tB, beta, i, got[i], want[i])
						}
					}
				}
			}
		}
	}
}
