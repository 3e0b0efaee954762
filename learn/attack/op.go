package attack

import (
	"fmt"
	"hash"
	"hash/fnv"

	"github.com/chewxy/hm"
	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"
)

// op is a function of one matrix x (rows, cols) with its derivative, as a node of a
// gorgonia graph. Its result has outRows rows of outCols.
type op struct {
	name             string
	id               int // tells ops of one name apart
	outRows, outCols int
	forward          func(x []float32) []float32
	// backward returns the gradient of x, given that of the result.
	backward func(x, grad []float32) []float32
}

// gradient is the op that applies another's backward to its input and the gradient
// of its result.
type gradient struct {
	of         *op
	rows, cols int // of the input
}

// apply makes a node of a layer's op over x.
func (b *builder) apply(o *op, x *gorgonia.Node) *gorgonia.Node {
	if b.err != nil {
		return x
	}
	b.ops++
	o.id = b.ops
	n, err := gorgonia.ApplyOp(o, x)
	if err != nil {
		b.err = fmt.Errorf("%s: %w", o.name, err)
		return x
	}
	return n
}

var matrixType = gorgonia.TensorType{Dims: 2, Of: tensor.Float32}

func (o *op) Arity() int    { return 1 }
func (o *op) Type() hm.Type { return hm.NewFnType(matrixType, matrixType) }
func (o *op) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape{o.outRows, o.outCols}, nil
}

func (o *op) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return dense(o.outRows, o.outCols, o.forward(in[0].Data().([]float32))), nil
}

func (o *op) ReturnsPtr() bool      { return false }
func (o *op) CallsExtern() bool     { return false }
func (o *op) OverwritesInput() int  { return -1 }
func (o *op) WriteHash(h hash.Hash) { fmt.Fprint(h, o) }
func (o *op) Hashcode() uint32      { return hashOf(o) }
func (o *op) String() string        { return fmt.Sprintf("%s %d", o.name, o.id) }
func (o *op) DiffWRT(n int) []bool  { return []bool{true} }

func (o *op) SymDiff(in gorgonia.Nodes, _, grad *gorgonia.Node) (gorgonia.Nodes, error) {
	shape := in[0].Shape()
	n, err := gorgonia.ApplyOp(&gradient{o, shape[0], shape[1]}, in[0], grad)
	return gorgonia.Nodes{n}, err
}

func (g *gradient) Arity() int    { return 2 }
func (g *gradient) Type() hm.Type { return hm.NewFnType(matrixType, matrixType, matrixType) }
func (g *gradient) InferShape(...gorgonia.DimSizer) (tensor.Shape, error) {
	return tensor.Shape{g.rows, g.cols}, nil
}

func (g *gradient) Do(in ...gorgonia.Value) (gorgonia.Value, error) {
	return dense(g.rows, g.cols, g.of.backward(in[0].Data().([]float32), in[1].Data().([]float32))), nil
}

func (g *gradient) ReturnsPtr() bool      { return false }
func (g *gradient) CallsExtern() bool     { return false }
func (g *gradient) OverwritesInput() int  { return -1 }
func (g *gradient) WriteHash(h hash.Hash) { fmt.Fprint(h, g) }
func (g *gradient) Hashcode() uint32      { return hashOf(g) }
func (g *gradient) String() string        { return fmt.Sprint("gradient of ", g.of) }

func hashOf(o fmt.Stringer) uint32 {
	h := fnv.New32a()
	fmt.Fprint(h, o)
	return h.Sum32()
}

func dense(rows, cols int, values []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(values))
}
