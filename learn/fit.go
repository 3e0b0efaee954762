package learn

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/mm-runtime/mm/decoders/classes"
)

// FitOptions say how a network is trained. The zero value of a field stands for the
// default in brackets.
type FitOptions struct {
	Hidden   int     // units of the hidden layer; 0: none
	Rate     float64 // of Adam (0.003)
	Decay    float64 // of the weights, a step, times Rate (0.02)
	Batch    int     // examples a step (an eighth of all, 16 to 256)
	Epochs   int     // at most (60, or as many as make 700 steps, but at least 20)
	Patience int     // epochs without a better one before the end (8)
	// Balance weighs every class the same, however many examples it has.
	Balance bool
	Seed    uint64
	// Progress, if not nil, is called after each epoch.
	Progress func(Epoch)
}

func (o FitOptions) defaults(n int) FitOptions {
	fill := func(v *float64, d float64) {
		if *v == 0 {
			*v = d
		}
	}
	fillInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	fill(&o.Rate, 0.003)
	fill(&o.Decay, 0.02)
	fillInt(&o.Batch, min(max(n/8, 16), 256))
	fillInt(&o.Epochs, min(60, max(20, 700*o.Batch/max(1, n))))
	fillInt(&o.Patience, 8)
	return o
}

// check wants numbers that can be trained with.
func (o FitOptions) check() error {
	switch {
	case o.Hidden < 0 || o.Hidden > 1<<14:
		return fmt.Errorf("hidden %d: want 0 to %d", o.Hidden, 1<<14)
	case !(o.Rate > 0 && o.Rate < math.MaxFloat32):
		return fmt.Errorf("rate %v: want more than 0", o.Rate)
	case !(o.Decay >= 0 && o.Decay*o.Rate < 1):
		return fmt.Errorf("decay %v: want 0 to less than %v", o.Decay, 1/o.Rate)
	case o.Batch < 1 || o.Epochs < 1 || o.Patience < 1:
		return fmt.Errorf("batch %d, epochs %d, patience %d: want at least 1 each", o.Batch, o.Epochs, o.Patience)
	}
	return nil
}

// Epoch is one pass over the examples.
type Epoch struct {
	Number   int
	Loss     float64 // of training, the mean over its steps
	Dev      float64 // the loss on the examples held out; NaN where there are none
	Accuracy float64 // on them
}

// Fitted is what training gave.
type Fitted struct {
	Network *classes.Network
	Epochs  []Epoch
	Best    int // the epoch whose network it is, from 1; 0 of a regression
	// Accuracy is that on dev; NaN where there is none.
	Accuracy float64
	// Stopped says why training ended before its epochs, "" where it did not.
	Stopped string
}

// Fit trains a network for so many labels on train. After each epoch it is judged on
// dev, and the best one is kept; without dev the last. Where the loss is no longer a
// number, training stops with the best so far. The same seed gives the same network.
func Fit(ctx context.Context, train, dev Set, labels int, o FitOptions) (*Fitted, error) {
	o = o.defaults(train.Len())
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	if err := train.check(labels); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	network := start(train, labels, o)
	return fit(ctx, train, dev, network, plainLoss(train, labels, o), o)
}

// start is a network whose hidden layer has learned nothing.
func start(train Set, labels int, o FitOptions) *classes.Network {
	n := &classes.Network{}
	n.Shift, n.Scale = Moments(train)
	if h := o.Hidden; h > 0 {
		r := random(o.Seed, useWeights)
		n.Hidden, n.HiddenBias = make([]float32, h*train.Width), make([]float32, h)
		spread := math.Sqrt(2 / float64(train.Width)) // He et al. 2015
		for i := range n.Hidden {
			n.Hidden[i] = float32(spread * r.NormFloat64())
		}
	}
	n.Bias = make([]float32, labels)
	for _, mean := range means(n, train, labels) {
		for _, v := range mean {
			n.Labels = append(n.Labels, rowLength*v)
		}
	}
	return n
}

// means are the mean activations of the labels.
func means(n *classes.Network, s Set, labels int) [][]float32 {
	z, out := activations(n, s), make([][]float32, labels)
	for l, own := range z.ByLabel(labels) {
		out[l] = meanOf(z, own)
	}
	return out
}

