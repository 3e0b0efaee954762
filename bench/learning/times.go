package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

const (
	cachedRows = 10000
	additions  = 21 // of which the median counts
)

// time measures what the user waits for.
func (b *bench) time() error {
	b.about()
	rows := [][]string{{"what", "inputs", "milliseconds", "at most"}}
	for _, name := range []string{"clinc150", "cifar100"} {
		if !b.has(name) {
			without(name)
			continue
		}
		begun := time.Now()
		s, err := b.load(name, "train")
		if err != nil {
			return err
		}
		say("%s: %d features in %v", name, len(s.examples["train"]), time.Since(begun))
		t := s.features["train"]
		learnt, took, err := b.timeHead(s, part(t, seq(min(cachedRows, len(t.Labels)))))
		if err != nil {
			return err
		}
		rows = append(rows, []string{"a head on cached rows: choice of features, training, map, memory", fmt.Sprintf("%s, %d rows", name, min(cachedRows, len(t.Labels))), fmt.Sprint(took.Milliseconds()), "60000"})
		for _, n := range []int{1, 5, 20} {
			median, err := b.timeClass(s, learnt, n)
			if err != nil {
				return err
			}
			rows = append(rows, []string{"a class added", fmt.Sprintf("%s, %d examples", name, n), fmt.Sprintf("%.1f", 1000*median.Seconds()), "50"})
		}
	}
	table(rows...)
	return nil
}

// timeHead does what learn.Head does behind its features.
func (b *bench) timeHead(s *set, t learn.Tapped) (mm.HeadSpec, time.Duration, error) {
	begun := time.Now()
	taps, err := chooseOf(t, 0)
	if err != nil {
		return mm.HeadSpec{}, 0, err
	}
	known, err := t.At(taps)
	if err != nil {
		return mm.HeadSpec{}, 0, err
	}
	var were []int
	known.Labels, were = renumbered(known.Labels)
	train, dev := learn.HoldOut(known, 0.15, 0)
	f, err := learn.FitBest(b.ctx, train, dev, len(were), learn.HeadOptions{Hidden: -1})
	if err != nil {
		return mm.HeadSpec{}, 0, err
	}
	n, shot, length, _, err := learn.FewShot(b.ctx, f.Network, train, dev, 0)
	if err != nil {
		return mm.HeadSpec{}, 0, err
	}
	learn.Herd(n, known, len(were), exemplars)
	return mm.HeadSpec{Task: s.task.Name, To: s.task.To, Taps: taps, Labels: pick(s.labels, were), Network: n, Shot: shot, Length: length,
		SHA256: b.m.Info().SHA256}, time.Since(begun), nil
}

// timeClass adds a class of n examples, whose files are in memory.
func (b *bench) timeClass(s *set, spec mm.HeadSpec, n int) (time.Duration, error) {
	h, err := b.m.AddHead("timed", spec)
	if err != nil {
		return 0, err
	}
	defer b.m.RemoveHead("timed")
	var took []time.Duration
	for i := range additions {
		inputs := make([]mm.Input, n)
		for j := range inputs {
			e := s.examples["test"][(i*n+j)%len(s.examples["test"])]
			if inputs[j].Text = e.Text; e.Path != "" {
				data, err := os.ReadFile(e.Path)
				if err != nil {
					return 0, err
				}
				inputs[j].Image = bytes.NewReader(data)
			}
		}
		begun := time.Now()
		if err := h.AddClass(b.ctx, "new", inputs...); err != nil {
			return 0, err
		}
		took = append(took, time.Since(begun))
		if err := h.RemoveClass("new"); err != nil {
			return 0, err
		}
	}
	slices.Sort(took)
	return took[len(took)/2], nil
}
