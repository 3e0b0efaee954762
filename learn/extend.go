package learn

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

// Method is a way to add classes to a head without losing the old ones.
type Method string

// The methods. All but Plain train on the memory's exemplars beside the new examples.
const (
	// Bias distils what the head knew (Li and Hoiem 2016), evens out the classes with
	// Balanced, and corrects the new ones' logits (Wu et al. 2019, "Large Scale
	// Incremental Learning").
	Bias Method = "bias"
	// Balanced distils and then trains a little more on as many examples of each class
	// (Castro et al. 2018).
	Balanced Method = "balanced"
	// NearestMean trains as Bias does and then answers the class whose exemplars' mean
	// activation is nearest (Rebuffi et al. 2017, "iCaRL").
	NearestMean Method = "mean"
	// Plain trains on the new examples alone and forgets: a baseline.
	Plain Method = "plain"
)

// Methods lists them.
var Methods = []Method{Bias, Balanced, NearestMean, Plain}

// ExtendOptions say how classes are added.
type ExtendOptions struct {
	Method Method // Bias, where it is ""
	Memory int    // exemplars kept at most
	Fit    FitOptions
}

// Extension is a head with more classes, and what became of the old ones. Accuracies
// are on examples held out of all training.
type Extension struct {
	*Pack
	OldBefore, OldAfter float64
	New                 float64 // NaN where no new example was held out
	ByClass             []ClassChange
	OldExamples         int // exemplars trained on
	NewExamples         int
	Alpha, Beta         float64 // the correction of new logits, of Bias
	// FromMemory says that no old example was held out when the head was learned, so
	// that the memory had to serve: the accuracy before is too good.
	FromMemory bool
}

// ClassChange is what became of a class; Before is NaN of a new one.
type ClassChange struct {
	Label         string
	Before, After float64
	Held          int // examples that say so
}

// temperature softens what a network knew when another is to keep it (Hinton et al.
// 2015, "Distilling the Knowledge in a Neural Network").
const temperature = 2

// Extend adds classes to the head of a pack; labels are those that the numbers of s
// stand for. The pack itself stays as it is.
func Extend(ctx context.Context, p *Pack, s Set, labels []string, o ExtendOptions) (*Extension, error) {
	if o.Method == "" {
		o.Method = Bias
	}
	if !slices.Contains(Methods, o.Method) {
		return nil, fmt.Errorf("learn: method %q, want one of %q", o.Method, Methods)
	}
	for _, l := range labels {
		if slices.Contains(p.Labels, l) {
			return nil, fmt.Errorf("learn: class %q: the head has one of this name", l)
		}
	}
	if s.Width != p.Network.Features() {
		return nil, fmt.Errorf("learn: features of %d numbers, want %d", s.Width, p.Network.Features())
	}
	if p.Memory.Len() == 0 && o.Method != Plain {
		return nil, fmt.Errorf("learn: the pack has no memory of the old classes, want one (or the method %s, which forgets)", Plain)
	}
	s.Labels = slices.Clone(s.Labels)
	for i := range s.Labels {
		s.Labels[i] += len(p.Labels)
	}
	all := append(slices.Clone(p.Labels), labels...)
	kept, held := Split(s.Labels, heldShare, o.Fit.Seed)
	train, test := s.Pick(kept), s.Pick(held)
	e := &Extension{Pack: &Pack{}, NewExamples: train.Len(), OldExamples: p.Memory.Len()}
	*e.Pack = *p
	e.Labels, e.Limit = all, o.Memory
	old := p.Held
	if old.Len() == 0 {
		old, e.FromMemory = p.Memory, true
	}
	var err error
	if e.Network, err = e.learn(ctx, p, train, o); err != nil {
		return nil, err
	}
	e.measure(p, old, test)
	e.Length = ImprintLength(e.Network, p.Memory.Add(train), p.Held.Add(test))
	memory := Shrink(p.Memory, len(p.Labels), o.Memory*len(p.Labels)/len(all))
	e.Memory = memory.Add(Herd(e.Network, train, len(all), o.Memory-memory.Len()))
	e.Held = p.Held.Add(test)
	return e, nil
}

