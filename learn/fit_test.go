package learn

import (
	"context"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/decoders/classes"
)

var ctx = context.Background()

// blobs are classes of n examples each around centres of their own; the first
// features are of no use and the last never changes.
func blobs(labels, n, width int, noise float64, seed uint64) Set {
	r := rand.New(rand.NewPCG(1706, 7))
	centres := make([]float64, labels*width)
	for i := range centres {
		centres[i] = r.NormFloat64()
	}
	r = rand.New(rand.NewPCG(1706, seed))
	s := Set{Width: width}
	for range n {
		for l := range labels {
			for c := range width - 1 {
				v := noise * r.NormFloat64()
				if c > 1 {
					v += 40 * centres[l*width+c]
				}
				s.Rows = append(s.Rows, float32(100+v))
			}
			s.Rows = append(s.Rows, 3)
			s.Labels = append(s.Labels, l)
		}
	}
	return s
}

// xor are two classes that no plane parts.
func xor(n int, seed uint64) Set {
	r := rand.New(rand.NewPCG(1706, seed))
	s := Set{Width: 2}
	for range n {
		a, b := r.NormFloat64(), r.NormFloat64()
		s.Rows = append(s.Rows, float32(a), float32(b))
		l := 0
		if a*b > 0 {
			l = 1
		}
		s.Labels = append(s.Labels, l)
	}
	return s
}

func TestFit(t *testing.T) {
	for name, c := range map[string]struct {
		train, dev Set
		labels     int
		hidden     int
		want       float64
	}{
		"linear": {blobs(5, 20, 12, 10, 1), blobs(5, 40, 12, 10, 2), 5, 0, 0.97},
		"hidden": {blobs(5, 20, 12, 10, 1), blobs(5, 40, 12, 10, 2), 5, 32, 0.97},
		"xor":    {xor(800, 1), xor(400, 2), 2, 32, 0.93},
	} {
		o := FitOptions{Hidden: c.hidden, Epochs: 40, Seed: 3}
		f, err := Fit(ctx, c.train, c.dev, c.labels, o)
		if err != nil {
			t.Fatal(err)
		}
		loss, accuracy := Judge(f.Network, c.dev)
		if accuracy < c.want || loss != f.Epochs[f.Best-1].Dev {
			t.Errorf("%s: accuracy %.3f and loss %.3f after %d epochs of which %d was the best, want %.2f", name, accuracy, loss, len(f.Epochs), f.Best, c.want)
		}
		again, err := Fit(ctx, c.train, c.dev, c.labels, o)
		if err != nil || !reflect.DeepEqual(again, f) {
			t.Errorf("%s: the same seed gives another network, error %v", name, err)
		}
	}
}

// lossOf is the cost of a trainer's graph by its formula.
func lossOf(n *classes.Network, s Set, l loss) float64 {
	total := 0.0
	for i := range s.Len() {
		logits := n.Logits(s.Row(i))
		for j, p := range classes.Softmax(logits) {
			total -= float64(l.targets[i][j]) * math.Log(p)
		}
		if l.old != nil {
			soft := make([]float32, len(l.old[i]))
			for j := range soft {
				soft[j] = logits[j] / temperature
			}
			for j, p := range classes.Softmax(soft) {
				total -= float64(l.old[i][j]) * math.Log(p)
			}
		}
	}
	return total / float64(s.Len())
}

// TestGradients compares the graph's loss with its formula, and its gradients with
// differences.
func TestGradients(t *testing.T) {
	s := blobs(4, 6, 7, 30, 1)
	for _, hidden := range []int{0, 9} {
		for _, distil := range []bool{false, true} {
			o := FitOptions{Hidden: hidden, Batch: s.Len(), Balance: true, Seed: 5}.defaults(s.Len())
			n := start(s, 4, o)
			l := plainLoss(s, 4, o)
			if distil {
				for i := range s.Len() {
					l.old = append(l.old, []float32{0.5, float32(i%3) / 4, 0.25})
				}
			}
			tr, err := newTrainer(s, n, l, o)
			if err != nil {
				t.Fatal(err)
			}
			tr.fill()
			if err := tr.machine.RunAll(); err != nil {
				t.Fatal(err)
			}
			if got, want := float64(tr.cost.Data().(float32)), lossOf(n, s, l); math.Abs(got-want) > 1e-5*want {
				t.Errorf("hidden %d, distil %v: loss %v, want %v", hidden, distil, got, want)
			}
			for _, node := range tr.learned {
				grad, err := node.Grad()
				if err != nil {
					t.Fatal(err)
				}
				weights, grads := node.Value().Data().([]float32), grad.Data().([]float32)
				largest := 0.0
				for _, g := range grads {
					largest = max(largest, math.Abs(float64(g)))
				}
				for i := 0; i < len(weights); i += 5 {
					const step = 1e-3
					w := weights[i]
					weights[i] = w + step
					more := lossOf(tr.network(), s, l)
					weights[i] = w - step
					less := lossOf(tr.network(), s, l)
					weights[i] = w
					// Differences of losses in float32, of a curve.
					if got, want := float64(grads[i]), (more-less)/(2*step); math.Abs(got-want) > 0.02*largest+1e-4 {
						t.Errorf("hidden %d, distil %v, %s: gradient %d is %v, want %v", hidden, distil, node.Name(), i, got, want)
					}
				}
			}
			tr.close()
		}
	}
}

