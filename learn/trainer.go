package learn

import (
	"context"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/mm-runtime/mm/decoders/classes"
)

// trainer trains one network with gorgonia. Its graph is the network over a batch of
// B examples whose features are scaled and have a 1 behind them, so that the hidden
// layer's bias is a row of its matrix; without such a layer it begins with the
// activations z, which don't change:
//
//	h = ReLU(x·W), z = h / √(Σh² + ε), logits = z·V + Bias
//	loss = -1/B Σ targets ⊙ log softmax(logits)
//
// The rate falls to 0, in a line, over all steps that there may be.
//
// Graphs are static in shape: an epoch's last batch is filled with examples of the
// next round.
type trainer struct {
	o       FitOptions
	train   Set
	loss    loss
	from    *classes.Network
	inputs  Set   // (N, F+1), or (N, H)
	steps   int   // made
	order   []int // of the examples that are left of a round
	random  *rand.Rand
	machine gorgonia.VM
	solver  gorgonia.Solver
	learned gorgonia.Nodes

	x, targets, old *gorgonia.Node
	cost            gorgonia.Value
}

func newTrainer(train Set, n *classes.Network, l loss, o FitOptions) (*trainer, error) {
	useKernels()
	o.Batch = min(o.Batch, train.Len())
	t := &trainer{o: o, train: train, loss: l, from: n, random: random(o.Seed, useBatches)}
	if n.Hidden == nil {
		t.inputs = activations(n, train)
	} else {
		t.inputs = scaled(n, train)
	}
	if err := t.build(); err != nil {
		return nil, err
	}
	return t, nil
}

// scaled are the features of s as n has them, with a 1 behind.
func scaled(n *classes.Network, s Set) Set {
	out := Set{Width: s.Width + 1, Rows: make([]float32, 0, s.Len()*(s.Width+1))}
	for i := range s.Len() {
		out.Rows = append(appendScaled(out.Rows, n, s.Row(i)), 1)
	}
	return out
}

// build makes the graph.
func (t *trainer) build() error {
	n, g := t.from, gorgonia.NewGraph()
	h, labels := n.Activations(), len(n.Bias)
	t.x = matrix(g, "x", t.o.Batch, t.inputs.Width, nil)
	t.targets = matrix(g, "targets", t.o.Batch, labels, nil)
	var b builder
	z := t.x
	if n.Hidden != nil {
		w := append(transposed(n.Hidden, h, t.train.Width), n.HiddenBias...)
		hidden := matrix(g, "hidden", t.inputs.Width, h, w)
		t.learned = append(t.learned, hidden)
		z = b.unit(b.do(gorgonia.Rectify(b.do(gorgonia.Mul(t.x, hidden)))), t.o.Batch)
	}
	rows := matrix(g, "labels", h, labels, transposed(n.Labels, labels, h))
	t.learned = append(t.learned, rows)
	logits := b.do(gorgonia.Mul(z, rows))
	if slices.ContainsFunc(n.Bias, func(v float32) bool { return v != 0 }) { // it is not learned
		bias := matrix(g, "bias", 1, labels, slices.Clone(n.Bias))
		logits = b.do(gorgonia.BroadcastAdd(logits, bias, nil, []byte{0}))
	}
	cost := b.crossEntropy(logits, t.targets)
	if t.loss.old != nil {
		known := len(t.loss.old[0])
		t.old = matrix(g, "old", t.o.Batch, known, nil)
		soft := b.do(gorgonia.Slice(logits, nil, gorgonia.S(0, known)))
		soft = b.do(gorgonia.HadamardDiv(soft, gorgonia.NewConstant(float32(temperature))))
		cost = b.do(gorgonia.Add(cost, b.crossEntropy(soft, t.old)))
	}
	cost = b.do(gorgonia.HadamardDiv(cost, gorgonia.NewConstant(float32(t.o.Batch))))
	if b.err != nil {
		return b.err
	}
	gorgonia.Read(cost, &t.cost)
	if _, err := gorgonia.Grad(cost, t.learned...); err != nil {
		return err
	}
	t.machine = gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(t.learned...))
	t.solver = gorgonia.NewAdamSolver(gorgonia.WithLearnRate(t.o.Rate))
	return nil
}

func (t *trainer) close() { t.machine.Close() }

// epoch makes steps over all examples and returns their mean loss.
func (t *trainer) epoch(ctx context.Context) (float64, error) {
	steps, sum := t.stepsEach(), 0.0
	for range steps {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		loss, err := t.step()
		if err != nil {
			return 0, err
		}
		sum += loss
	}
	return sum / float64(steps), nil
}

