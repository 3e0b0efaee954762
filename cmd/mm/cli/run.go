package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/mm-runtime/mm"
)

// runOptions are the flags of mm run.
type runOptions struct {
	*settings
	to, from  string
	beam      int
	maxTokens int
	threshold float64
	json      bool
	words     bool
	format    string
	top       int
	out       string
	jobs      string
	head      string
}

const runExamples = `  mm run translate --to de "Where is the station?"
  mm run translate --to fr - < letters.txt
  mm run parse --format tree "The cat sat on the mat."
  mm run transcribe --format srt talk.mp3
  mm run classify *.jpg
  mm run detect cells.jpg --out boxes.png
  mm run --jobs requests.jsonl`

const runLong = `Run a task on each INPUT: a text, or the path of a sound or image file, as the
task wants. Without one, or with -, each line of standard input is a text, or all
of it is the file. Line n of the output answers line n of the input; it is empty
where that failed. mm tasks lists the tasks.

--jobs runs any mix of tasks together. Each line of FILE is a JSON object such as
  {"task":"translate","to":"de","text":"Good morning."}
  {"task":"transcribe","audio":"a.wav","id":7}
with the fields ` + jobFields + `; paths
start from FILE's folder. The answers are JSON objects in the same order; what
fails is that line's "error" alone.`

func newRun(s *settings) *cobra.Command {
	o := &runOptions{settings: s}
	cmd := &cobra.Command{
		Use:               "run TASK [INPUT…]",
		Short:             "Run a task on texts, sounds or pictures, or many tasks together",
		Long:              runLong,
		Example:           runExamples,
		ValidArgsFunction: s.completeInputs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.jobs != "" {
				return o.runJobs(cmd, args)
			}
			return o.run(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "target `language` (translate)")
	f.StringVar(&o.from, "from", "", "source `language` (translate; default: the model finds out)")
	f.Var(bounded{&o.beam, 1, mm.MaxBeam, fmt.Sprintf("1 to %d", mm.MaxBeam)}, "beam", "hypotheses kept in the search; 1 is greedy (default: the task's own, mostly 1)")
	f.Var(bounded{&o.maxTokens, 0, 0, "at least 1, or 0 for the default"}, "max-tokens", "longest output in tokens (default: by the input's length)")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line: task, input, output, score, tokens, ms and more")
	f.BoolVar(&o.words, "words", false, "the input is already split into words by spaces (parse)")
	f.Var(choice{&o.format, formats}, "format", "ptb, tree or json (parse); text, srt, vtt or json (transcribe)")
	f.Var(bounded{&o.top, 1, 0, "at least 1"}, "top", "labels to print (classify; default 1, on a terminal 5)")
	f.Var(fraction{&o.threshold}, "threshold", "least `score` of a box, to 1 (detect; default 0.3)")
	f.StringVar(&o.out, "out", "", "PNG `file` for the picture with its boxes (detect)")
	f.StringVar(&o.head, "head", "", "`folder` of a head pack of mm learn, to classify with")
	f.StringVar(&o.jobs, "jobs", "", "run the jobs in `FILE`, JSON lines, - for standard input")
	for _, flag := range []string{"to", "from"} {
		cmd.RegisterFlagCompletionFunc(flag, s.completeTargets)
	}
	cmd.RegisterFlagCompletionFunc("format", s.completeFormats)
	return cmd
}

// checkArgs finds wrong usage that needs no model to be seen.
func (o *runOptions) checkArgs(args []string, stdin io.Reader) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("no task given, mm tasks lists them")
	case len(args) == 1 && isTerminal(stdin):
		return fmt.Errorf("no input: give one, - to type lines, or a pipe")
	case len(args) > 2 && slices.Contains(args[1:], "-"):
		return fmt.Errorf("- stands for all the input, want no other beside it")
	case len(args) > 2 && o.out != "":
		return fmt.Errorf("--out %s is for one picture, got %d", o.out, len(args)-1)
	case len(args) > 2 && (o.format == "srt" || o.format == "vtt"):
		return fmt.Errorf("--format %s is for one sound, got %d", o.format, len(args)-1)
	case o.json && o.format != "":
		return fmt.Errorf("--format %s has no effect with --json", o.format)
	}
	return nil
}

