package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
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
	json      bool
	words     bool
	format    string
}

const runExamples = `  mm run translate --to de "Where is the station?"
  mm run translate --to fr - < letters.txt
  mm run parse --format tree "The cat sat on the mat."`

func newRun(s *settings) *cobra.Command {
	o := &runOptions{settings: s, beam: 1, format: "ptb"}
	cmd := &cobra.Command{
		Use:               "run TASK [INPUT…]",
		Short:             "Run a task on texts, or on the lines of standard input",
		Long:              "Run a task on each INPUT. Without one, or with -, each line of standard input is an input.\nLine n of the output answers line n of the input; it is empty where that failed. mm tasks lists the tasks.",
		Example:           runExamples,
		ValidArgsFunction: s.completeTasks,
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd, args)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "target `language` (translate)")
	f.StringVar(&o.from, "from", "", "source `language` (translate; default: the model finds out)")
	f.Var(bounded{&o.beam, 1, mm.MaxBeam, fmt.Sprintf("1 to %d", mm.MaxBeam)}, "beam", "hypotheses kept in the search; 1 is greedy")
	f.Var(bounded{&o.maxTokens, 0, 0, "at least 1, or 0 for the default"}, "max-tokens", "longest output in tokens (default: by the input's length)")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line: task, input, output, score, tokens, ms")
	f.BoolVar(&o.words, "words", false, "the input is already split into words by spaces (parse)")
	f.Var(choice{&o.format, treeFormats}, "format", "how trees are printed: ptb (brackets) or tree (drawn)")
	for _, flag := range []string{"to", "from"} {
		cmd.RegisterFlagCompletionFunc(flag, s.completeTargets)
	}
	cmd.RegisterFlagCompletionFunc("format", completeWords(treeFormats))
	return cmd
}

var treeFormats = []string{"ptb", "tree"}

// checkArgs finds wrong usage that needs no model to be seen.
func checkArgs(args []string, stdin io.Reader) error {
	switch {
	case len(args) == 0:
		return fmt.Errorf("no task given, mm tasks lists them")
	case len(args) == 1 && isTerminal(stdin):
		return fmt.Errorf("no input: give a text, - to type lines, or a pipe")
	case len(args) > 2 && slices.Contains(args[1:], "-"):
		return fmt.Errorf("- stands for all the input, want no other beside it")
	}
	return nil
}

// checkTask finds wrong usage before any input is read.
func (o *runOptions) checkTask(m *mm.Model, name string) error {
	if err := m.Check(o.input(name, "")); err != nil {
		return err
	}
	tasks := m.Tasks()
	task := tasks[slices.IndexFunc(tasks, func(t mm.Task) bool { return t.Name == name })]
	switch {
	case task.Output == "tree" && o.maxTokens > 0:
		return fmt.Errorf("%s: --max-tokens %d is for tasks that write text: a tree is never cut", name, o.maxTokens)
	case task.Output == "tree":
		return nil
	case o.words:
		return fmt.Errorf("%s: --words is for tasks that write trees, this one writes a %s", name, task.Output)
	case o.format != "ptb":
		return fmt.Errorf("%s: --format %s is for tasks that write trees, this one writes a %s", name, o.format, task.Output)
	}
	return nil
}

func (o *runOptions) input(task, text string) mm.Input {
	in := mm.Input{Task: task, To: o.to, From: o.from, Beam: o.beam, MaxTokens: o.maxTokens}
	if o.words {
		in.Words = strings.Fields(text)
	} else {
		in.Text = text
	}
	return in
}

func (o *runOptions) run(cmd *cobra.Command, args []string) error {
	ctx, stdin, stdout, stderr := cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
	if err := checkArgs(args, stdin); err != nil {
		return usageError{err}
	}
	task, texts := args[0], args[1:]
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	if err := o.checkTask(m, task); err != nil {
		return usageError{err}
	}
	p := &printer{o: o, task: task, out: bufio.NewWriter(stdout), err: stderr}
	inputs := argInputs(texts)
	if len(texts) == 0 || texts[0] == "-" {
		inputs = readLines(stdin, o.maxInput)
		p.unit, p.bar = "line", newBar(stdin, stdout, stderr)
	} else if len(texts) > 1 {
		p.unit = "input"
	}
	err = p.all(ctx, m, inputs)
	p.clear()
	if e := p.flush(); err == nil {
		err = e
	}
	if err == nil && p.failed {
		return errReported
	}
	return err
}

// inFlight is how many inputs are on their way at once: enough to fill the
// model's batch, few enough that memory stays flat over any number of lines.
const inFlight = 512

// all runs the inputs and prints their results in order.
func (p *printer) all(ctx context.Context, m *mm.Model, inputs iter.Seq[line]) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan chan result, inFlight)
	go func() {
		defer close(results)
		for in := range inputs {
			done := make(chan result, 1)
			select {
			case results <- done:
			case <-running.Done():
				return
			}
			go func() {
				r := result{line: in}
				if r.err == nil && r.broken == nil {
					r.Output, r.err = m.Run(running, p.o.input(p.task, in.text))
				}
				done <- r
			}()
		}
	}()
	for {
		done, more, err := receive(ctx, results, p.flush)
		if err != nil || !more {
			return err
		}
		r, _, err := receive(ctx, done, p.flush)
		if err != nil {
			return err
		}
		if r.broken != nil {
			return r.broken
		}
		if err := p.print(r); err != nil {
			return err
		}
	}
}

// receive takes the next value of ch. If it has to wait for it, it calls idle
// first, so that a reader at the other end sees all that is there to see.
func receive[T any](ctx context.Context, ch <-chan T, idle func() error) (v T, more bool, err error) {
	if ctx.Err() == nil {
		select {
		case v, more = <-ch:
			return v, more, nil
		default:
		}
		if err := idle(); err != nil {
			return v, false, err
		}
	}
	select {
	case v, more = <-ch:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return v, false, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return v, more, nil
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
