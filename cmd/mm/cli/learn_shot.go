package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

// maxShots is how many examples of a class are few.
const maxShots = 20

// shotOptions are the flags of mm learn shot.
type shotOptions struct {
	*settings
	head, method, name, modality string
}

func newLearnShot(s *settings) *cobra.Command {
	o := &shotOptions{settings: s, modality: "text"}
	cmd := &cobra.Command{
		Use:   "shot --head DIR NAME INPUT…",
		Short: "Add a class of a few examples, without training",
		Long: fmt.Sprintf(`Add the class NAME to a head pack, from 1 to %d examples, without training: texts, or
paths of sounds or pictures, as the head takes them. The answers for the other classes
come from the same numbers as before, to the bit.

Where DIR holds nothing yet, a head begins there, with --name and --modality, if the
model comes with a base for that: features and a map that were learned beforehand, on
other classes.`, maxShots),
		Example: `  mm learn shot --head pets ferret a.jpg b.jpg
  mm learn shot --head intents weather "will it rain" "is it cold outside"
  mm learn shot --head birds --name birds --modality image jay jay.jpg`,
		Args: usageArgs(func(_ *cobra.Command, args []string) error {
			if n := len(args) - 1; n < 1 || n > maxShots {
				return fmt.Errorf("a name and %d examples given, want 1 to %d", max(n, 0), maxShots)
			}
			return nil
		}),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needFlags(cmd, "head"); err != nil {
				return err
			}
			return o.run(cmd, args[0], args[1:])
		},
	}
	cmd.Flags().StringVar(&o.head, "head", "", "the head pack's `folder`")
	cmd.Flags().Var(choice{&o.method, []string{string(mm.Imprint), string(mm.Predict)}}, "method", "imprint or predict (default: what was better when the head was learned)")
	cmd.Flags().StringVar(&o.name, "name", "", "`name` of a head that begins")
	cmd.Flags().Var(choice{&o.modality, []string{"text", "audio", "image"}}, "modality", "text, audio or image, of a head that begins")
	return cmd
}

func (o *shotOptions) run(cmd *cobra.Command, label string, inputs []string) error {
	m, err := o.open()
	if err != nil {
		return err
	}
	defer m.Close()
	var p *learn.Pack
	if learn.IsPack(o.head) {
		p, err = o.add(cmd, m, label, inputs)
	} else {
		p, err = o.begin(cmd, m, label, inputs)
	}
	if err != nil {
		return err
	}
	if err := p.Save(o.head); err != nil {
		return err
	}
	way := mm.Shot(o.method)
	if way == "" {
		way = p.Shot
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: class %q added from %s by %s; %s\n", p.Name, label,
		counted(len(inputs), "example", "examples"), way, counted(len(p.Labels), "class", "classes"))
	return err
}

// counted is a number of things.
func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// add is the head pack with one more class.
func (o *shotOptions) add(cmd *cobra.Command, m *mm.Model, label string, inputs []string) (*learn.Pack, error) {
	p, err := learn.Open(o.head)
	if err != nil {
		return nil, err
	}
	if err := o.matches(cmd, m, p); err != nil {
		return nil, err
	}
	chosen := p.Shot
	if o.method != "" {
		p.Shot = mm.Shot(o.method)
	}
	h, err := m.AddHead(p.Name, p.HeadSpec)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.head, err)
	}
	rows, err := shotRows(cmd, m, p, label, inputs)
	if err != nil {
		return nil, err
	}
	if err := h.AddFeatures(label, rows...); err != nil {
		return nil, err
	}
	spec := h.Spec()
	spec.Shot = chosen
	return p.With(spec, rows), nil
}

// matches wants --name and --modality, which an existing pack needs no more, to say what
// it has.
func (o *shotOptions) matches(cmd *cobra.Command, m *mm.Model, p *learn.Pack) error {
	task, err := taskOf(m, p)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("modality") && o.modality != task.Input {
		return usageError{fmt.Errorf("--modality %s: the head %s in %s takes %s", o.modality, p.Name, o.head, task.Input)}
	}
	if o.name != "" && o.name != p.Name {
		return usageError{fmt.Errorf("--name %s: the head in %s is %s", o.name, o.head, p.Name)}
	}
	return nil
}

// begin is a head pack of this class alone, on the model's base.
func (o *shotOptions) begin(cmd *cobra.Command, m *mm.Model, label string, inputs []string) (*learn.Pack, error) {
	if o.name == "" {
		return nil, usageError{fmt.Errorf("%s holds no head pack: learn one with mm learn head, or begin one with --name and --modality", o.head)}
	}
	if err := learn.Claim(o.head); err != nil {
		return nil, err
	}
	base, err := learn.OpenBase(o.files(), o.modality)
	if err != nil {
		return nil, err
	}
	rows, err := shotRows(cmd, m, base, label, inputs)
	if err != nil {
		return nil, err
	}
	p := base.Begin(o.name, label, rows, mm.Shot(o.method))
	if _, err := m.AddHead(p.Name, p.HeadSpec); err != nil { // does it fit?
		return nil, err
	}
	return p, nil
}

// shotRows are the features of a class's inputs; one that has none is an error.
func shotRows(cmd *cobra.Command, m *mm.Model, p *learn.Pack, label string, inputs []string) ([][]float32, error) {
	task, err := taskOf(m, p)
	if err != nil {
		return nil, err
	}
	examples := make([]learn.Example, len(inputs))
	for i, in := range inputs {
		examples[i] = learn.Example{Label: label, Path: in, Place: in}
		if task.Input == "text" {
			examples[i].Path, examples[i].Text = "", in
		}
	}
	c := &learn.Collector{Model: m, Task: p.Task, To: p.To}
	rows, failed, err := c.Collect(cmd.Context(), examples, p.Taps)
	if err != nil {
		return nil, err
	}
	for i, err := range failed {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", examples[i].Place, err)
		}
	}
	return rows, nil
}

// taskOf is the checkpoint's task whose inputs the head of a pack takes.
func taskOf(m *mm.Model, p *learn.Pack) (mm.Task, error) {
	for _, t := range m.Tasks() {
		if t.Name == p.Task && t.To == p.To {
			return t, nil
		}
	}
	return mm.Task{}, fmt.Errorf("the model has no task %s", p.Task)
}

func newLearnForget() *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:     "forget --head DIR NAME",
		Short:   "Take a class out of a head pack",
		Example: "  mm learn forget --head pets ferret",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := needFlags(cmd, "head"); err != nil {
				return err
			}
			p, err := learn.Open(head)
			if err != nil {
				return err
			}
			less, err := p.Without(args[0])
			if err != nil {
				return fmt.Errorf("%s: %w", filepath.Clean(head), err)
			}
			if err := less.Save(head); err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: class %q forgotten; %d classes\n", p.Name, args[0], len(less.Labels))
			return err
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "the head pack's `folder`")
	return cmd
}
