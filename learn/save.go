package learn

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mm-runtime/mm/internal/checkpoint"
)

// Save writes the pack to dir, which is made where there is none; an older pack in it
// is replaced at once, or stays as it was. A folder of other things is an error.
func (p *Pack) Save(dir string) error {
	if err := p.save(dir); err != nil {
		return fmt.Errorf("learn: save head pack %s: %w", dir, err)
	}
	return nil
}

func (p *Pack) save(dir string) error {
	text, tensors, name, err := p.files()
	if err != nil {
		return err
	}
	if err := Claim(dir); err != nil {
		return err
	}
	if err := replace(dir, name, tensors); err != nil {
		return err
	}
	if err := replace(dir, packFile, text); err != nil { // from here on the pack is the new one
		return err
	}
	for _, old := range ownFiles(dir) {
		if old != packFile && old != name {
			os.Remove(filepath.Join(dir, old)) // what stays is in nobody's way
		}
	}
	return nil
}

// files are the contents of head.json, and of the other file with its name.
func (p *Pack) files() (text, tensors []byte, name string, err error) {
	n := p.Network
	f, h, labels := n.Features(), n.Activations(), len(p.Labels)
	if err := n.Check(f, labels); err != nil {
		return nil, nil, "", err
	}
	if known := most(append(slices.Clone(p.Memory.Labels), p.Held.Labels...)); known > labels {
		return nil, nil, "", fmt.Errorf("examples of %d labels, want at most %d", known, labels)
	}
	sorted := *p
	var memory, held []int
	sorted.Memory, memory = p.Memory.grouped(labels)
	sorted.Held, held = p.Held.grouped(labels)
	shapes := map[string][]int{
		"shift": {f}, "scale": {f}, "hidden": {h, f}, "hidden_bias": {h},
		"labels": {labels, h}, "bias": {labels}, "predict": {h, h}, "memory": {sorted.Memory.Len(), f},
		"held": {sorted.Held.Len(), f},
	}
	all := map[string]checkpoint.Floats{}
	for name, values := range sorted.tensors() {
		if len(*values) > 0 {
			all[name] = checkpoint.Floats{Shape: shapes[name], Values: *values}
		}
	}
	var file bytes.Buffer
	if err := checkpoint.WriteFloats(&file, all); err != nil {
		return nil, nil, "", err
	}
	sum := sumOf(file.Bytes())
	name = "head-" + sum[:16] + ".safetensors"
	text, err = json.MarshalIndent(packJSON{
		Format: packFormat, Name: p.Name, Model: p.Model, SHA256: p.SHA256, Task: p.Task, To: p.To, Taps: p.Taps,
		Width: f, Labels: p.Labels, Shot: p.Shot, Length: p.Length, Memory: memory, Held: held, Limit: p.Limit, Seed: p.Seed,
		Metrics: p.Metrics, Tensors: name, Sum: sum,
	}, "", " ")
	return append(text, '\n'), file.Bytes(), name, err
}

// grouped is the set label by label, and how many examples each has.
func (s Set) grouped(labels int) (Set, []int) {
	counts := make([]int, labels)
	var order []int
	for l, own := range s.ByLabel(labels) {
		counts[l] = len(own)
		order = append(order, own...)
	}
	return s.Pick(order), counts
}

// Claim makes dir where there is none. One that holds other things than a pack is an
// error.
func Claim(dir string) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	own := ownFiles(dir)
	for _, e := range entries {
		if !slices.Contains(own, e.Name()) {
			return fmt.Errorf("%s: it holds %q, want a new folder, an empty one, or a head pack", dir, e.Name())
		}
	}
	return nil
}

// ownFiles are those of a pack in dir, of older ones, and what a crash left.
func ownFiles(dir string) []string {
	entries, _ := os.ReadDir(dir)
	var names []string
	for _, e := range entries {
		name, _, _ := strings.Cut(e.Name(), partMark)
		if name == packFile || tensorsName.MatchString(name) {
			names = append(names, e.Name())
		}
	}
	return names
}

// partMark stands behind the name of a file that is not yet whole.
const partMark = ".part-"

// replace writes a file beside the one of that name, lets it reach the disk, and puts
// it in its place.
func replace(dir, name string, data []byte) (err error) {
	file, err := os.CreateTemp(dir, name+partMark+"*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(file.Name())
		}
	}()
	_, err = file.Write(data)
	if err == nil {
		err = file.Chmod(0o644)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	if err := os.Rename(file.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir lets a renaming reach the disk. Not every system can.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	d.Sync()
	return d.Close()
}
