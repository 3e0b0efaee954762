package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm/learn"
)

// headOptions are the flags of mm learn head.
type headOptions struct {
	*settings
	learn.HeadOptions
	data, modality, out, plots string
	seed                       int
	noCache                    bool
}

func newLearnHead(s *settings) *cobra.Command {
	o := &headOptions{settings: s}
	cmd := &cobra.Command{
		Use:   "head --name NAME --data PATH --out DIR",
		Short: "Learn a head from labelled examples",
		Long: `Learn a head from labelled examples and write it to a folder as a head pack.

PATH is a folder with one of sounds or pictures for each class, or a file with a line
label<TAB>text for each example; with --modality image or audio its texts are paths.
The model runs once over the examples; which of its layers serves best is found by
cross-validation. A part of the examples is held out to choose when to stop, and as
much again to say how good the head is. What cannot be read is skipped and listed.
The same seed gives the same head; what was stopped goes on where it was.`,
		Example: `  mm learn head --name intents --data train.tsv --out intents
  mm learn head --name pets --data photos/ --modality image --out pets --plots plots`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.Name, "name", "", "`name` of the head")
	f.StringVar(&o.data, "data", "", "folder or file of examples")
	f.Var(choice{&o.modality, []string{"text", "audio", "image"}}, "modality", "text, audio or image (default: what the examples look like)")
	f.StringVar(&o.out, "out", "", "`folder` for the head pack")
	f.StringVar(&o.Task, "task", "", "`task` whose command stands in front of inputs (default: the first of the modality)")
	f.StringVar(&o.To, "to", "", "target `language` of --task, if it has some")
	o.Hidden, o.Memory, o.Skip = -1, 2000, 100
	f.Var(bounded{&o.Hidden, -1, 1 << 14, fmt.Sprintf("-1 (what serves better) to %d", 1<<14)}, "hidden", "units of the hidden layer, 0 for none, -1 for what serves better")
	f.Var(bounded{&o.Memory, 0, 1 << 20, fmt.Sprintf("0 to %d", 1<<20)}, "memory", "examples kept in the pack, so that it can learn more classes")
	f.Var(bounded{&o.Fit.Epochs, 1, 0, "at least 1"}, "epochs", "passes over the examples at most (default 60)")
	f.BoolVar(&o.Fit.Balance, "balance", false, "let every class weigh the same, however many examples it has")
	f.Var(bounded{&o.seed, 0, 0, "at least 0"}, "seed", "of all that is drawn by chance")
	f.BoolVar(&o.Strict, "strict", false, "fail where an input cannot be used")
	f.Var(bounded{&o.Skip, 0, 0, "at least 0"}, "max-skip", "inputs that may be skipped")
	f.StringVar(&o.Cache, "cache", cacheDir(), "`folder` for what the model makes of inputs")
	f.BoolVar(&o.noCache, "no-cache", false, "keep no such folder")
	f.StringVar(&o.plots, "plots", "", "`folder` for confusion.png and curve.png")
	return cmd
}

// curvePoints are the examples a class that the learning curve shows.
var curvePoints = []int{1, 2, 5, 10, 20, 50, 100}

func (o *headOptions) run(cmd *cobra.Command) error {
	if err := needFlags(cmd, "name", "data", "out"); err != nil {
		return err
	}
	d, err := learn.ReadData(o.data, o.modality)
	if err != nil {
		return err
	}
	if err := learn.Claim(o.out); err != nil { // before the work
		return err
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	task, err := taskFor(m, d.Modality, o.Task, o.To)
	if err != nil {
		return err
	}
	for _, t := range m.Tasks() {
		if t.Name == o.Name {
			return usageError{fmt.Errorf("--name %s: the model has a task of this name", o.Name)}
		}
	}
	o.HeadOptions.Task, o.HeadOptions.To = task.Name, task.To
	o.Fit.Seed, o.Curve = uint64(o.seed), curvePoints
	if o.noCache {
		o.Cache = ""
	}
	bars := newStages(cmd.ErrOrStderr())
	o.Progress = bars.progress
	l, err := learn.Head(cmd.Context(), m, d, o.HeadOptions)
	bars.clear()
	if err != nil {
		return err
	}
	saySkipped(cmd.ErrOrStderr(), l.Skipped)
	if l.Stopped != "" && strings.Contains(l.Stopped, "no number") {
		fmt.Fprintln(cmd.ErrOrStderr(), "mm: note: "+l.Stopped)
	}
	if err := l.Save(o.out); err != nil {
		return err
	}
	if err := writeHead(cmd.OutOrStdout(), l); err != nil {
		return writeError(err)
	}
	return drawHead(o.plots, l)
}

// drawHead writes the pictures of a head, if there is a folder for them.
func drawHead(dir string, l *learn.Learned) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	err := writeFile(filepath.Join(dir, "confusion.png"), func(w io.Writer) error { return drawConfusion(w, l.Labels, l.Confusion) })
	if err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "curve.png"), func(w io.Writer) error { return drawCurve(w, l.Metrics.Curve) })
}
