package main

import (
	"fmt"
	"path/filepath"

	"github.com/mm-runtime/mm/learn"
)

// baseSets are the sets whose classes the bases are learned on; what is measured with
// few examples of other classes of theirs would not be fair.
var baseSets = map[string]string{"text": "clinc150", "image": "cifar100", "audio": "speech_commands"}

// base learns the bases that a checkpoint comes with, into --out, a folder for each
// modality that the model has.
func (b *bench) base() error {
	if b.out == "" {
		return fmt.Errorf("no --out given")
	}
	info := b.m.Info()
	rows := [][]string{{"modality", "base classes", "features", "imprinted", "predicted"}}
	for _, modality := range []string{"text", "image", "audio"} {
		name := baseSets[modality]
		if !b.has(name) {
			without(name)
			continue
		}
		s, err := b.load(name, "train")
		if err != nil {
			return err
		}
		p, accuracy, err := learn.Base(b.ctx, s.features["train"], len(s.labels), 1)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.Name, p.Model, p.SHA256 = "base of "+name, info.Name+" "+info.Version, info.SHA256
		p.Task, p.To = s.task.Name, s.task.To
		if err := p.Save(filepath.Join(b.out, modality)); err != nil {
			return err
		}
		rows = append(rows, []string{modality, fmt.Sprintf("%s, %d", name, len(s.labels)), tapNames(p.Taps)[0], percent(accuracy[0]), percent(accuracy[1])})
	}
	table(rows...)
	return nil
}
