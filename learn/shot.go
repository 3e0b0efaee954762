package learn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"

	"gorgonia.org/gorgonia"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

const (
	shotSteps   = 300 // of training the map
	shotBatch   = 128
	shotRate    = 0.02
	shotDecay   = 0.05
	shotLeast   = 8    // labels below which no map is learned
	shotWidest  = 1024 // activations above which none is: its size is their square
	shotMost    = 5    // examples that a mean is of
	episodes    = 200  // by which the ways are compared
	episodeWays = 5
	queries     = 5 // of each class and episode
)

// Shots learns the map of mm.Predict from mean activations to labels' rows on the
// classes of s, and compares it with imprinting: on half of the classes, which a map
// learned on the other half did not see. It returns the network with the map of all,
// and the better way, length being that of imprinted rows; the accuracies are of 1-shot and 5-shot episodes together. Of
// few classes, or of many activations, no map is learned.
func Shots(ctx context.Context, n *classes.Network, s Set, length float32, seed uint64) (*classes.Network, mm.Shot, [2]float64, error) {
	var accuracy [2]float64 // imprinted, predicted
	z := activations(n, s)
	labels := len(n.Bias)
	if labels < shotLeast || z.Width > shotWidest {
		return n, mm.Imprint, accuracy, nil
	}
	var seen, novel []int
	for _, own := range z.ByLabel(labels) {
		if len(own) > 0 && len(seen) <= len(novel) {
			seen = append(seen, z.Labels[own[0]])
		} else if len(own) > 1 {
			novel = append(novel, z.Labels[own[0]])
		}
	}
	half := *n
	var err error
	if half.Predict, err = predictor(ctx, n, z, seen, length, seed); err != nil {
		return n, mm.Imprint, accuracy, err
	}
	accuracy = compare(&half, z, novel, seed)
	all := *n
	if all.Predict, err = predictor(ctx, n, z, append(seen, novel...), length, seed); err != nil {
		return n, mm.Imprint, accuracy, err
	}
	if accuracy[1] > accuracy[0] {
		return &all, mm.Predict, accuracy, nil
	}
	return &all, mm.Imprint, accuracy, nil
}

// predictor learns the map φ(a) = (s·I + Q)·a of Qiao et al. on some classes. At each
// step every class gets a row of the mean of one or a few of its examples, and the
// logits of others, with these rows, are to tell the classes apart:
//
//	W = s·A + Q·A, logits = Z·W,   A (H, L) the means, Z (B, H) the others
//
// s is the length of imprinted rows, so that without Q, which is kept small, φ imprints.
func predictor(ctx context.Context, n *classes.Network, z Set, labels []int, length float32, seed uint64) ([]float32, error) {
	useKernels()
	h, ways := z.Width, len(labels)
	by := z.ByLabel(len(n.Bias))
	g := gorgonia.NewGraph()
	var b builder
	means, scaled := matrix(g, "means", h, ways, nil), matrix(g, "scaled", h, ways, nil)
	x, targets := matrix(g, "x", shotBatch, h, nil), matrix(g, "targets", shotBatch, ways, nil)
	q := matrix(g, "q", h, h, nil)
	w := b.do(gorgonia.Add(scaled, b.do(gorgonia.Mul(q, means))))
	cost := b.crossEntropy(b.do(gorgonia.Mul(x, w)), targets)
	cost = b.do(gorgonia.HadamardDiv(cost, gorgonia.NewConstant(float32(shotBatch))))
	if b.err != nil {
		return nil, fmt.Errorf("learn: %w", b.err)
	}
	if _, err := gorgonia.Grad(cost, q); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	machine := gorgonia.NewTapeMachine(g, gorgonia.BindDualValues(q))
	defer machine.Close()
	solver := gorgonia.NewAdamSolver(gorgonia.WithLearnRate(shotRate))
	r := random(seed, useEpisodes)
	for range shotSteps {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("learn: %w", err)
		}
		e := drawEpisode(r, z, by, labels, length)
		gorgonia.Let(means, dense(h, ways, e.means))
		gorgonia.Let(scaled, dense(h, ways, e.scaled))
		gorgonia.Let(x, dense(shotBatch, h, e.x))
		gorgonia.Let(targets, dense(shotBatch, ways, e.targets))
		if err := machine.RunAll(); err != nil {
			return nil, fmt.Errorf("learn: %w", err)
		}
		if err := solver.Step(gorgonia.NodesToValueGrads(gorgonia.Nodes{q})); err != nil {
			return nil, fmt.Errorf("learn: %w", err)
		}
		machine.Reset()
		for i, values := 0, q.Value().Data().([]float32); i < len(values); i++ {
			values[i] *= 1 - shotRate*shotDecay
		}
	}
	predict := append([]float32(nil), q.Value().Data().([]float32)...)
	for i := range h {
		predict[i*h+i] += length
	}
	return predict, nil
}