// stepsEach is how many steps an epoch has.
func (t *trainer) stepsEach() int { return (t.train.Len() + t.o.Batch - 1) / t.o.Batch }

// step makes one step and returns its loss.
func (t *trainer) step() (float64, error) {
	t.fill()
	defer t.machine.Reset()
	if err := t.machine.RunAll(); err != nil {
		return 0, err
	}
	loss := float64(t.cost.Data().(float32))
	rate := t.o.Rate * (1 - float64(t.steps)/float64(t.o.Epochs*t.stepsEach()))
	t.steps++
	gorgonia.WithLearnRate(rate)(t.solver)
	if err := t.solver.Step(gorgonia.NodesToValueGrads(t.learned)); err != nil {
		return 0, err
	}
	// Decoupled from the gradient (Loshchilov and Hutter 2019).
	keep := float32(1 - rate*t.o.Decay)
	for _, node := range t.learned {
		weights := node.Value().Data().([]float32)
		for i := range weights {
			weights[i] *= keep
		}
	}
	return loss, nil
}

// fill gives the graph its next batch.
func (t *trainer) fill() {
	width, labels := t.inputs.Width, len(t.from.Bias)
	x := make([]float32, 0, t.o.Batch*width)
	targets := make([]float32, 0, t.o.Batch*labels)
	var old []float32
	for range t.o.Batch {
		if len(t.order) == 0 {
			t.order = t.random.Perm(t.train.Len())
		}
		i := t.order[0]
		t.order = t.order[1:]
		x = append(x, t.inputs.Row(i)...)
		targets = append(targets, t.loss.targets[i]...)
		if t.old != nil {
			old = append(old, t.loss.old[i]...)
		}
	}
	gorgonia.Let(t.x, dense(t.o.Batch, width, x))
	gorgonia.Let(t.targets, dense(t.o.Batch, labels, targets))
	if t.old != nil {
		gorgonia.Let(t.old, dense(t.o.Batch, len(old)/t.o.Batch, old))
	}
}

// network is what has been learned so far.
func (t *trainer) network() *classes.Network {
	n, h, labels := *t.from, t.from.Activations(), len(t.from.Bias)
	if n.Hidden != nil {
		w := t.learned[0].Value().Data().([]float32)
		n.Hidden = transposed(w[:t.train.Width*h], t.train.Width, h)
		n.HiddenBias = append([]float32(nil), w[t.train.Width*h:]...)
	}
	n.Labels = transposed(t.learned[len(t.learned)-1].Value().Data().([]float32), h, labels)
	return &n
}

// matrix is a node with values, or to get some.
func matrix(g *gorgonia.ExprGraph, name string, rows, cols int, values []float32) *gorgonia.Node {
	if values == nil {
		values = make([]float32, rows*cols)
	}
	return gorgonia.NewMatrix(g, tensor.Float32, gorgonia.WithShape(rows, cols), gorgonia.WithName(name),
		gorgonia.WithValue(dense(rows, cols, values)))
}

func dense(rows, cols int, values []float32) *tensor.Dense {
	return tensor.New(tensor.WithShape(rows, cols), tensor.WithBacking(values))
}

// builder keeps the first error of a graph's making, so that it reads as formulas.
type builder struct{ err error }

func (b *builder) do(n *gorgonia.Node, err error) *gorgonia.Node {
	if b.err == nil {
		b.err = err
	}
	if n == nil { // what follows is thrown away
		n = gorgonia.NewConstant(float32(0))
	}
	return n
}

// unit brings the rows of h (rows, H) to length 1.
func (b *builder) unit(h *gorgonia.Node, rows int) *gorgonia.Node {
	squares := b.do(gorgonia.Sum(b.do(gorgonia.Square(h)), 1))
	length := b.do(gorgonia.Sqrt(b.do(gorgonia.Add(squares, gorgonia.NewConstant(float32(1e-12))))))
	return b.do(gorgonia.BroadcastHadamardDiv(h, b.do(gorgonia.Reshape(length, tensor.Shape{rows, 1})), nil, []byte{1}))
}

// crossEntropy is -Σ targets ⊙ log softmax(logits), over all rows.
func (b *builder) crossEntropy(logits, targets *gorgonia.Node) *gorgonia.Node {
	logs := b.do(gorgonia.LogSoftMax(logits, 1))
	return b.do(gorgonia.Neg(b.do(gorgonia.Sum(b.do(gorgonia.HadamardProd(logs, targets))))))
}