// learn makes the network of all classes.
func (e *Extension) learn(ctx context.Context, p *Pack, train Set, o ExtendOptions) (*classes.Network, error) {
	n := p.Network
	for _, own := range train.ByLabel(len(e.Labels))[len(p.Labels):] {
		if len(own) == 0 {
			return nil, fmt.Errorf("learn: a new class has no examples")
		}
		imprint := mm.HeadSpec{Network: n, Shot: mm.Imprint, Length: p.Length}
		n = n.With(imprint.Row(classes.Mean(activationsOf(n, train, own))), n.MeanBias())
	}
	if o.Method == Plain {
		e.OldExamples = 0
		return refit(ctx, train, n, plainLoss(train, len(e.Labels), o.Fit), o.Fit)
	}
	// A part of both, as many of each class, is kept back for the correction.
	both := p.Memory.Add(train)
	kept, held := Split(both.Labels, 0.1, o.Fit.Seed+1)
	part := both.Pick(kept)
	n, err := refit(ctx, part, n, distilled(p.Network, part, len(e.Labels)), o.Fit)
	if err != nil {
		return nil, err
	}
	if o.Method == NearestMean {
		return nearestMean(n, both, len(e.Labels), o.Memory), nil
	}
	even := evenly(part, len(e.Labels), o.Fit.Seed)
	gentle := o.Fit
	gentle.Rate = o.Fit.defaults(even.Len()).Rate / 10
	gentle.Epochs = max(1, o.Fit.defaults(even.Len()).Epochs/3)
	if n, err = refit(ctx, even, n, distilled(p.Network, even, len(e.Labels)), gentle); err != nil {
		return nil, err
	}
	if o.Method == Bias {
		check := evenly(both.Pick(held), len(e.Labels), o.Fit.Seed)
		n, e.Alpha, e.Beta = correct(n, check, len(p.Labels))
	}
	return n, nil
}

func activationsOf(n *classes.Network, s Set, numbers []int) [][]float32 {
	out := make([][]float32, len(numbers))
	for i, at := range numbers {
		out[i] = n.Activation(s.Row(at))
	}
	return out
}

// refit goes on training a network, for all of its epochs.
func refit(ctx context.Context, s Set, n *classes.Network, l loss, o FitOptions) (*classes.Network, error) {
	o = o.defaults(s.Len())
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	f, err := fit(ctx, s, Set{}, n, l, o)
	if err != nil {
		return nil, err
	}
	return f.Network, nil
}

// distilled is the loss that keeps, at a temperature, what old says of every example
// among its own classes, and learns the labels: λ of the first and 1-λ of the second,
// λ being the share of the old classes (Wu et al. 2019, section 3).
func distilled(old *classes.Network, s Set, labels int) loss {
	known := len(old.Bias)
	λ := float64(known) / float64(labels)
	l := plainLoss(s, labels, FitOptions{})
	for i := range s.Len() {
		for j := range l.targets[i] {
			l.targets[i][j] *= float32(1 - λ)
		}
		soft := old.Logits(s.Row(i))
		for j := range soft {
			soft[j] /= temperature
		}
		row := make([]float32, known)
		for j, p := range classes.Softmax(soft) {
			row[j] = float32(λ * temperature * temperature * p) // gradients shrink with its square
		}
		l.old = append(l.old, row)
	}
	return l
}

// evenly draws as many examples of each class as the smallest has, but at least a few
// of the others.
func evenly(s Set, labels int, seed uint64) Set {
	const few = 5
	least := s.Len()
	for _, own := range s.ByLabel(labels) {
		if len(own) > 0 {
			least = min(least, len(own))
		}
	}
	return s.Pick(FewEach(s.Labels, max(least, few), seed))
}

// nearestMean answers by the cosine with the mean of each class's exemplars.
func nearestMean(n *classes.Network, s Set, labels, limit int) *classes.Network {
	exemplars := Herd(n, s, labels, limit)
	mean := *n
	mean.Labels, mean.Bias = nil, make([]float32, labels)
	for _, row := range means(n, exemplars, labels) {
		for _, v := range row {
			mean.Labels = append(mean.Labels, rowLength*v)
		}
	}
	return &mean
}

// measure fills in the accuracies.
func (e *Extension) measure(p *Pack, old, fresh Set) {
	_, e.OldBefore = Judge(p.Network, old)
	_, e.OldAfter = Judge(e.Network, old)
	_, e.New = Judge(e.Network, fresh)
	for l, own := range old.Add(fresh).ByLabel(len(e.Labels)) {
		c := ClassChange{Label: e.Labels[l], Before: math.NaN(), Held: len(own)}
		some := old.Add(fresh).Pick(own)
		if l < len(p.Labels) {
			_, c.Before = Judge(p.Network, some)
		}
		_, c.After = Judge(e.Network, some)
		e.ByClass = append(e.ByClass, c)
	}
}

// Forgets is the error for old accuracy that fell by more than most, in points.
func (e *Extension) Forgets(most float64) error {
	if fell := 100 * (e.OldBefore - e.OldAfter); fell > most {
		return fmt.Errorf("learn: the old classes' accuracy fell by %.1f points, from %.1f%% to %.1f%%, want at most %v",
			fell, 100*e.OldBefore, 100*e.OldAfter, most)
	}
	return nil
}