// FewShot gives a network what it needs for classes of a few examples: the map of Shots
// and the better way, and how long imprinted rows have to be; the accuracies are Shots'. held are
// examples that were not learned from, if there are such.
func FewShot(ctx context.Context, n *classes.Network, known, held Set, seed uint64) (*classes.Network, mm.Shot, float32, [2]float64, error) {
	length := ImprintLength(n, known, held)
	n, shot, accuracy, err := Shots(ctx, n, known, length, seed)
	if err != nil || n.Predict == nil {
		return n, shot, length, accuracy, err
	}
	if f := answeredAt(n, known, held, n.Predicted); f > 0 {
		predict := make([]float32, len(n.Predict))
		for i, v := range n.Predict {
			predict[i] = f * v
		}
		scaled := *n
		scaled.Predict, n = predict, &scaled
	}
	return n, shot, length, accuracy, nil
}

// episode is a step's means (H, L), by columns of classes, and queries (B, H) with
// their targets (B, L).
type episode struct{ means, scaled, x, targets []float32 }

func drawEpisode(r *rand.Rand, z Set, by [][]int, labels []int, length float32) episode {
	h, ways := z.Width, len(labels)
	e := episode{means: make([]float32, h*ways), scaled: make([]float32, h*ways), targets: make([]float32, shotBatch*ways)}
	for w, l := range labels {
		for i, v := range meanOf(z, draw(r, by[l], 1+r.IntN(shotMost))) {
			e.means[i*ways+w], e.scaled[i*ways+w] = v, length*v
		}
	}
	for b := range shotBatch {
		w := r.IntN(ways)
		own := by[labels[w]]
		e.x = append(e.x, z.Row(own[r.IntN(len(own))])...)
		e.targets[b*ways+w] = 1
	}
	return e
}

// draw picks n of own, or all.
func draw(r *rand.Rand, own []int, n int) []int {
	picked := make([]int, min(n, len(own)))
	for i, at := range r.Perm(len(own))[:len(picked)] {
		picked[i] = own[at]
	}
	return picked
}

func meanOf(z Set, numbers []int) []float32 {
	rows := make([][]float32, len(numbers))
	for i, at := range numbers {
		rows[i] = z.Row(at)
	}
	return classes.Mean(rows)
}

// compare is the accuracy of imprinted rows, and of predicted ones where there is a map,
// over episodes of a few of labels, with one and with five examples a class by turns.
func compare(n *classes.Network, z Set, labels []int, seed uint64) (accuracy [2]float64) {
	r, by := random(seed, useEpisodes+100), z.ByLabel(len(n.Bias))
	labels = slices.DeleteFunc(slices.Clone(labels), func(l int) bool { return len(by[l]) < 2 })
	ways := min(episodeWays, len(labels))
	tried := 0
	for i := range episodes {
		shots := 1 + 4*(i%2)
		rows := make([][][]float32, 1, 2)
		if n.Predict != nil {
			rows = rows[:2]
		}
		var asked [][]int
		for _, at := range r.Perm(len(labels))[:ways] {
			order := draw(r, by[labels[at]], shots+queries)
			shots := min(shots, len(order)-1)
			mean := meanOf(z, order[:shots])
			rows[0] = append(rows[0], n.Imprinted(mean))
			if n.Predict != nil {
				rows[1] = append(rows[1], n.Predicted(mean))
			}
			asked = append(asked, order[shots:])
		}
		for class, own := range asked {
			for _, at := range own {
				tried++
				for way := range rows {
					judge := classes.Network{Bias: make([]float32, ways)}
					for _, row := range rows[way] {
						judge.Labels = append(judge.Labels, row...)
					}
					if best(judge.Judge(z.Row(at))) == class {
						accuracy[way]++
					}
				}
			}
		}
	}
	for way := range accuracy {
		accuracy[way] /= float64(max(1, tried))
	}
	return accuracy
}
