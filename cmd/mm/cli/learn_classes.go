package cli

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm/learn"
)

// classesOptions are the flags of mm learn classes.
type classesOptions struct {
	*settings
	learn.ExtendOptions
	head, data, out string
	method, cache   string
	seed, skip      int
	strict          bool
	maxForget       float64
}

func newLearnClasses(s *settings) *cobra.Command {
	o := &classesOptions{settings: s}
	cmd := &cobra.Command{
		Use:   "classes --head DIR --data PATH",
		Short: "Add classes to a head without losing the old ones",
		Long: `Train a head pack on new classes, whose examples come as for mm learn head, beside
the examples of the old classes that it keeps, and write it back, or to --out.

The methods: bias distils what the head knew, evens out the classes and corrects the
new ones' logits; balanced leaves out the correction; mean answers the class whose
examples' mean is nearest; plain trains on the new examples alone and forgets.
Nothing is written where the old classes' accuracy, on examples that were never
learned from, falls by more than --max-forget points.`,
		Example: "  mm learn classes --head pets --data more/ --memory 2000 --max-forget 2",
		Args:    usageArgs(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return o.run(cmd) },
	}
	f := cmd.Flags()
	f.StringVar(&o.head, "head", "", "the head pack's `folder`")
	f.StringVar(&o.data, "data", "", "folder or file of examples of the new classes")
	f.StringVar(&o.out, "out", "", "`folder` for the new head pack (default: that of --head)")
	methods := make([]string, len(learn.Methods))
	for i, m := range learn.Methods {
		methods[i] = string(m)
	}
	f.Var(choice{&o.method, methods}, "method", "bias, balanced, mean or plain (default bias)")
	o.Memory, o.maxForget, o.skip = 2000, 2, 100
	f.Var(bounded{&o.Memory, 1, 1 << 20, fmt.Sprintf("1 to %d", 1<<20)}, "memory", "examples kept in the pack")
	f.Var(points{&o.maxForget}, "max-forget", "how many `points` the old classes' accuracy may lose")
	f.Var(bounded{&o.Fit.Epochs, 1, 0, "at least 1"}, "epochs", "passes over the examples (default 60)")
	f.Var(bounded{&o.seed, 0, 0, "at least 0"}, "seed", "of all that is drawn by chance")
	f.BoolVar(&o.strict, "strict", false, "fail where an input cannot be used")
	f.Var(bounded{&o.skip, 0, 0, "at least 0"}, "max-skip", "inputs that may be skipped")
	f.StringVar(&o.cache, "cache", cacheDir(), "`folder` for what the model makes of inputs")
	return cmd
}

// points is a number of a flag from 0 to 100.
type points struct{ value *float64 }

func (p points) String() string {
	if p.value == nil {
		return ""
	}
	return strconv.FormatFloat(*p.value, 'g', -1, 64)
}

func (p points) Type() string { return "float" }

func (p points) Set(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return fmt.Errorf("want 0 to 100")
	}
	*p.value = v
	return nil
}

func (o *classesOptions) run(cmd *cobra.Command) error {
	if err := needFlags(cmd, "head", "data"); err != nil {
		return err
	}
	p, err := learn.Open(o.head)
	if err != nil {
		return err
	}
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := m.AddHead(p.Name, p.HeadSpec); err != nil { // does it fit?
		return fmt.Errorf("%s: %w", o.head, err)
	}
	task, err := taskOf(m, p)
	if err != nil {
		return err
	}
	d, err := learn.ReadData(o.data, task.Input)
	if err != nil {
		return err
	}
	bars := newStages(cmd.ErrOrStderr())
	t, labels, skipped, err := learn.Examples(cmd.Context(), m, d, p.Taps, learn.HeadOptions{
		Task: p.Task, To: p.To, Cache: o.cache, Strict: o.strict, Skip: o.skip, Progress: bars.progress})
	if err != nil {
		bars.clear()
		return err
	}
	set, err := t.At(p.Taps)
	if err != nil {
		return err
	}
	o.Method, o.Fit.Seed = learn.Method(o.method), uint64(o.seed)
	o.Fit.Progress = func(e learn.Epoch) { bars.progress("training", e.Number, max(o.Fit.Epochs, e.Number)) }
	e, err := learn.Extend(cmd.Context(), p, set, labels, o.ExtendOptions)
	bars.clear()
	if err != nil {
		return err
	}
	saySkipped(cmd.ErrOrStderr(), skipped)
	if err := writeExtension(cmd.OutOrStdout(), e); err != nil {
		return writeError(err)
	}
	if err := e.Forgets(o.maxForget); err != nil {
		return fmt.Errorf("%w: nothing was written (--max-forget)", err)
	}
	if o.out == "" {
		o.out = o.head
	}
	return e.Save(o.out)
}
