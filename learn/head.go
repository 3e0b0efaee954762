package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mm-runtime/mm"
)

// HeadOptions say what head is to be learned.
type HeadOptions struct {
	Name     string
	Task, To string // of the checkpoint, that takes the inputs
	Hidden   int    // units; -1: with a hidden layer or without, what serves better
	Memory   int    // exemplars kept at most
	Cache    string // folder for features; "": none
	Strict   bool   // an input that cannot be read is an error
	Skip     int    // inputs that may be skipped
	Curve    []int  // examples a class to measure accuracy at
	Fit      FitOptions
	// Progress, if not nil, is called from any goroutine with what is being done.
	Progress func(what string, done, all int)
}

// Learned is a head pack with what there is to report.
type Learned struct {
	*Pack
	Skipped   []Skipped
	Confusion [][]int    // by true label: how often each was answered, on the examples held out
	Shots     [2]float64 // accuracy of imprinted and predicted classes; zeros where that was not compared
	Stopped   string     // why training ended early
}

const (
	chooseMost = 2000 // examples that the layer is chosen by
	heldShare  = 0.15 // for the test, and as much again to choose the epoch by
	autoHidden = 256
)

// Head learns a head from examples, seeded by o.Fit.Seed.
func Head(ctx context.Context, m *mm.Model, d Data, o HeadOptions) (*Learned, error) {
	l := &Learned{Skipped: d.Skipped}
	c := &Collector{Model: m, Task: o.Task, To: o.To, Cache: o.Cache}
	seed := o.Fit.Seed
	sample := FewEach(LabelNumbers(d.Examples, d.Labels), max(1, chooseMost/max(1, len(d.Labels))), seed)
	slices.Sort(sample)
	tapped, _, err := l.tapped(ctx, c, pick(d.Examples, sample), EveryTap(m.Info().Layers), o, "layers")
	if err != nil {
		return nil, err
	}
	candidates, err := Choose(tapped, seed)
	if err != nil {
		return nil, err
	}
	l.Skipped = d.Skipped // all examples are read anew
	taps := candidates[0].Taps
	tapped, labels, err := l.tapped(ctx, c, d.Examples, taps, o, "features")
	if err != nil {
		return nil, err
	}
	s, err := tapped.At(taps)
	if err != nil {
		return nil, err
	}
	info := m.Info()
	l.Pack = &Pack{
		Name: o.Name, Model: info.Name + " " + info.Version, Limit: o.Memory, Seed: seed,
		HeadSpec: mm.HeadSpec{Task: o.Task, To: o.To, Taps: taps, Labels: labels, SHA256: info.SHA256},
		Metrics:  Metrics{Candidates: candidates, Skipped: len(l.Skipped)},
	}
	return l, l.train(ctx, s, o)
}

func pick(examples []Example, numbers []int) []Example {
	out := make([]Example, len(numbers))
	for i, at := range numbers {
		out[i] = examples[at]
	}
	return out
}

// tapped collects features and leaves out examples that have none, and labels of
// which no example is left.
func (l *Learned) tapped(ctx context.Context, c *Collector, examples []Example, taps []mm.Tap, o HeadOptions, what string) (Tapped, []string, error) {
	if o.Progress != nil {
		c.Progress = func(done, all int) { o.Progress(what, done, all) }
	}
	rows, failed, err := c.Collect(ctx, examples, taps)
	if err != nil {
		return Tapped{}, nil, err
	}
	var kept []Example
	var features [][]float32
	for i, e := range examples {
		if failed[i] != nil {
			l.Skipped = append(l.Skipped, Skipped{e.Place, strings.TrimPrefix(failed[i].Error(), "mm: ")})
			continue
		}
		kept, features = append(kept, e), append(features, rows[i])
	}
	if n := len(l.Skipped); o.Strict && n > 0 {
		return Tapped{}, nil, fmt.Errorf("learn: %s", l.Skipped[0])
	} else if n > o.Skip {
		return Tapped{}, nil, fmt.Errorf("learn: %d inputs could not be used, want at most %d; the first is %s", n, o.Skip, l.Skipped[0])
	}
	d := Data{Examples: kept}
	if err := d.checkLabels("examples"); err != nil {
		return Tapped{}, nil, err
	}
	t := Tapped{Taps: taps, Width: c.Model.Info().Width, Labels: LabelNumbers(kept, d.Labels), Rows: make([][]float32, len(taps))}
	for _, row := range features {
		for i := range taps {
			t.Rows[i] = append(t.Rows[i], row[i*t.Width:(i+1)*t.Width]...)
		}
	}
	return t, d.Labels, nil
}

