package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/learn/attack"
	"github.com/mm-runtime/mm/models/base"
)

// attacks are those of the table, after the pictures as they are.
var attacks = []attack.Options{{}, {Method: attack.FGSM, Eps: 2.0 / 255}, {Method: attack.PGD, Eps: 2.0 / 255},
	{Method: attack.FGSM, Eps: 8.0 / 255}, {Method: attack.PGD, Eps: 8.0 / 255}}

// attack measures the checkpoint's own task under attack, on CIFAR-10's test
// pictures, and that of other checkpoints. Answers are those of the graph, which are
// the model's (learn/attack's tests).
func (b *bench) attack() error {
	b.about()
	if !b.has("cifar10") {
		without("cifar10")
		return nil
	}
	d, err := learn.ReadData(filepath.Join(b.sets, "cifar10", "test.tsv"), "image")
	if err != nil {
		return err
	}
	rows := [][]string{{"checkpoint", "pictures", "clean", "FGSM 2/255", "PGD-20 2/255", "FGSM 8/255", "PGD-20 8/255"}}
	for _, dir := range append([]string{b.model}, b.beside...) {
		row, err := b.attacked(dir, d)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	table(rows...)
	return nil
}

// attacked is a checkpoint's row of the table; "" is the embedded one.
func (b *bench) attacked(dir string, d learn.Data) ([]string, error) {
	var n *attack.Network
	var err error
	name := "base"
	if dir != "" {
		n, err = attack.Open(dir, "classify", nil)
		name = filepath.Base(dir)
	} else {
		n, err = attack.Load(base.FS, "classify", nil)
	}
	if err != nil {
		return nil, err
	}
	defer n.Close()
	picked := learn.FewEach(learn.LabelNumbers(d.Examples, d.Labels), max(1, b.pictures/len(d.Labels)), 0)
	slices.Sort(picked)
	right := make([]int, len(attacks))
	for i, at := range picked {
		levels, err := canvas(n, d.Examples[at].Path)
		if err != nil {
			return nil, err
		}
		label := slices.Index(n.Labels, d.Examples[at].Label)
		if label < 0 {
			return nil, fmt.Errorf("label %q, want one of %q", d.Examples[at].Label, n.Labels)
		}
		for k, o := range attacks {
			changed := levels
			if o.Method != "" {
				o.Target, o.Seed = -1, uint64(at)
				if changed, err = n.Attack(levels, label, o); err != nil {
					return nil, err
				}
			}
			logits, _, _, err := n.Slope(attack.Pixels(changed), label)
			if err != nil {
				return nil, err
			}
			if classes.Ranked(classes.Softmax(logits))[0] == label {
				right[k]++
			}
		}
		if i%20 == 19 {
			say("%s: attacked %d of %d: %v right", name, i+1, len(picked), right)
		}
	}
	row := []string{name, fmt.Sprint(len(picked))}
	for _, r := range right {
		row = append(row, share(r, len(picked)))
	}
	return row, nil
}

// canvas reads a picture that is as large as the task's canvas.
func canvas(n *attack.Network, path string) ([]uint8, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	p, err := picture.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	pixels, _, err := p.Pixels(picture.Squeeze, n.Canvas.Width, n.Canvas.Height)
	return attack.Levels(pixels), err
}
