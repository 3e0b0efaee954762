package mm

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mm-runtime/mm/decoders/tree"
)

// Input is one request.
type Input struct {
	Task string // a name that Tasks lists: "translate", "parse"
	Text string
	// Words replaces Text for tasks over words (parse): already split.
	Words []string
	// To and From are languages (translate). From may be empty: the model finds
	// out by itself.
	To, From string
	// Beam is the number of hypotheses kept; 0 means the model's default.
	Beam int
	// MaxTokens limits a text; 0 means the model's default. Trees are never cut.
	MaxTokens int
}

// Output is one answer.
type Output struct {
	Task string
	Text string // the translation, or the trees in Penn Treebank brackets
	// Trees are the parsed sentences (parse), one each.
	Trees []*tree.Node
	// Score is the mean log-probability of the tokens that the model chose, ends
	// included and the words of trees left out; 0 for an empty input.
	Score float64
	// Tokens is the number of tokens that the model wrote.
	Tokens int
	// Elapsed is the time from the call to the answer.
	Elapsed time.Duration
	// Notices say what a caller might not expect, such as a sentence that had to
	// be cut because it is longer than the model's positions.
	Notices []string
}

// Task describes something that the loaded checkpoint does.
type Task struct {
	Name   string   // what Input.Task takes
	From   []string // languages of the input, if the task has any
	To     string   // the language of the output, if the task has one
	Input  string   // "text"
	Output string   // "sequence" or "tree"
}

// Tasks lists what the checkpoint does, in its own order.
func (m *Model) Tasks() []Task {
	tasks := make([]Task, len(m.tasks))
	for i, t := range m.tasks {
		tasks[i] = t.Task
		tasks[i].From = slices.Clone(t.From)
	}
	return tasks
}

// task is a Task with the token that commands it.
type task struct {
	Task
	command int32
}

// find returns the task that in asks for, or an error that lists what there is.
func (m *Model) find(in Input) (*task, error) {
	var languages []string
	known := false
	for i := range m.tasks {
		t := &m.tasks[i]
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
	for _, t := range m.tasks {
		if !slices.Contains(names, t.Name) {
			names = append(names, t.Name)
		}
	}
	return names
}

// checkInput looks at what does not depend on the task.
func (m *Model) checkInput(in Input) error {
	size := len(in.Text)
	for _, w := range in.Words {
		size += len(w) + 1
	}
	if size > m.opts.maxInput {
		return fmt.Errorf("mm: %s: input of %d bytes, want at most %d (WithMaxInput or --max-input raise it)", in.Task, size, m.opts.maxInput)
	}
	if in.Text != "" && len(in.Words) > 0 {
		return fmt.Errorf("mm: %s: both a text and %d words given, want one of them", in.Task, len(in.Words))
	}
	if in.Beam != 0 {
		if err := checkBeam(in.Beam); err != nil {
			return fmt.Errorf("mm: %s: %w", in.Task, err)
		}
	}
	if in.MaxTokens < 0 {
		return fmt.Errorf("mm: %s: max tokens %d: want at least 1, or 0 for the default", in.Task, in.MaxTokens)
	}
	return nil
}
