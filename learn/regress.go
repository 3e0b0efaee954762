package learn

import (
	"errors"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/mat"
	"gorgonia.org/gorgonia"

	"github.com/mm-runtime/mm/decoders/classes"
)

// regressionDecay is λ of regress, for activations of length 1.
const regressionDecay = 0.5

// regress is the network without a hidden layer whose rows are the ridge regression of
// the labels on the activations Z (N, H): of few examples better than what training
// finds, and at once there. With Y (N, L) the labels, less their mean:
//
//	Wᵀ = (ZᵀZ + λI)⁻¹ZᵀY = Zᵀ(ZZᵀ + λI)⁻¹Y
//
// of which the smaller inverse is taken. Rows are brought to the length that imprinted
// ones have on average.
func regress(train Set, labels int) (*classes.Network, error) {
	UseKernels()
	n := &classes.Network{Bias: make([]float32, labels)}
	n.Shift, n.Scale = Moments(train)
	z := activations(n, train)
	rows, h := z.Len(), z.Width
	y := make([]float32, rows*labels)
	for i, l := range z.Labels {
		for j := range labels {
			y[i*labels+j] = -1 / float32(labels)
		}
		y[i*labels+l]++
	}
	b := gorgonia.WhichBLAS()
	if h > rows {
		gram := make([]float32, rows*rows)
		b.Sgemm(blas.NoTrans, blas.Trans, rows, rows, h, 1, z.Rows, h, z.Rows, h, 0, gram, rows)
		shares, err := solve(gram, rows, y, labels)
		if err != nil {
			return nil, err
		}
		n.Labels = make([]float32, labels*h)
		b.Sgemm(blas.Trans, blas.NoTrans, labels, h, rows, 1, shares, labels, z.Rows, h, 0, n.Labels, h)
	} else {
		gram, zy := make([]float32, h*h), make([]float32, h*labels)
		b.Sgemm(blas.Trans, blas.NoTrans, h, h, rows, 1, z.Rows, h, z.Rows, h, 0, gram, h)
		b.Sgemm(blas.Trans, blas.NoTrans, h, labels, rows, 1, z.Rows, h, y, labels, 0, zy, labels)
		w, err := solve(gram, h, zy, labels)
		if err != nil {
			return nil, err
		}
		n.Labels = transposed(w, h, labels)
	}
	if length := rowsLength(n); length > 0 {
		for i := range n.Labels {
			n.Labels[i] *= rowLength / length
		}
	}
	return n, nil
}

// solve returns (gram + λI)⁻¹·right, gram being (n, n) and right (n, cols).
func solve(gram []float32, n int, right []float32, cols int) ([]float32, error) {
	s := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			s.SetSym(i, j, float64(gram[i*n+j]))
		}
		s.SetSym(i, i, s.At(i, i)+regressionDecay)
	}
	var c mat.Cholesky
	if !c.Factorize(s) {
		return nil, errors.New("learn: features from which nothing can be regressed")
	}
	wide := make([]float64, len(right))
	for i, v := range right {
		wide[i] = float64(v)
	}
	var found mat.Dense
	if err := c.SolveTo(&found, mat.NewDense(n, cols, wide)); err != nil {
		return nil, err
	}
	out := make([]float32, 0, len(right))
	for i := range n {
		for _, v := range found.RawRowView(i) {
			out = append(out, float32(v))
		}
	}
	return slices.Clip(out), nil
}