// checkTask finds the task, and wrong usage before any input is read.
func (o *runOptions) checkTask(m *mm.Model, name string) (mm.Task, error) {
	if err := m.Check(o.input(name, "")); err != nil {
		return mm.Task{}, err
	}
	tasks := m.Tasks()
	task := tasks[slices.IndexFunc(tasks, func(t mm.Task) bool { return t.Name == name && t.To == o.to })]
	for _, flag := range []struct {
		text    string
		given   bool
		outputs string
		what    string
	}{
		{"--words", o.words, "tree", "write trees"},
		{fmt.Sprintf("--top %d", o.top), o.top > 0, "classes", "choose between labels"},
		{"--out " + o.out, o.out != "", "boxes", "find boxes"},
	} {
		if flag.given && task.Output != flag.outputs {
			return task, fmt.Errorf("%s: %s is for tasks that %s, this one's output is %s", name, flag.text, flag.what, task.Output)
		}
	}
	if task.Output == "tree" && o.maxTokens > 0 {
		return task, fmt.Errorf("%s: --max-tokens %d is for tasks that write text: a tree is never cut", name, o.maxTokens)
	}
	return task, checkFormat(task, o.format)
}

// input is what a task gets, but for files.
func (o *runOptions) input(task, text string) mm.Input {
	in := mm.Input{Task: task, To: o.to, From: o.from, Beam: o.beam, MaxTokens: o.maxTokens, Threshold: o.threshold}
	if o.words {
		in.Words = strings.Fields(text)
	} else {
		in.Text = text
	}
	return in
}

func (o *runOptions) run(cmd *cobra.Command, args []string) error {
	stdin, stdout, stderr := cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := o.checkArgs(args, stdin); err != nil {
		return usageError{err}
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	name, err := o.headTask(m, args[0])
	if err != nil {
		return err
	}
	task, err := o.checkTask(m, name)
	if err != nil {
		return usageError{err}
	}
	inputs := args[1:]
	p := &printer{out: bufio.NewWriter(stdout), err: stderr}
	if !o.json {
		p.form = o.form(task, isTerminal(stdout), len(inputs) > 1)
	}
	if len(inputs) > 1 {
		p.unit = "input"
	}
	r := newRunner(m)
	r.out = o.out
	lines := argLines(inputs)
	switch fromStdin := len(inputs) == 0 || inputs[0] == "-"; {
	case fromStdin && task.Input == "text":
		lines = readLines(stdin, "standard input", o.maxInput)
		p.unit, p.bar = "line", newBar(stdin, stdout, stderr)
	case fromStdin:
		remove, err := r.takeStdin(stdin, task.Input == "audio")
		if err != nil {
			return err
		}
		defer remove()
		lines = argLines([]string{"-"})
	}
	return r.answer(cmd.Context(), o.items(task, lines), p)
}

// form is how answers are printed.
func (o *runOptions) form(t mm.Task, terminal, several bool) form {
	switch t.Output {
	case "classes":
		return classForm(o.top, terminal, several)
	case "boxes":
		return boxForm(several)
	}
	return formOf(t, o.format)
}

// items are lines as inputs of a task: its texts, or the paths of its files.
func (o *runOptions) items(t mm.Task, lines iter.Seq[line]) iter.Seq[item] {
	return func(yield func(item) bool) {
		for l := range lines {
			it := item{line: l}
			switch t.Input {
			case "audio":
				it.input, it.audio = o.input(t.Name, ""), l.text
			case "image":
				it.input, it.image = o.input(t.Name, ""), l.text
			default:
				it.input = o.input(t.Name, l.text)
			}
			if !yield(it) {
				return
			}
		}
	}
}

// runJobs runs the jobs of a file.
func (o *runOptions) runJobs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("--jobs names the tasks and inputs, want none beside it, got %q", args)}
	}
	for _, flag := range []string{"to", "from", "beam", "max-tokens", "words", "format", "top", "threshold", "out"} {
		if cmd.Flags().Changed(flag) {
			return usageError{fmt.Errorf("--%s has no effect with --jobs, whose lines say such things", flag)}
		}
	}
	stdout, stderr := cmd.OutOrStdout(), cmd.ErrOrStderr()
	p := &printer{out: bufio.NewWriter(stdout), err: stderr, unit: "line"}
	return withJobs(o.jobs, cmd.InOrStdin(), func(jobs io.Reader, name, dir string) error {
		m, err := o.open()
		if err != nil {
			return err
		}
		defer m.Close()
		if _, err := o.headTask(m, ""); err != nil {
			return err
		}
		r := newRunner(m)
		r.dir, p.bar = dir, newBar(jobs, stdout, stderr)
		return r.answer(cmd.Context(), readJobs(jobs, name, o.maxInput), p)
	})
}

// withJobs opens a file of jobs and gives it to f, with its name and the folder
// that its paths start from.
func withJobs(path string, stdin io.Reader, f func(jobs io.Reader, name, dir string) error) error {
	if path == "-" {
		return f(stdin, "standard input", "")
	}
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	return f(file, path, filepath.Dir(path))
}

// answer runs items to their end and prints all.
func (r *runner) answer(ctx context.Context, items iter.Seq[item], p *printer) error {
	err := r.all(ctx, items, p)
	p.clear()
	if e := p.flush(); err == nil {
		err = e
	}
	if err == nil && p.failed {
		return errReported
	}
	return err
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
