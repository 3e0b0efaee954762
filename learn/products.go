package learn

import (
	"sync"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
	"gorgonia.org/gorgonia"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// products are gonum's operations, but that large products of matrices run on the
// model's own kernels, about ten times as fast.
type products struct {
	gonum.Implementation
	turn sync.Mutex
	dev  kernels.Device
}

// useKernels lets gorgonia, of which there is one in a process, multiply with the
// kernels. Where there are none, all stays as it is.
var useKernels = sync.OnceFunc(func() {
	if dev, err := cpu.Open(cpu.Options{}); err == nil {
		gorgonia.Use(&products{dev: dev})
	}
})

// smallProduct is how many multiplications are not worth the copying.
const smallProduct = 1 << 15

// Sgemm sets c (m, n) to op(a)·op(b), or adds it to c; op(a) is (m, k).
func (p *products) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, b []float32, ldb int, beta float32, c []float32, ldc int) {
	if alpha != 1 || beta != 0 && beta != 1 || m*n*k < smallProduct || !p.multiply(tA, tB, m, n, k, a, lda, b, ldb, beta == 1, c, ldc) {
		p.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)
	}
}

// multiply returns false where the device has no room.
func (p *products) multiply(tA, tB blas.Transpose, m, n, k int, a []float32, lda int, b []float32, ldb int, add bool, c []float32, ldc int) bool {
	p.turn.Lock()
	defer p.turn.Unlock()
	w, err := p.dev.Pack(kernels.Matrix{Rows: n, Cols: k, F32: arranged(b, ldb, n, k, tB == blas.NoTrans)}, 1)
	if err != nil {
		return false
	}
	x, err := p.dev.Alloc(m, k)
	if err != nil {
		return false
	}
	defer p.dev.Free(x)
	to, err := p.dev.Alloc(m, n)
	if err != nil {
		return false
	}
	defer p.dev.Free(to)
	p.dev.Write(x, arranged(a, lda, m, k, tA != blas.NoTrans))
	if add {
		p.dev.Write(to, arranged(c, ldc, m, n, false))
	}
	kernels.MatMul(p.dev, to, x, w, add)
	if ldc == n {
		p.dev.Read(c[:m*n], to)
		return true
	}
	for r := range m {
		p.dev.Read(c[r*ldc:r*ldc+n], to.Slice(r, r+1))
	}
	return true
}

// arranged is a matrix (rows, cols) row by row; it lies in m so, or, if turned, column
// by column.
func arranged(m []float32, stride, rows, cols int, turned bool) []float32 {
	if !turned && stride == cols {
		return m[:rows*cols]
	}
	out := make([]float32, rows*cols)
	for r := range rows {
		if !turned {
			copy(out[r*cols:(r+1)*cols], m[r*stride:])
			continue
		}
		for c := range cols {
			out[r*cols+c] = m[c*stride+r]
		}
	}
	return out
}
