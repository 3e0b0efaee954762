package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"

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
	o := &runOptions{settings: s}
	cmd := &cobra.Command{
		Use:     "run TASK [INPUT…]",
		Short:   "Run a task on texts, or on the lines of standard input",
		Long:    "Run a task on each INPUT. Without one, or with -, each line of standard input is an input.\nmm tasks lists the tasks.",
		Example: runExamples,
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return o.run(cmd.Context(), args[0], args[1:], cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.to, "to", "", "target `language` (translate)")
	f.StringVar(&o.from, "from", "", "source `language` (translate; default: the model finds out)")
	f.IntVar(&o.beam, "beam", 1, "hypotheses kept in the search; 1 is greedy")
	f.IntVar(&o.maxTokens, "max-tokens", 0, "longest output in tokens (default: by the input's length)")
	f.BoolVar(&o.json, "json", false, "print one JSON object a line")
	f.BoolVar(&o.words, "words", false, "the input is already split into words by spaces (parse)")
	f.StringVar(&o.format, "format", "ptb", "how trees are printed: ptb (brackets) or tree (drawn)")
	return cmd
}

// check finds wrong usage before any input is read.
func (o *runOptions) check(m *mm.Model, task string) error {
	if o.format != "ptb" && o.format != "tree" {
		return usageError{fmt.Errorf("format %q is unknown, want ptb or tree", o.format)}
	}
	if o.beam < 1 {
		return usageError{fmt.Errorf("beam %d, want at least 1", o.beam)}
	}
	if err := m.Check(o.input(task, "")); err != nil {
		return usageError{err}
	}
	return nil
}

func (o *runOptions) input(task, text string) mm.Input {
	in := mm.Input{Task: task, To: o.to, From: o.from, Beam: o.beam, MaxTokens: o.maxTokens}
	if o.words {
		in.Words = fields(text)
	} else {
		in.Text = text
	}
	return in
}

func (o *runOptions) run(ctx context.Context, task string, args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	lines := len(args) == 0 || (len(args) == 1 && args[0] == "-")
	if lines && len(args) == 0 && isTerminal(stdin) {
		return usageError{fmt.Errorf("no input: give a text, - to type lines, or a pipe")}
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	if err := o.check(m, task); err != nil {
		return err
	}
	out := bufio.NewWriter(stdout)
	p := &printer{o: o, out: out, err: stderr, lines: lines}
	inputs := argInputs(args)
	if lines {
		inputs = readLines(stdin, o.maxInput)
		p.bar = newBar(stdin, stderr)
	}
	if err := p.all(ctx, m, task, inputs); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if p.failed {
		return errReported
	}
	return nil
}

// inFlight is how many inputs are on their way at once: enough to fill the
// model's batch, few enough that memory stays flat over any number of lines.
const inFlight = 512

// all runs the inputs and prints their results in order.
func (p *printer) all(ctx context.Context, m *mm.Model, task string, inputs iter.Seq[line]) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan chan result, inFlight)
	go func() {
		defer close(results)
		for in := range inputs {
			done := make(chan result, 1)
			select {
			case results <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				r := result{line: in}
				if in.err == nil {
					r.Output, r.err = m.Run(ctx, p.o.input(task, in.text))
				}
				done <- r
			}()
		}
	}()
	for done := range results {
		if err := p.print(<-done); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
