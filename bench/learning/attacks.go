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

// attack measures the checkpoint's own task under attack, on CIFAR-10's test pictures.
// Answers are those of the graph, which are the model's (learn/attack's tests).
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
	var n *attack.Network
	if b.model != "" {
		n, err = attack.Open(b.model, "classify", nil)
	} else {
		n, err = attack.Load(base.FS, "classify", nil)
	}
	if err != nil {
		return err
	}
	defer n.Close()
	picked := learn.FewEach(learn.LabelNumbers(d.Examples, d.Labels), max(1, b.pictures/len(d.Labels)), 0)
	slices.Sort(picked)
	kinds := []attack.Options{{}, {Method: attack.FGSM, Eps: 2.0 / 255}, {Method: attack.PGD, Eps: 2.0 / 255},
		{Method: attack.FGSM, Eps: 8.0 / 255}, {Method: attack.PGD, Eps: 8.0 / 255}}
	right := make([]int, len(kinds))
	for i, at := range picked {
		levels, err := canvas(n, d.Examples[at].Path)
		if err != nil {
			return err
		}
		label := slices.Index(n.Labels, d.Examples[at].Label)
		if label < 0 {
			return fmt.Errorf("label %q, want one of %q", d.Examples[at].Label, n.Labels)
		}
		for k, o := range kinds {
			changed := levels
			if o.Method != "" {
				o.Target, o.Seed = -1, uint64(at)
				if changed, err = n.Attack(levels, label, o); err != nil {
					return err
				}
			}
			logits, _, _, err := n.Slope(attack.Pixels(changed), label)
			if err != nil {
				return err
			}
			if classes.Ranked(classes.Softmax(logits))[0] == label {
				right[k]++
			}
		}
		if i%20 == 19 {
			say("attacked %d of %d: %v right", i+1, len(picked), right)
		}
	}
	rows := [][]string{{"pictures", "clean", "FGSM 2/255", "PGD-20 2/255", "FGSM 8/255", "PGD-20 8/255"}, {fmt.Sprint(len(picked))}}
	for _, r := range right {
		rows[1] = append(rows[1], share(r, len(picked)))
	}
	table(rows...)
	return nil
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
