package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

const (
	tasks      = 10
	exemplars  = 2000
	published  = 64.1 // iCaRL on CIFAR-100, 10 steps of 10 classes (Rebuffi et al. 2017, table 1)
	epochsEach = 30
)

// joint learns all examples of all classes so far at once.
const joint = "joint"

// allMethods are the ways of adding classes, and joint.
func allMethods() []string {
	var names []string
	for _, m := range learn.Methods {
		names = append(names, string(m))
	}
	return append(names, joint)
}

// order is a set of a hundred classes in ten groups, drawn by chance.
type order struct {
	train, test learn.Set // labels in the order in which classes come
	each        int       // classes of a group
}

// incremental adds classes group by group.
func (b *bench) incremental() error {
	b.about()
	const name = "cifar100"
	if !b.has(name) {
		without(name)
		return nil
	}
	s, err := b.load(name, "train", "test")
	if err != nil {
		return err
	}
	place := rand.New(rand.NewPCG(1993, 0)).Perm(len(s.labels))
	for _, split := range []string{"train", "test"} {
		for i, l := range s.features[split].Labels {
			s.features[split].Labels[i] = place[l]
		}
	}
	o := &order{each: len(s.labels) / tasks}
	taps, err := chooseOf(of(s.features["train"], func(l int) bool { return l < o.each }), 0) // what is known at first
	if err != nil {
		return err
	}
	if o.train, err = s.features["train"].At(taps); err != nil {
		return err
	}
	if o.test, err = s.features["test"].At(taps); err != nil {
		return err
	}
	head := []string{"accuracy on all classes so far"}
	for i := range tasks {
		head = append(head, fmt.Sprint((i+1)*o.each))
	}
	rows := [][]string{append(head, "average", "first classes at the end")}
	s = nil // with all layers' features, which are gigabytes
	for _, method := range b.methods {
		found, first, err := b.inOrder(o, learn.Method(method))
		if err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		row, mean := []string{method}, 0.0
		for _, a := range found {
			row, mean = append(row, percent(a)), mean+a/tasks
		}
		rows = append(rows, append(row, percent(mean), percent(first)))
		say("%s: %.3f", method, found)
	}
	table(rows...)
	fmt.Fprintf(page, "Features: %v, chosen by the first %d classes. %d exemplars. Published iCaRL: %.1f on average, a ResNet that learns on.\n\n",
		tapNames(taps), o.each, exemplars, published)
	return nil
}

// inOrder is the accuracy after each group, and that of the first group's classes at
// the end.
func (b *bench) inOrder(o *order, method learn.Method) (found []float64, first float64, err error) {
	fit := learn.FitOptions{Epochs: epochsEach, Seed: 1}
	var p *learn.Pack
	for g := range tasks {
		known := (g + 1) * o.each
		group := below(o.train, g*o.each, known)
		switch {
		case method == joint:
			p, err = b.first(below(o.train, 0, known), known, fit)
		case g == 0:
			p, err = b.first(group, known, fit)
		default:
			for i := range group.Labels {
				group.Labels[i] -= g * o.each
			}
			var e *learn.Extension
			if e, err = learn.Extend(b.ctx, p, group, labelNames(g*o.each, known), learn.ExtendOptions{Method: method, Memory: exemplars, Fit: fit}); err == nil {
				p = e.Pack
			}
		}
		if err != nil {
			return nil, 0, err
		}
		_, a := learn.Judge(p.Network, below(o.test, 0, known))
		found = append(found, a)
	}
	_, first = learn.Judge(p.Network, below(o.test, 0, o.each))
	return found, first, nil
}

// first is a head pack of classes that are learned together.
func (b *bench) first(s learn.Set, labels int, fit learn.FitOptions) (*learn.Pack, error) {
	kept, held := learn.Split(s.Labels, 0.1, 0)
	f, err := learn.FitBest(b.ctx, s.Pick(kept), s.Pick(held), labels, learn.HeadOptions{Hidden: -1, Fit: fit})
	if err != nil {
		return nil, err
	}
	return &learn.Pack{Limit: exemplars, HeadSpec: mm.HeadSpec{Labels: labelNames(0, labels), Network: f.Network, Shot: mm.Imprint},
		Memory: learn.Herd(f.Network, s.Pick(kept), labels, exemplars), Held: s.Pick(held)}, nil
}

// below are the examples of labels from lo to less than hi.
func below(s learn.Set, lo, hi int) learn.Set {
	return s.Pick(slices.DeleteFunc(seq(s.Len()), func(i int) bool { return s.Labels[i] < lo || s.Labels[i] >= hi }))
}

func labelNames(lo, hi int) []string {
	names := make([]string, 0, max(0, hi-lo))
	for l := lo; l < hi; l++ {
		names = append(names, fmt.Sprint(l))
	}
	return names
}

// share is a part of a whole with half of its 95% interval.
func share(right, tried int) string {
	p := float64(right) / float64(max(1, tried))
	return fmt.Sprintf("%s ± %s", percent(p), percent(1.96*math.Sqrt(p*(1-p)/float64(max(1, tried)))))
}
