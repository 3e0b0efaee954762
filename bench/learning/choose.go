package main

import (
	"fmt"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

// chooseMost is how many examples the features are chosen by, as in learn.Head.
const chooseMost = 2000

// chooseOf is the best features for examples, by cross-validation.
func chooseOf(t learn.Tapped, seed uint64) ([]mm.Tap, error) {
	labels := slices.Max(t.Labels) + 1
	sample := learn.FewEach(t.Labels, max(1, chooseMost/labels), seed)
	slices.Sort(sample)
	some := part(t, sample)
	some.Labels, _ = renumbered(some.Labels)
	candidates, err := learn.Choose(some, seed)
	if err != nil {
		return nil, err
	}
	return candidates[0].Taps, nil
}

// renumbered gives labels the numbers from 0 on, without gaps, and lists what they
// were.
func renumbered(labels []int) (numbers, were []int) {
	were = slices.Compact(slices.Sorted(slices.Values(labels)))
	numbers = make([]int, len(labels))
	for i, l := range labels {
		numbers[i], _ = slices.BinarySearch(were, l)
	}
	return numbers, were
}

func tapNames(taps []mm.Tap) []string {
	names := make([]string, len(taps))
	for i, t := range taps {
		names[i] = fmt.Sprintf("layer %d %s", t.Layer, t.Pooling)
	}
	return names
}
