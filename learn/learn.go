// Package learn teaches a loaded model new classes without changing it: the trunk
// stays as it is, and small networks (decoders/classes.Network) learn on the features
// that it makes of inputs (mm.Model.Embed). Their gradients come from gorgonia; what
// was learned runs without it, in the model.
//
// Examples become Features once. Choose finds the layer and pooling that serve best,
// Fit trains a network, and Pack keeps it in a folder. Extend adds classes to a
// network and keeps what it knew; a class of a few examples needs no training
// (mm.Head.AddClass).
package learn

import (
	"fmt"
	"slices"
)

// Set is examples as numbers: the features of each, one row, and its label's number.
type Set struct {
	Width  int       // of a row
	Rows   []float32 // (N, Width)
	Labels []int     // (N)
}

// Len is N.
func (s Set) Len() int { return len(s.Labels) }

// Row is that of example i.
func (s Set) Row(i int) []float32 { return s.Rows[i*s.Width : (i+1)*s.Width] }

// Pick is the examples with these numbers.
func (s Set) Pick(numbers []int) Set {
	p := Set{Width: s.Width, Rows: make([]float32, 0, len(numbers)*s.Width), Labels: make([]int, 0, len(numbers))}
	for _, i := range numbers {
		p.Rows, p.Labels = append(p.Rows, s.Row(i)...), append(p.Labels, s.Labels[i])
	}
	return p
}

// Add is s and then t.
func (s Set) Add(t Set) Set {
	if s.Len() == 0 {
		return t
	}
	return Set{s.Width, slices.Concat(s.Rows, t.Rows), slices.Concat(s.Labels, t.Labels)}
}

// ByLabel lists the examples of each of n labels.
func (s Set) ByLabel(n int) [][]int {
	by := make([][]int, n)
	for i, l := range s.Labels {
		by[l] = append(by[l], i)
	}
	return by
}

// check wants at least two classes, each with examples, and numbers in all rows.
func (s Set) check(labels int) error {
	if labels < 2 {
		return fmt.Errorf("%d class, want at least 2", labels)
	}
	if s.Width < 1 || len(s.Rows) != s.Len()*s.Width {
		return fmt.Errorf("%d values of features, want %d rows of %d", len(s.Rows), s.Len(), s.Width)
	}
	for i, own := range s.ByLabel(labels) {
		if len(own) == 0 {
			return fmt.Errorf("class %d has no examples", i)
		}
	}
	for i, v := range s.Rows {
		if d := v - v; d != 0 { // also of an infinity
			return fmt.Errorf("feature %d of example %d is %v, want a number", i%s.Width, i/s.Width, v)
		}
	}
	return nil
}
