package cli

import (
	"bufio"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
)

// expertOptions are the flags of mm info that ask which experts tasks use.
type expertOptions struct {
	*settings
	experts bool
	jobs    string
	out     string
}

// checkFlags finds wrong usage.
func (o *expertOptions) checkFlags() error {
	switch {
	case o.experts && o.jobs == "":
		return fmt.Errorf("--experts counts over the inputs of --jobs, want both")
	case !o.experts && o.jobs != "":
		return fmt.Errorf("--jobs %s is for --experts", o.jobs)
	case !o.experts && o.out != "":
		return fmt.Errorf("--out %s is for --experts", o.out)
	}
	return nil
}

// run runs the jobs and says which experts their rows went to. The answers are
// thrown away; a job that fails counts as far as it came.
func (o *expertOptions) run(cmd *cobra.Command) error {
	return withJobs(o.jobs, cmd.InOrStdin(), func(jobs io.Reader, name, dir string) error {
		m, err := o.open(mm.WithExpertCounts())
		if err != nil {
			return err
		}
		defer m.Close()
		r := newRunner(m)
		r.dir = dir
		p := &printer{out: bufio.NewWriter(io.Discard), err: cmd.ErrOrStderr(), unit: "line"}
		failed := r.answer(cmd.Context(), readJobs(jobs, name, o.maxInput), p)
		if failed != nil && failed != errReported {
			return failed
		}
		uses := m.ExpertUses()
		if err := writeUses(cmd.OutOrStdout(), uses); err != nil {
			return writeError(err)
		}
		if o.out != "" {
			if err := writeFile(o.out, func(w io.Writer) error { return drawUses(w, uses) }); err != nil {
				return err
			}
		}
		return failed
	})
}

// writeUses prints the share of each expert in the rows of each task and block.
func writeUses(out io.Writer, uses []mm.ExpertUse) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	experts := 0
	for _, u := range uses {
		experts = max(experts, len(u.Counts))
	}
	fmt.Fprint(w, "TASK\tBLOCK\tROWS\t")
	for e := range experts {
		fmt.Fprintf(w, "%d\t", e)
	}
	fmt.Fprintln(w)
	for _, u := range uses {
		fmt.Fprintf(w, "%s\t%s\t%d\t", u.Task, u.Block, u.Rows)
		for e := range u.Counts {
			fmt.Fprintf(w, "%.1f%%\t", 100*share(u, e))
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// share is the part of the rows that went to an expert.
func share(u mm.ExpertUse, expert int) float64 {
	return float64(u.Counts[expert]) / float64(max(u.Rows, 1))
}