// rowLength is that of a label's row at first, which is imprinted: the sharpness of
// the softmax over activations of length 1.
const rowLength = 8

// Moments are each feature's mean and the inverse of its standard deviation; of one
// that never changes 0, which leaves it out.
func Moments(s Set) (shift, scale []float32) {
	shift, scale = make([]float32, s.Width), make([]float32, s.Width)
	sums, squares := make([]float64, s.Width), make([]float64, s.Width)
	for i := range s.Len() {
		for c, v := range s.Row(i) {
			sums[c] += float64(v)
		}
	}
	for c := range sums {
		sums[c] /= float64(s.Len())
	}
	for i := range s.Len() {
		for c, v := range s.Row(i) {
			d := float64(v) - sums[c]
			squares[c] += d * d
		}
	}
	for c, mean := range sums {
		deviation := math.Sqrt(squares[c] / float64(s.Len()))
		shift[c] = float32(mean)
		if deviation > 1e-6*math.Abs(mean) && deviation > 1e-20 {
			scale[c] = float32(1 / deviation)
		}
	}
	return shift, scale
}

// loss is what training makes small: for each example, the weights of the logarithms
// of the labels' probabilities, negative to be; see graph.
type loss struct {
	targets [][]float32 // by example: (L), of the cross-entropy over all labels
	old     [][]float32 // by example: (K), of that over the first K at a temperature; nil: none
}

// plainLoss is the cross-entropy of the labels.
func plainLoss(s Set, labels int, o FitOptions) loss {
	weights := make([]float32, labels)
	for l, own := range s.ByLabel(labels) {
		weights[l] = 1
		if o.Balance && len(own) > 0 {
			weights[l] = float32(float64(s.Len()) / float64(labels*len(own)))
		}
	}
	l := loss{targets: make([][]float32, s.Len())}
	for i, label := range s.Labels {
		l.targets[i] = make([]float32, labels)
		l.targets[i][label] = weights[label]
	}
	return l
}

func fit(ctx context.Context, train, dev Set, network *classes.Network, l loss, o FitOptions) (*Fitted, error) {
	t, err := newTrainer(train, network, l, o)
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	defer t.close()
	f := &Fitted{Network: network, Accuracy: math.NaN()}
	best := math.Inf(1)
	for n := 1; n <= o.Epochs; n++ {
		mean, err := t.epoch(ctx)
		if err != nil {
			return nil, fmt.Errorf("learn: epoch %d: %w", n, err)
		}
		now := t.network()
		e := Epoch{Number: n, Loss: mean, Dev: math.NaN(), Accuracy: math.NaN()}
		if dev.Len() > 0 {
			e.Dev, e.Accuracy = Judge(now, dev)
		}
		if math.IsNaN(mean) || math.IsInf(mean, 0) || now.Check(train.Width, len(network.Bias)) != nil {
			f.Stopped = fmt.Sprintf("the loss of epoch %d is no number: what epoch %d had learned is kept", n, f.Best)
			break
		}
		f.Epochs = append(f.Epochs, e)
		if o.Progress != nil {
			o.Progress(e)
		}
		if dev.Len() == 0 || e.Dev < best {
			best, f.Best, f.Network, f.Accuracy = e.Dev, n, now, e.Accuracy
		} else if n-f.Best >= o.Patience {
			f.Stopped = fmt.Sprintf("no epoch since %d was better", f.Best)
			break
		}
	}
	if f.Best == 0 {
		return nil, fmt.Errorf("learn: %s: want a rate less than %v", "the first epoch's loss is no number", o.Rate)
	}
	return f, nil
}

// best is the largest's number, of equals the lower.
func best[T float32 | float64](values []T) int {
	at := 0
	for i, v := range values {
		if v > values[at] {
			at = i
		}
	}
	return at
}

// transposed is m (rows, cols) by columns.
func transposed(m []float32, rows, cols int) []float32 {
	out := make([]float32, len(m))
	for r := range rows {
		for c, v := range m[r*cols : (r+1)*cols] {
			out[c*rows+r] = v
		}
	}
	return slices.Clip(out)
}
