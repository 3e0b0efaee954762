package mm

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/mm-runtime/mm/decoders/letters"
	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/kernels"
)

// Task describes something that the loaded checkpoint does.
type Task struct {
	Name   string   // what Input.Task takes
	From   []string // languages of the input, if the task has any
	To     string   // the language of the output, if the task has one
	Input  string   // "text", "audio" or "image"
	Output string   // "sequence", "tree", "classes" or "boxes"
	Labels []string // of classes and boxes
}

// Tasks lists what the checkpoint does, in its own order, and then the added heads.
func (m *Model) Tasks() []Task {
	var tasks []Task
	for t := range m.every() {
		d := t.Task
		d.From, d.Labels = slices.Clone(t.From), slices.Clone(t.Labels)
		tasks = append(tasks, d)
	}
	return tasks
}

// every goes through the tasks that there are.
func (m *Model) every() iter.Seq[*task] {
	return func(yield func(*task) bool) {
		for i := range m.tasks {
			if !yield(&m.tasks[i]) {
				return
			}
		}
		for _, t := range m.added.list() {
			if !yield(t) {
				return
			}
		}
	}
}

// task is a Task with what the checkpoint has for it.
type task struct {
	Task
	command int32
	canvas  image.Canvas // that pictures are brought to
	fit     picture.Fit  // how
	beam    int          // of its searches, 0 for 1
	head    *head        // nil where a search writes the output
	hearing *hearing     // nil where only the network decides what it writes
	base    *task        // of the checkpoint, where this is not one
}

// writes says whether the task's output is tokens, a text or a tree.
func (t *task) writes() bool { return t.head == nil }

// hearing is a head of letters beside a search for words.
type hearing struct {
	head     *letters.Head
	spelling *letters.Spelling
	weights  letters.Weights
}

// newTasks finds what each task of a configuration needs. pieces are the bytes of
// the tokens.
func newTasks(dev kernels.Device, c checkpoint.Config, net *network, pieces []string) []task {
	fits := map[string]picture.Fit{"squeeze": picture.Squeeze, "letterbox": picture.Letterbox, "crop": picture.Crop}
	heads := net.heads(dev)
	tasks := make([]task, len(c.Tasks))
	for i, t := range c.Tasks {
		tasks[i] = task{
			Task:    Task{Name: t.Name, From: t.From, To: t.To, Input: t.Input, Output: t.Output, Labels: t.Labels},
			command: c.Vocabulary.Commands[t.Command],
			fit:     fits[t.Fit],
			beam:    t.Beam,
			head:    heads[t.Head],
		}
		if t.Letters != "" {
			tasks[i].hearing = &hearing{net.Letters[t.Head], letters.NewSpelling(pieces, t.Letters), letters.Weights{Share: t.Share, Usual: t.Words}}
		}
		if t.Canvas != nil {
			tasks[i].canvas = image.Canvas{Width: t.Canvas[0], Height: t.Canvas[1]}
		}
	}
	return tasks
}

// bindWords lets the tasks that want it know which word follows which.
func (m *Model) bindWords() error {
	for i, t := range m.ckpt.Config.Tasks {
		if t.Words == 0 {
			continue
		}
		var tables letters.Tables
		if err := m.ckpt.BindWords(&tables); err != nil {
			return err
		}
		words, err := letters.NewWords(tables, t.Letters)
		if err != nil {
			return m.loadError(fmt.Errorf("words.safetensors: %w", err))
		}
		m.tasks[i].hearing.weights.Words = words
	}
	return nil
}

// find returns the task that in asks for, or an error that lists what there is.
func (m *Model) find(in Input) (*task, error) {
	var languages []string
	known := false
	for t := range m.every() {
		if t.Name != in.Task {
			continue
		}
		known = true
		if t.To == in.To {
			return t, t.checkSource(in)
		}
		if t.To != "" {
			languages = append(languages, t.To)
		}
	}
	switch {
	case !known:
		return nil, fmt.Errorf("mm: task %q is unknown, want one of %s", in.Task, strings.Join(m.taskNames(), ", "))
	case len(languages) == 0:
		return nil, fmt.Errorf("mm: %s: takes no target language, got %q", in.Task, in.To)
	case in.To == "":
		return nil, fmt.Errorf("mm: %s: no target language given, want one of %s", in.Task, strings.Join(languages, ", "))
	}
	return nil, fmt.Errorf("mm: %s: target language %q is unknown, want one of %s", in.Task, in.To, strings.Join(languages, ", "))
}

func (t *task) checkSource(in Input) error {
	switch {
	case in.From == "":
		return nil
	case len(t.From) == 0:
		return fmt.Errorf("mm: %s: takes no source language, got %q", in.Task, in.From)
	case !slices.Contains(t.From, in.From):
		return fmt.Errorf("mm: %s: source language %q is unknown, want one of %s", in.Task, in.From, strings.Join(t.From, ", "))
	case in.From == in.To:
		return fmt.Errorf("mm: %s: source and target language are both %q, want two different ones", in.Task, in.To)
	}
	return nil
}

func (m *Model) taskNames() []string {
	var names []string
	for t := range m.every() {
		if !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}
