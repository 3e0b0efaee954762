package learn

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/mm-runtime/mm"
)

// Tapped are examples with their features at several taps.
type Tapped struct {
	Taps   []mm.Tap
	Rows   [][]float32 // by tap: (N, width)
	Width  int         // of one tap
	Labels []int       // (N)
}

// At is the examples with the features of some of the taps, one behind the other.
func (t Tapped) At(taps []mm.Tap) (Set, error) {
	s := Set{Width: len(taps) * t.Width, Labels: t.Labels, Rows: make([]float32, 0, len(taps)*t.Width*len(t.Labels))}
	where := make([]int, len(taps))
	for i, tap := range taps {
		if where[i] = slices.Index(t.Taps, tap); where[i] < 0 {
			return s, fmt.Errorf("learn: no features at layer %d, %s", tap.Layer, tap.Pooling)
		}
	}
	for n := range t.Labels {
		for _, w := range where {
			s.Rows = append(s.Rows, t.Rows[w][n*t.Width:(n+1)*t.Width]...)
		}
	}
	return s, nil
}

// EveryTap lists the taps of a model with so many layers.
func EveryTap(layers int) []mm.Tap {
	var taps []mm.Tap
	for layer := range layers {
		for _, p := range mm.Poolings {
			taps = append(taps, mm.Tap{Layer: layer, Pooling: p})
		}
	}
	return taps
}

// Candidate is features to learn on, and how well they serve.
type Candidate struct {
	Taps     []mm.Tap `json:"taps"`
	Accuracy float64  `json:"accuracy"` // by cross-validation
}

const chooseFolds = 3

// Choose judges every tap by itself, the means and maxima of a layer together, and
// those of layers from the first to the last, by cross-validation of a ridge regression
// onto the labels, and returns the best first; of equals, those of fewer features and of
// earlier layers. With one example of each class there is nothing to compare, and the
// last kind, which is mostly the best, comes first.
func Choose(t Tapped, seed uint64) ([]Candidate, error) {
	var all []Candidate
	for _, tap := range t.Taps {
		all = append(all, Candidate{Taps: []mm.Tap{tap}})
	}
	var several []mm.Tap
	for _, tap := range t.Taps {
		both := []mm.Tap{{Layer: tap.Layer, Pooling: mm.PoolMean}, {Layer: tap.Layer, Pooling: mm.PoolMax}}
		if tap == both[0] && slices.Contains(t.Taps, both[1]) {
			all = append(all, Candidate{Taps: both})
			if l := tap.Layer; l&(l-1) == 0 || l == lastLayer(t.Taps) { // 0, 1, 2, 4, … and the last
				several = append(several, both...)
			}
		}
	}
	if len(several) > 2 {
		all = append(all, Candidate{Taps: several})
	}
	if most(t.Labels) == len(t.Labels) {
		slices.Reverse(all)
	}
	errs := make([]error, len(all))
	turns := make(chan struct{}, runtime.GOMAXPROCS(0))
	var running sync.WaitGroup
	for i := range all {
		turns <- struct{}{}
		running.Go(func() {
			defer func() { <-turns }()
			s, err := t.At(all[i].Taps)
			if err == nil {
				all[i].Accuracy, err = crossValidate(s, seed)
			}
			errs[i] = err
		})
	}
	running.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortStableFunc(all, func(a, b Candidate) int {
		switch {
		case a.Accuracy > b.Accuracy:
			return -1
		case a.Accuracy < b.Accuracy:
			return 1
		}
		return 0
	})
	return all, nil
}

func lastLayer(taps []mm.Tap) int {
	last := 0
	for _, t := range taps {
		last = max(last, t.Layer)
	}
	return last
}

// crossValidate is the share of examples that a regression on the others gets right.
func crossValidate(s Set, seed uint64) (float64, error) {
	labels := most(s.Labels)
	if err := s.check(labels); err != nil {
		return 0, fmt.Errorf("learn: %w", err)
	}
	fold := folds(s.Labels, chooseFolds, seed)
	right, tried := 0.0, 0.0
	for f := range chooseFolds {
		var in, out []int
		for i := range s.Labels {
			if fold[i] == f {
				out = append(out, i)
			} else {
				in = append(in, i)
			}
		}
		if len(in) == 0 || len(out) == 0 {
			continue
		}
		n, err := regress(s.Pick(in), labels)
		if err != nil {
			return 0, err
		}
		_, share := Judge(n, s.Pick(out))
		right, tried = right+share*float64(len(out)), tried+float64(len(out))
	}
	return right / max(1, tried), nil
}
