package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mm-runtime/mm/learn"
)

// networkTerms is how many terms the network without a trunk takes.
const networkTerms = 2000

// ways are what is compared, in the order of the table's rows.
var ways = []string{"mm learn head", "logistic regression", "the same network, no trunk"}

// transfer measures heads beside baselines on raw features.
func (b *bench) transfer(names ...string) error {
	b.about()
	for _, name := range names {
		if !b.has(name) {
			without(name)
			continue
		}
		if err := b.transferOf(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func modalityOf(name string) string {
	switch name {
	case "speech_commands":
		return "audio"
	case "cifar10", "cifar100", "omniglot":
		return "image"
	}
	return "text"
}

// trial is one drawing of training examples.
type trial struct {
	*bench
	s         *set
	dev, test sparse
	terms     *raw
	few       []int
	seed      uint64
	chosen    string // the features of ours
	c         float64
}

func (b *bench) transferOf(name string) error {
	s, err := b.load(name, "train", "test")
	if err != nil {
		return err
	}
	rows := [][]string{append([]string{name + ", " + fmt.Sprint(len(s.labels)) + " classes; examples a class"}, b.headings()...)}
	found := make([][]string, len(ways))
	var notes []string
	for _, n := range b.counts {
		sums := make([]float64, len(ways))
		seeds := b.seeds
		if n == 0 || n >= 50 { // another drawing changes little
			seeds = 1
		}
		for seed := range seeds {
			t := &trial{bench: b, s: s, seed: uint64(seed)}
			t.few = learn.FewEach(s.features["train"].Labels, max(n, 1), t.seed)
			if n == 0 {
				t.few = seq(len(s.features["train"].Labels))
			}
			slices.Sort(t.few)
			accuracy, err := t.run()
			if err != nil {
				return err
			}
			for i, a := range accuracy {
				sums[i] += a / float64(seeds)
			}
			say("%s, %d a class, seed %d: %.3f (%s, C %g)", name, n, seed, accuracy, t.chosen, t.c)
			if seed == 0 {
				notes = append(notes, t.chosen)
			}
		}
		for i := range ways {
			found[i] = append(found[i], percent(sums[i]))
		}
	}
	for i, way := range ways {
		rows = append(rows, append([]string{way}, found[i]...))
	}
	table(rows...)
	fmt.Fprintf(page, "Chosen features, seed 0: %s. Test: %d examples.\n\n", strings.Join(notes, "; "), len(s.examples["test"]))
	return nil
}

func (b *bench) headings() []string {
	var all []string
	for _, n := range b.counts {
		if n == 0 {
			all = append(all, "all")
		} else {
			all = append(all, fmt.Sprint(n))
		}
	}
	return all
}

// run is the accuracy of each way on the test split.
func (t *trial) run() ([]float64, error) {
	ours, err := t.ours()
	if err != nil {
		return nil, err
	}
	train := pick(t.s.examples["train"], t.few)
	if t.terms, err = newRaw(t.s.modality, train); err != nil {
		return nil, err
	}
	labels := pick(t.s.features["train"].Labels, t.few)
	known, err := t.terms.of(train, labels)
	if err != nil {
		return nil, err
	}
	if t.dev, err = t.terms.of(t.s.examples["dev"], learn.LabelNumbers(t.s.examples["dev"], t.s.labels)); err != nil {
		return nil, err
	}
	if t.test, err = t.terms.of(t.s.examples["test"], t.s.features["test"].Labels); err != nil {
		return nil, err
	}
	f, err := t.fit(known.set(networkTerms))
	if err != nil {
		return nil, err
	}
	_, alone := learn.Judge(f.Network, t.test.set(networkTerms))
	return []float64{ours, t.regression(known), alone}, nil
}

// ours is what mm learn head does with these examples.
func (t *trial) ours() (float64, error) {
	tapped := part(t.s.features["train"], t.few)
	taps, err := chooseOf(tapped, t.seed)
	if err != nil {
		return 0, err
	}
	t.chosen = strings.Join(tapNames(taps), " and ")
	known, err := tapped.At(taps)
	if err != nil {
		return 0, err
	}
	f, err := t.fit(known)
	if err != nil {
		return 0, err
	}
	test, err := t.s.features["test"].At(taps)
	if err != nil {
		return 0, err
	}
	_, accuracy := learn.Judge(f.Network, test)
	return accuracy, nil
}

// fit trains as mm learn head does, of examples that suffice for it a part held out.
func (t *trial) fit(s learn.Set) (*learn.Fitted, error) {
	train, dev := learn.HoldOut(s, 0.15, t.seed)
	return learn.FitBest(t.ctx, train, dev, len(t.s.labels), learn.HeadOptions{Hidden: -1, Fit: learn.FitOptions{Seed: t.seed}})
}

// regression is the accuracy with the C that is best on the dev split, which is larger
// than what ours has to choose by.
func (t *trial) regression(known sparse) (on float64) {
	strengths := []float64{1, 10, 100} // of TF-IDF
	if t.s.modality != "text" {
		strengths = []float64{0.001, 0.01, 0.1, 1} // of features of variance 1
	}
	best := -1.0
	for _, c := range strengths {
		l := fitLogistic(known, len(t.s.labels), c)
		if dev := l.accuracy(t.dev); dev > best {
			best, on, t.c = dev, l.accuracy(t.test), c
		}
	}
	return on
}

func seq(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}
