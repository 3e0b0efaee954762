package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/learn/attack"
)

// evalOptions are the flags of mm eval classify.
type evalOptions struct {
	*settings
	head, data  string
	adversarial bool
	eps         float64
	most, seed  int
	strict      bool
	skip        int
}

func newEval(s *settings) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure how often the model is right",
		Args:  usageArgs(cobra.NoArgs),
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	o := &evalOptions{settings: s, eps: 8.0 / 255, skip: 100}
	classify := &cobra.Command{
		Use:   "classify --data PATH",
		Short: "Measure how often a class is right, and under attack",
		Long: `Measure how often the model, or a head pack, answers the label of labelled examples: a
folder with one for each label, or a file of lines label<TAB>text or path. With
--adversarial, pictures only, also after they were changed by fgsm and by pgd of 20
steps, no channel of a pixel by more than --eps.`,
		Example: "  mm eval classify --data test/\n  mm eval classify --data test/ --adversarial --eps 2/255 --max 500\n  mm eval classify --head intents --data test.tsv",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := needFlags(cmd, "data"); err != nil {
				return err
			}
			if o.adversarial {
				return o.attacked(cmd)
			}
			return o.clean(cmd)
		},
	}
	f := classify.Flags()
	f.StringVar(&o.head, "head", "", "`folder` of a head pack of mm learn")
	f.StringVar(&o.data, "data", "", "folder or file of examples")
	f.BoolVar(&o.adversarial, "adversarial", false, "attack the pictures too")
	f.Var(epsilon{&o.eps}, "eps", "the most that a channel may change, as a number or a fraction")
	f.Var(bounded{&o.most, 1, 0, "at least 1"}, "max", "examples, drawn by --seed (default: all)")
	f.Var(bounded{&o.seed, 0, 0, "at least 0"}, "seed", "of all that is drawn by chance")
	f.BoolVar(&o.strict, "strict", false, "fail where an input cannot be used")
	f.Var(bounded{&o.skip, 0, 0, "at least 0"}, "max-skip", "inputs that may be skipped")
	cmd.AddCommand(classify)
	return cmd
}

// draw takes --max of n examples.
func (o *evalOptions) draw(n int) []int {
	if o.most == 0 || o.most >= n {
		o.most = n
	}
	all := make([]int, n)
	picked := learn.FewEach(all, o.most, uint64(o.seed))
	slices.Sort(picked)
	return picked
}

// clean counts right answers to inputs of any kind.
func (o *evalOptions) clean(cmd *cobra.Command) error {
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	name := "classify"
	if o.head != "" {
		p, _, err := openHead(m, o.head)
		if err != nil {
			return err
		}
		name = p.Name
	}
	i := slices.IndexFunc(m.Tasks(), func(t mm.Task) bool { return t.Name == name && t.Output == "classes" })
	if i < 0 {
		return fmt.Errorf("the model has no task %s, want --head with a head pack", name)
	}
	task := m.Tasks()[i]
	d, err := learn.ReadData(o.data, task.Input)
	if err != nil {
		return err
	}
	var skipped []learn.Skipped
	skipped = append(skipped, d.Skipped...)
	right, tried := 0, 0
	bars := newStages(cmd.ErrOrStderr())
	picked := o.draw(len(d.Examples))
	const together = 64
	for at := 0; at < len(picked); at += together {
		part := picked[at:min(at+together, len(picked))]
		results, closeAll := answers(cmd.Context(), m, task, d.Examples, part)
		closeAll()
		for i, r := range results {
			e := d.Examples[part[i]]
			switch {
			case errors.Is(r.Err, context.Canceled):
				return r.Err
			case r.Err != nil:
				skipped = append(skipped, learn.Skipped{Place: e.Place, Why: strings.TrimPrefix(r.Err.Error(), "mm: ")})
			default:
				if tried++; r.Text == e.Label {
					right++
				}
			}
		}
		bars.progress("examples", at+len(part), len(picked))
	}
	bars.clear()
	saySkipped(cmd.ErrOrStderr(), skipped)
	if n := len(skipped); o.strict && n > 0 || n > o.skip {
		return fmt.Errorf("%d inputs could not be used", n)
	}
	if tried == 0 {
		return fmt.Errorf("%s: no examples", o.data)
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "accuracy\t%s ± %s\t%d of %d\n", percent(float64(right)/float64(tried)), percent(interval(right, tried)), right, tried)
	return err
}

// answers runs some examples together.
func answers(ctx context.Context, m *mm.Model, task mm.Task, examples []learn.Example, part []int) ([]mm.Result, func()) {
	inputs := make([]mm.Input, len(part))
	var files []*os.File
	for i, at := range part {
		inputs[i] = mm.Input{Task: task.Name, Text: examples[at].Text}
		if examples[at].Path == "" {
			continue
		}
		var reader io.Reader
		file, err := os.Open(filepath.Clean(examples[at].Path))
		if err != nil {
			reader = failing{err}
		} else {
			files = append(files, file)
			reader = file
		}
		if task.Input == "audio" {
			inputs[i].Audio = reader
		} else {
			inputs[i].Image = reader
		}
	}
	return m.RunBatch(ctx, inputs), func() {
		for _, f := range files {
			f.Close()
		}
	}
}

// failing is a file that could not be opened.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// interval is half of the 95% interval of a share.
func interval(right, tried int) float64 {
	p := float64(right) / float64(tried)
	return 1.96 * math.Sqrt(p*(1-p)/float64(tried))
}

// attacked counts right answers to pictures as they are and as they were changed. All
// are the canvas's pixels in 8 bits, so that they compare.
func (o *evalOptions) attacked(cmd *cobra.Command) error {
	t, err := o.openTarget(o.head)
	if err != nil {
		return err
	}
	defer t.close()
	examples, labels, err := t.labelled(o.data)
	if err != nil {
		return err
	}
	methods := []string{"clean", attack.FGSM, attack.PGD}
	right := make([]int, len(methods))
	bars := newStages(cmd.ErrOrStderr())
	picked := o.draw(len(examples))
	for n, at := range picked {
		levels, err := t.canvas(examples[at].Path)
		if err != nil {
			return err
		}
		for i, method := range methods {
			changed := levels
			if i > 0 {
				changed, err = t.Attack(levels, labels[at], attack.Options{Method: method, Eps: o.eps, Target: -1, Seed: uint64(o.seed + at)})
				if err != nil {
					return err
				}
			}
			answer, err := t.answer(cmd.Context(), changed)
			if err != nil {
				return err
			}
			if answer.Label == t.Labels[labels[at]] {
				right[i]++
			}
		}
		bars.progress("pictures", n+1, len(picked))
	}
	bars.clear()
	w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
	for i, method := range methods {
		if method == attack.PGD {
			method = "pgd-20"
		}
		fmt.Fprintf(w, "%s\t%s ± %s\t%d of %d\n", method, percent(float64(right[i])/float64(len(picked))), percent(interval(right[i], len(picked))), right[i], len(picked))
	}
	return w.Flush()
}