// Examples are those of data with their features at taps, and their labels. What
// could not be used is listed, or an error, as o says.
func Examples(ctx context.Context, m *mm.Model, d Data, taps []mm.Tap, o HeadOptions) (Tapped, []string, []Skipped, error) {
	l := &Learned{Skipped: d.Skipped}
	c := &Collector{Model: m, Task: o.Task, To: o.To, Cache: o.Cache}
	t, labels, err := l.tapped(ctx, c, d.Examples, taps, o, "features")
	return t, labels, l.Skipped, err
}

// train learns the network and measures it.
func (l *Learned) train(ctx context.Context, s Set, o HeadOptions) error {
	labels, seed := len(l.Labels), o.Fit.Seed
	if err := s.check(labels); err != nil {
		return fmt.Errorf("learn: %w", err)
	}
	rest, held := Split(s.Labels, heldShare, seed)
	test, s := s.Pick(held), s.Pick(rest)
	train, dev := HoldOut(s, heldShare/(1-heldShare), seed+1)
	fitted, err := FitBest(ctx, train, dev, labels, o)
	if err != nil {
		return err
	}
	l.Stopped = fitted.Stopped
	l.Metrics.Examples, l.Metrics.Epochs = train.Len(), fitted.Best
	l.Metrics.Hidden = len(fitted.Network.HiddenBias)
	if dev.Len() > 0 {
		l.Metrics.Dev = fitted.Accuracy
	}
	l.Metrics.Tested = test.Len()
	l.Confusion = Confusion(fitted.Network, test, labels)
	if test.Len() > 0 {
		_, l.Metrics.Accuracy = Judge(fitted.Network, test)
	}
	if l.Network, l.Shot, l.Length, l.Shots, err = FewShot(ctx, fitted.Network, train, test, seed); err != nil {
		return err
	}
	l.Memory = Herd(l.Network, train.Add(dev), labels, o.Memory)
	l.Held = Shrink(test, labels, o.Memory/4)
	return l.curve(ctx, train, test, o)
}

// FitBest returns the network that is right more often on dev: by regression or by
// training with a hidden layer, or, as a regression balances no classes, by training
// without one; o.Hidden leaves one out, or has units. What is no worse and simpler
// comes first. Without dev, of too few examples, it is the regression, if no hidden
// layer is asked for.
func FitBest(ctx context.Context, train, dev Set, labels int, o HeadOptions) (*Fitted, error) {
	if err := errors.Join(ctx.Err(), o.Fit.defaults(train.Len()).check()); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	if err := train.check(labels); err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	var better *Fitted
	if o.Hidden <= 0 && !o.Fit.Balance {
		n, err := regress(train, labels)
		if err != nil {
			return nil, err
		}
		better = &Fitted{Network: n, Accuracy: math.NaN()}
		if dev.Len() == 0 {
			return better, nil
		}
		_, better.Accuracy = Judge(n, dev)
	}
	choices := []int{o.Hidden}
	if o.Hidden < 0 && better != nil {
		choices = []int{autoHidden}
	} else if o.Hidden < 0 {
		choices = []int{0, autoHidden}
	}
	if dev.Len() == 0 {
		choices = choices[:1]
	}
	for _, hidden := range choices {
		f := o.Fit
		f.Hidden = hidden
		if o.Progress != nil {
			f.Progress = func(e Epoch) { o.Progress("training", e.Number, f.defaults(train.Len()).Epochs) }
		}
		fitted, err := Fit(ctx, train, dev, labels, f)
		if err != nil {
			return nil, err
		}
		if better == nil || fitted.Accuracy > better.Accuracy {
			better = fitted
		}
	}
	if better.Best == 0 { // of all examples it is better still
		n, err := regress(train.Add(dev), labels)
		if err != nil {
			return nil, err
		}
		better.Network = n
	}
	return better, nil
}

// curve measures heads that learn from fewer examples of each class.
func (l *Learned) curve(ctx context.Context, train, test Set, o HeadOptions) error {
	if test.Len() == 0 {
		return nil
	}
	largest := 0
	for _, own := range train.ByLabel(len(l.Labels)) {
		largest = max(largest, len(own))
	}
	for i, n := range o.Curve {
		if n >= largest {
			break
		}
		few, held := HoldOut(train.Pick(FewEach(train.Labels, n, o.Fit.Seed)), heldShare, o.Fit.Seed)
		own := o
		own.Progress = nil
		fitted, err := FitBest(ctx, few, held, len(l.Labels), own)
		if err != nil {
			return err
		}
		_, accuracy := Judge(fitted.Network, test)
		l.Metrics.Curve = append(l.Metrics.Curve, Point{n, accuracy})
		if o.Progress != nil {
			o.Progress("learning curve", i+1, len(o.Curve))
		}
	}
	l.Metrics.Curve = append(l.Metrics.Curve, Point{0, l.Metrics.Accuracy})
	return nil
}
