package learn

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gorgonia.org/gorgonia"

	"github.com/mm-runtime/mm/decoders/classes"
)

// Judge is the mean loss of a network on examples, and the share that it gets right.
func Judge(n *classes.Network, s Set) (loss, accuracy float64) {
	all := logits(n, s)
	for i, label := range s.Labels {
		probs := classes.Softmax(all[i])
		loss -= math.Log(max(probs[label], 1e-30))
		if best(probs) == label {
			accuracy++
		}
	}
	return loss / float64(s.Len()), accuracy / float64(s.Len())
}

// Confusion counts the answers to the examples of each label.
func Confusion(n *classes.Network, s Set, labels int) [][]int {
	table := make([][]int, labels)
	for i := range table {
		table[i] = make([]int, labels)
	}
	for i, row := range logits(n, s) {
		table[s.Labels[i]][best(row)]++
	}
	return table
}

// logits are those of all examples.
func logits(n *classes.Network, s Set) [][]float32 {
	z := activations(n, s)
	all := make([][]float32, s.Len())
	if s.Len()*len(n.Labels) < manyProducts {
		for i := range all {
			all[i] = n.Judge(z.Row(i))
		}
		return all
	}
	out := layer(z.Rows, z.Width, n.Labels, n.Bias)
	for i := range all {
		all[i] = out[i*len(n.Bias) : (i+1)*len(n.Bias)]
	}
	return all
}

// manyProducts is how many multiplications of a layer are worth a product of matrices,
// whose sums are rounded otherwise than the network's own.
const manyProducts = 1 << 24

// activations are those of all examples.
func activations(n *classes.Network, s Set) Set {
	z := Set{Width: n.Activations(), Labels: s.Labels, Rows: make([]float32, 0, s.Len()*n.Activations())}
	if n.Hidden == nil || s.Len()*len(n.Hidden) < manyProducts {
		for i := range s.Len() {
			z.Rows = append(z.Rows, n.Activation(s.Row(i))...)
		}
		return z
	}
	// What is behind the hidden layer, as a network whose features are its outputs.
	h := z.Width
	rest := &classes.Network{Shift: make([]float32, h), Scale: slices.Repeat([]float32{1}, h)}
	const together = 1024
	for lo := 0; lo < s.Len(); lo += together {
		rows := min(together, s.Len()-lo)
		x := make([]float32, 0, rows*s.Width)
		for i := range rows {
			x = appendScaled(x, n, s.Row(lo+i))
		}
		out := layer(x, s.Width, n.Hidden, n.HiddenBias)
		for i, v := range out {
			out[i] = max(0, v)
		}
		for i := range rows {
			z.Rows = append(z.Rows, rest.Activation(out[i*h:(i+1)*h])...)
		}
	}
	return z
}

// appendScaled appends the features of an example as n has them.
func appendScaled(x []float32, n *classes.Network, row []float32) []float32 {
	for c, v := range row {
		x = append(x, (v-n.Shift[c])*n.Scale[c])
	}
	return x
}

// layer is x·wᵀ + bias, rows (N, len(bias)): x is (N, width), w (len(bias), width).
func layer(x []float32, width int, w, bias []float32) []float32 {
	useKernels()
	rows, cols := len(x)/width, len(bias)
	out := make([]float32, 0, rows*cols)
	for range rows {
		out = append(out, bias...)
	}
	gorgonia.WhichBLAS().Sgemm(blas.NoTrans, blas.Trans, rows, cols, width, 1, x, width, w, width, 1, out, cols)
	return out
}
