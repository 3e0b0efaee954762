package learn

import (
	"errors"
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
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
	useKernels()
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

const (
	// solveSteps bounds those of solve, which takes some tens.
	solveSteps = 500
	// solveRest is the share of a right side that may be left over.
	solveRest = 1e-3
)

// solve returns (gram + λI)⁻¹·right, gram being (n, n) and right (n, cols), by conjugate
// gradients for all columns at once (Hestenes & Stiefel 1952): products of matrices
// alone, where a factorization of a few thousand rows takes ten seconds.
func solve(gram []float32, n int, right []float32, cols int) ([]float32, error) {
	b := gorgonia.WhichBLAS()
	found, rest, way := make([]float32, len(right)), slices.Clone(right), slices.Clone(right)
	image := make([]float32, len(right))
	left := columnDots(rest, rest, cols)
	enough := slices.Clone(left)
	for j := range enough {
		enough[j] *= solveRest * solveRest
	}
	for range solveSteps {
		b.Sgemm(blas.NoTrans, blas.NoTrans, n, cols, n, 1, gram, n, way, cols, 0, image, cols)
		for i, v := range way {
			image[i] += regressionDecay * v
		}
		far := columnDots(way, image, cols)
		for j := range far {
			if far[j] = left[j] / far[j]; left[j] == 0 {
				far[j] = 0
			}
		}
		for i := range found {
			step := float32(far[i%cols])
			found[i] += step * way[i]
			rest[i] -= step * image[i]
		}
		now, back, done := columnDots(rest, rest, cols), make([]float64, cols), true
		for j, v := range now {
			if math.IsNaN(v) {
				return nil, errors.New("learn: features from which nothing can be regressed")
			}
			done = done && v <= enough[j]
			if left[j] > 0 {
				back[j] = v / left[j]
			}
		}
		if done {
			break
		}
		for i := range way {
			way[i] = rest[i] + float32(back[i%cols])*way[i]
		}
		left = now
	}
	return found, nil
}

// columnDots are the products of the columns of a and b, each with its own.
func columnDots(a, b []float32, cols int) []float64 {
	sums := make([]float64, cols)
	for lo := 0; lo < len(a); lo += cols {
		for j, v := range a[lo : lo+cols] {
			sums[j] += float64(v) * float64(b[lo+j])
		}
	}
	return sums
}
