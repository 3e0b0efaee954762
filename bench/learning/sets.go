package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

// set is a set with the features that the model makes of it at every tap.
type set struct {
	name, modality string
	task           mm.Task
	labels         []string
	examples       map[string][]learn.Example // by split: train, dev, test
	features       map[string]learn.Tapped    // of train and test
}

// load reads a set and makes the features of some splits; a split that is not there
// stays empty. Labels are numbered over all splits, those of train first.
func (b *bench) load(name string, featured ...string) (*set, error) {
	modality := modalityOf(name)
	s := &set{name: name, modality: modality, examples: map[string][]learn.Example{}, features: map[string]learn.Tapped{}}
	if err := s.find(b.m); err != nil {
		return nil, err
	}
	var all []learn.Example
	for _, split := range []string{"train", "dev", "test"} {
		path := filepath.Join(b.sets, name, split+".tsv")
		if _, err := os.Stat(path); os.IsNotExist(err) {
			continue
		}
		d, err := learn.ReadData(path, modality)
		if err != nil {
			return nil, err
		}
		for _, l := range d.Labels {
			if !slices.Contains(s.labels, l) {
				s.labels = append(s.labels, l)
			}
		}
		if split == "train" {
			few := learn.FewEach(learn.LabelNumbers(d.Examples, d.Labels), b.most, 0)
			slices.Sort(few)
			d.Examples = pick(d.Examples, few)
		}
		s.examples[split] = d.Examples
		if slices.Contains(featured, split) {
			all = append(all, d.Examples...)
		}
	}
	taps := learn.EveryTap(b.m.Info().Layers)
	c := &learn.Collector{Model: b.m, Task: s.task.Name, To: s.task.To, Cache: b.cache, Progress: progress(name)}
	rows, failed, err := c.Collect(b.ctx, all, taps)
	if err != nil {
		return nil, err
	}
	missing := 0
	for _, split := range featured {
		t := learn.Tapped{Taps: taps, Rows: make([][]float32, len(taps)), Width: b.m.Info().Width}
		var kept []learn.Example
		for i, e := range s.examples[split] {
			if failed[i] != nil { // the same input twice, with other labels
				missing++
				continue
			}
			kept = append(kept, e)
			for j := range taps {
				t.Rows[j] = append(t.Rows[j], rows[i][j*t.Width:(j+1)*t.Width]...)
			}
		}
		n := len(s.examples[split])
		rows, failed = rows[n:], failed[n:]
		s.examples[split], t.Labels = kept, learn.LabelNumbers(kept, s.labels)
		s.features[split] = t
	}
	say("%s: %d labels, %d %d %d examples, %d left out", name, len(s.labels), len(s.examples["train"]), len(s.examples["dev"]), len(s.examples["test"]), missing)
	return s, nil
}

// find chooses the task whose inputs the set's are, as mm learn head does.
func (s *set) find(m *mm.Model) error {
	for _, t := range m.Tasks() {
		if t.Input == s.modality && (s.task.Name == "" || t.Output == "classes" && s.task.Output != "classes") {
			s.task = t
		}
	}
	if s.task.Name == "" {
		return fmt.Errorf("%s: the model has no task that takes inputs of modality %q", s.name, s.modality)
	}
	return nil
}

func pick[T any](values []T, numbers []int) []T {
	out := make([]T, len(numbers))
	for i, at := range numbers {
		out[i] = values[at]
	}
	return out
}

// part is some of a set's examples with their features.
func part(t learn.Tapped, numbers []int) learn.Tapped {
	p := learn.Tapped{Taps: t.Taps, Width: t.Width, Labels: pick(t.Labels, numbers), Rows: make([][]float32, len(t.Taps))}
	for i := range t.Taps {
		for _, n := range numbers {
			p.Rows[i] = append(p.Rows[i], t.Rows[i][n*t.Width:(n+1)*t.Width]...)
		}
	}
	return p
}

// progress says now and then how far a set is.
func progress(name string) func(done, all int) {
	return func(done, all int) {
		if done%5000 == 0 || done == all {
			say("%s: features of %d of %d", name, done, all)
		}
	}
}