// TestNaN wants what was learned before a loss that is no number.
func TestNaN(t *testing.T) {
	s := blobs(3, 20, 6, 10, 1)
	o := FitOptions{Batch: 16, Epochs: 9, Seed: 1}.defaults(s.Len())
	n, l := start(s, 3, o), plainLoss(s, 3, o)
	o.Progress = func(e Epoch) {
		if e.Number == 2 {
			l.targets[0][0] = float32(math.NaN())
		}
	}
	f, err := fit(ctx, s, s, n, l, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Epochs) != 2 || f.Best != 2 || !strings.Contains(f.Stopped, "the loss of epoch 3 is no number: what epoch 2 had learned is kept") {
		t.Errorf("%d epochs, best %d, stopped %q", len(f.Epochs), f.Best, f.Stopped)
	}
	if err := f.Network.Check(6, 3); err != nil {
		t.Error(err)
	}
	_, err = Fit(ctx, s, s, 3, FitOptions{Hidden: 4, Rate: 1e38, Decay: 1e-40})
	if err == nil || !strings.Contains(err.Error(), "the first epoch's loss is no number") {
		t.Errorf("error %v", err)
	}
}

// TestBalance wants a rare class to weigh as much as the others, and the mean weight
// to be 1.
func TestBalance(t *testing.T) {
	s := Set{Labels: slices.Concat(slices.Repeat([]int{0}, 90), slices.Repeat([]int{1}, 10))}
	for _, balance := range []bool{true, false} {
		weights := make([]float32, 2)
		for _, row := range plainLoss(s, 2, FitOptions{Balance: balance}).targets {
			weights[0], weights[1] = weights[0]+row[0], weights[1]+row[1]
		}
		want := []float32{90, 10}
		if balance {
			want = []float32{50, 50}
		}
		for l := range want {
			if math.Abs(float64(weights[l]-want[l])) > 1e-3 {
				t.Errorf("balance %v: weights %v, want %v", balance, weights, want)
			}
		}
	}
}

func TestFitErrors(t *testing.T) {
	good := blobs(3, 4, 5, 10, 1)
	broken := good
	broken.Rows = slices.Clone(good.Rows)
	broken.Rows[7] = float32(math.Inf(1))
	stopped, stop := context.WithCancel(ctx)
	stop()
	for _, c := range []struct {
		ctx    context.Context
		train  Set
		labels int
		o      FitOptions
		want   string
	}{
		{ctx, good, 1, FitOptions{}, "1 class, want at least 2"},
		{ctx, good, 4, FitOptions{}, "class 3 has no examples"},
		{ctx, Set{Width: 5, Rows: good.Rows[:9], Labels: good.Labels}, 3, FitOptions{}, "9 values of features, want 12 rows of 5"},
		{ctx, broken, 3, FitOptions{}, "feature 2 of example 1 is +Inf, want a number"},
		{ctx, good, 3, FitOptions{Hidden: -1}, "hidden -1: want 0 to"},
		{ctx, good, 3, FitOptions{Rate: math.NaN()}, "rate NaN: want more than 0"},
		{ctx, good, 3, FitOptions{Decay: 1000}, "decay 1000: want 0 to less"},
		{ctx, good, 3, FitOptions{Epochs: -1}, "epochs -1"},
		{stopped, good, 3, FitOptions{}, "context canceled"},
	} {
		if _, err := Fit(c.ctx, c.train, Set{}, c.labels, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

func TestSplit(t *testing.T) {
	labels := slices.Concat(slices.Repeat([]int{0}, 1), slices.Repeat([]int{1}, 10), slices.Repeat([]int{2}, 101))
	kept, held := Split(labels, 0.2, 1)
	counts := map[int]int{}
	for _, i := range held {
		counts[labels[i]]++
	}
	if counts[0] != 0 || counts[1] != 2 || counts[2] != 20 || len(kept)+len(held) != len(labels) {
		t.Errorf("held out %v, kept %d of %d", counts, len(kept), len(labels))
	}
	if k, h := Split(labels, 0.2, 1); !slices.Equal(k, kept) || !slices.Equal(h, held) {
		t.Error("the same seed splits otherwise")
	}
	if _, h := Split(labels, 0.2, 2); slices.Equal(h, held) {
		t.Error("another seed splits the same")
	}
	clear(counts)
	for _, i := range FewEach(labels, 5, 1) {
		counts[labels[i]]++
	}
	if counts[0] != 1 || counts[1] != 5 || counts[2] != 5 {
		t.Errorf("five of each: %v", counts)
	}
}
