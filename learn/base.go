package learn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

// A base is a pack without labels that comes with a checkpoint: features at which
// classes are told apart by a few examples, what they are scaled by, and the map of
// Qiao et al. that predicts a class's row, learned beforehand on base classes that
// have nothing to do with the user's. A head begins with it and one example.

// BaseFolder is where a model directory has them, in a folder for each modality.
const BaseFolder = "shots"

// ErrNoBase says that a checkpoint comes without a base for a modality.
var ErrNoBase = errors.New("the model comes without a base for heads of a few examples")

// OpenBase reads the base of a model directory for inputs of a modality.
func OpenBase(model fs.FS, modality string) (*Pack, error) {
	dir := path.Join(BaseFolder, modality)
	text, err := fs.ReadFile(model, path.Join(dir, packFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("learn: %s: %w of modality %q", dir, ErrNoBase, modality)
	}
	if err != nil {
		return nil, fmt.Errorf("learn: %w", err)
	}
	p, err := decode(text, func(name, want string) ([]byte, error) {
		file, err := fs.ReadFile(model, path.Join(dir, name))
		return file, errors.Join(err, checkSum(file, want))
	})
	if err == nil && (len(p.Labels) > 0 || p.Network.Predict == nil) {
		err = fmt.Errorf("%d labels, want none, and the map that predicts them", len(p.Labels))
	}
	if err != nil {
		return nil, fmt.Errorf("learn: %s: %w", dir, err)
	}
	return p, nil
}

// Base learns a base from examples of base classes. The tap is the one at which
// classes of one and of five examples are told apart best; accuracy is that of
// imprinted and of predicted classes there, on half of the classes, by a map that was
// learned on the other half.
func Base(ctx context.Context, t Tapped, labels int, seed uint64) (p *Pack, accuracy [2]float64, err error) {
	type candidate struct {
		tap   mm.Tap
		right float64
	}
	all := make([]candidate, len(t.Taps))
	for i, tap := range t.Taps {
		s, err := t.At([]mm.Tap{tap})
		if err != nil {
			return nil, accuracy, err
		}
		if err := s.check(labels); err != nil {
			return nil, accuracy, fmt.Errorf("learn: %w", err)
		}
		n := start(s, labels, FitOptions{})
		all[i] = candidate{tap, compare(n, activations(n, s), seq(labels), seed)[0]}
	}
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(b.right, a.right) })
	const tried = 3 // of the best, by what the map makes of them
	for _, c := range all[:min(tried, len(all))] {
		s, err := t.At([]mm.Tap{c.tap})
		if err != nil {
			return nil, accuracy, err
		}
		n, shot, found, err := Shots(ctx, start(s, labels, FitOptions{}), s, rowLength, seed)
		if err != nil {
			return nil, accuracy, err
		}
		if n.Predict == nil {
			return nil, accuracy, fmt.Errorf("learn: %d base classes, want at least %d", labels, shotLeast)
		}
		if p != nil && max(found[0], found[1]) <= max(accuracy[0], accuracy[1]) {
			continue
		}
		accuracy = found
		bare := *n
		bare.Labels, bare.Bias = nil, nil
		p = &Pack{Seed: seed, HeadSpec: mm.HeadSpec{Taps: []mm.Tap{c.tap}, Network: &bare, Shot: shot, Length: rowLength},
			Memory: Set{Width: s.Width}, Held: Set{Width: s.Width}, Metrics: Metrics{Examples: s.Len(), Accuracy: max(found[0], found[1])}}
	}
	return p, accuracy, nil
}

// beginMemory is the limit of the memory of a head that begins.
const beginMemory = 2000

// Begin is a head pack with one class, made of the features of its examples on a base;
// shot is the way, or "" for the base's better one.
func (p *Pack) Begin(name, label string, rows [][]float32, shot mm.Shot) *Pack {
	first := *p
	if shot != "" {
		first.Shot = shot
	}
	first.Name, first.Limit, first.Labels = name, beginMemory, []string{label}
	own := Set{Width: p.Network.Features()}
	z := make([][]float32, len(rows))
	for i, row := range rows {
		own.Rows, own.Labels = append(own.Rows, row...), append(own.Labels, 0)
		z[i] = p.Network.Activation(row)
	}
	first.Network = p.Network.With(first.Row(classes.Mean(z)), 0)
	first.Memory = Herd(first.Network, own, 1, beginMemory)
	return &first
}

// seq are the numbers below n.
func seq(n int) []int {
	numbers := make([]int, n)
	for i := range numbers {
		numbers[i] = i
	}
	return numbers
}
