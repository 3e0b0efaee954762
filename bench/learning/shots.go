package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/learn"
)

const (
	episodes = 600
	ways5    = 5
	queries  = 15 // of each class and episode
	// hiddenUnits make a map possible where a regression of many features has none.
	hiddenUnits = 256
)

// shotWays are the columns of the table.
var shotWays = []string{"predicted parameters", "imprinting", "nearest mean"}

// fewShot is a set whose classes are divided: a head learns the known ones, episodes
// are of the new ones.
type fewShot struct {
	name       string
	known, new learn.Set // labels from 0 on, each
	held       learn.Set // of the known classes, for their accuracy
	network    *classes.Network
	better     mm.Shot
	length     float32 // of imprinted rows
	taps       []string
}

// shots measures classes of one and of five examples.
func (b *bench) shots() error {
	b.about()
	rows := [][]string{{"set, new classes", "episodes", shotWays[0], shotWays[1], shotWays[2], "by default"}}
	joined := [][]string{{"set", "classes", "method", "known before", "known after", "new", "all"}}
	for _, name := range []string{"cifar100", "omniglot", "clinc150"} {
		if !b.has(name) {
			without(name)
			continue
		}
		f, err := b.fewShotOf(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		rows, joined = append(rows, f.rows("")...), append(joined, f.join()...)
		if f.network.Predict == nil {
			if err := f.learn(b.ctx, hiddenUnits); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			rows = append(rows, f.rows(fmt.Sprintf(", by %d hidden units", hiddenUnits))...)
		}
		say("%s: %v", name, rows[len(rows)-2:])
	}
	table(rows...)
	table(joined...)
	return nil
}

// rows are those of the first table.
func (f *fewShot) rows(how string) [][]string {
	n := len(slices.Compact(slices.Sorted(slices.Values(f.new.Labels))))
	var rows [][]string
	for _, shots := range []int{1, 5} {
		row := []string{fmt.Sprintf("%s, %d%s", f.name, n, how), fmt.Sprintf("5-way %d-shot", shots)}
		for way, a := range f.episodes(shots) {
			mean, half := interval(a)
			cell := fmt.Sprintf("%s ± %s", percent(mean), percent(half))
			if way == 0 && f.network.Predict == nil {
				cell = "no map: too many activations"
			}
			row = append(row, cell)
		}
		rows = append(rows, append(row, string(f.better)))
	}
	return rows
}

// fewShotOf learns the known half of a set's classes; omniglot has its own division.
func (b *bench) fewShotOf(name string) (*fewShot, error) {
	s, err := b.load(name, "train", "test")
	if err != nil {
		return nil, err
	}
	known := seq(len(s.labels))
	if name == "omniglot" { // new alphabets are the test split
		known = slices.DeleteFunc(known, func(l int) bool { return !slices.Contains(s.features["train"].Labels, l) })
	} else {
		rand.New(rand.NewPCG(1, 0)).Shuffle(len(known), func(i, j int) { known[i], known[j] = known[j], known[i] })
		known = known[:len(known)/2]
	}
	isKnown := func(l int) bool { return slices.Contains(known, l) }
	tapped := of(s.features["train"], isKnown)
	taps, err := chooseOf(tapped, 0)
	if err != nil {
		return nil, err
	}
	f := &fewShot{name: name, taps: tapNames(taps)}
	at := func(t learn.Tapped) learn.Set {
		set, tapErr := t.At(taps)
		if tapErr != nil {
			err = tapErr
		}
		set.Labels, _ = renumbered(set.Labels)
		return set
	}
	f.known, f.held = at(tapped), at(of(s.features["test"], isKnown))
	f.new = at(of(s.features["test"], func(l int) bool { return !isKnown(l) }))
	if err != nil {
		return nil, err
	}
	return f, f.learn(b.ctx, -1)
}

// learn makes a head of the known classes with so many hidden units, -1 for what serves
// better.
func (f *fewShot) learn(ctx context.Context, hidden int) error {
	train, dev := learn.HoldOut(f.known, 0.15, 0)
	labels := 1 + slices.Max(f.known.Labels)
	fitted, err := learn.FitBest(ctx, train, dev, labels, learn.HeadOptions{Hidden: hidden})
	if err != nil {
		return err
	}
	f.network, f.better, f.length, _, err = learn.FewShot(ctx, fitted.Network, f.known, dev, 0)
	return err
}

// of is the examples whose labels are wanted.
func of(t learn.Tapped, wanted func(label int) bool) learn.Tapped {
	return part(t, slices.DeleteFunc(seq(len(t.Labels)), func(i int) bool { return !wanted(t.Labels[i]) }))
}

// episodes is the accuracy of each way in each episode.
func (f *fewShot) episodes(shots int) [][]float64 {
	r := rand.New(rand.NewPCG(1, uint64(shots)))
	by := f.new.ByLabel(slices.Max(f.new.Labels) + 1)
	by = slices.DeleteFunc(by, func(own []int) bool { return len(own) < shots+1 })
	accuracy := make([][]float64, len(shotWays))
	for range episodes {
		rows := make([][][]float32, len(shotWays))
		var asked [][]int
		for _, class := range r.Perm(len(by))[:ways5] {
			order := r.Perm(len(by[class]))
			order = order[:min(len(order), shots+queries)]
			own := pick(by[class], order)
			z := make([][]float32, shots)
			raw := make([]float32, f.new.Width)
			for i, at := range own[:shots] {
				z[i] = f.network.Activation(f.new.Row(at))
				for c, v := range f.scaled(at) {
					raw[c] += v / float32(shots)
				}
			}
			mean := classes.Mean(z)
			if f.network.Predict != nil {
				rows[0] = append(rows[0], f.network.Predicted(mean))
			}
			rows[1] = append(rows[1], f.network.Imprinted(mean))
			rows[2] = append(rows[2], raw)
			asked = append(asked, own[shots:])
		}
		for way := range shotWays {
			right, tried := 0, 0
			for class, own := range asked {
				for _, at := range own {
					tried++
					if f.answer(way, rows[way], at) == class {
						right++
					}
				}
			}
			accuracy[way] = append(accuracy[way], float64(right)/float64(tried))
		}
	}
	return accuracy
}

// scaled are the features of a new example, each of variance 1 over the known ones.
func (f *fewShot) scaled(at int) []float32 {
	x := slices.Clone(f.new.Row(at))
	for c := range x {
		x[c] = (x[c] - f.network.Shift[c]) * f.network.Scale[c]
	}
	return x
}

// answer is the class of rows that an example is given: that of the largest product, or
// of the least distance of the features themselves.
func (f *fewShot) answer(way int, rows [][]float32, at int) int {
	x := f.scaled(at)
	if way < 2 {
		x = f.network.Activation(f.new.Row(at))
	}
	best, most := 0, math.Inf(-1)
	for class, row := range rows {
		score := 0.0
		for c, v := range row {
			if way < 2 {
				score += float64(v) * float64(x[c])
			} else {
				score -= float64(v-x[c]) * float64(v-x[c])
			}
		}
		if score > most {
			best, most = class, score
		}
	}
	return best
}

// join adds five new classes of five examples each to the head of the known ones, and
// asks it for both.
func (f *fewShot) join() [][]string {
	if f.held.Len() == 0 {
		return nil
	}
	_, before := learn.Judge(f.network, f.held)
	by := f.new.ByLabel(slices.Max(f.new.Labels) + 1)
	known := len(f.network.Bias)
	var found [][]string
	for _, way := range []mm.Shot{mm.Predict, mm.Imprint} {
		if way == mm.Predict && f.network.Predict == nil { // of many activations
			continue
		}
		n, fresh := f.network, learn.Set{Width: f.new.Width}
		r := rand.New(rand.NewPCG(2, 0))
		for i, class := range r.Perm(len(by))[:ways5] {
			own := pick(by[class], r.Perm(len(by[class])))
			z := make([][]float32, 5)
			for j := range z {
				z[j] = f.network.Activation(f.new.Row(own[j]))
			}
			mean := classes.Mean(z)
			spec := mm.HeadSpec{Network: f.network, Shot: way, Length: f.length}
			n = n.With(spec.Row(mean), f.network.MeanBias())
			rest := f.new.Pick(own[5:])
			for j := range rest.Labels {
				rest.Labels[j] = known + i
			}
			fresh = fresh.Add(rest)
		}
		_, after := learn.Judge(n, f.held)
		_, added := learn.Judge(n, fresh)
		_, all := learn.Judge(n, f.held.Add(fresh))
		found = append(found, []string{f.name, fmt.Sprintf("%d + %d", known, ways5), string(way), percent(before), percent(after), percent(added), percent(all)})
	}
	return found
}

// interval is the mean and half of its 95% interval.
func interval(values []float64) (mean, half float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	square := 0.0
	for _, v := range values {
		square += (v - mean) * (v - mean) / (n - 1)
	}
	return mean, 1.96 * math.Sqrt(square/n)
}
