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

func newLearnShot(s *settings) *cobra.Command {
	var head, method string
	cmd := &cobra.Command{
		Use:   "shot --head DIR NAME INPUT…",
		Short: "Add a class of a few examples, without training",
		Long: fmt.Sprintf(`Add the class NAME to a head pack, from 1 to %d examples, without training: texts, or
paths of sounds or pictures, as the head takes them. The answers for the other classes
come from the same numbers as before, to the bit.`, maxShots),
		Example: `  mm learn shot --head pets ferret a.jpg b.jpg
  mm learn shot --head intents weather "will it rain" "is it cold outside"`,
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
			return s.shot(cmd, head, mm.Shot(method), args[0], args[1:])
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "the head pack's `folder`")
	cmd.Flags().Var(choice{&method, []string{string(mm.Imprint), string(mm.Predict)}}, "method", "imprint or predict (default: what was better when the head was learned)")
	return cmd
}

func (s *settings) shot(cmd *cobra.Command, dir string, method mm.Shot, name string, inputs []string) error {
	m, err := s.open()
	if err != nil {
		return err
	}
	defer m.Close()
	p, err := learn.Open(dir)
	if err != nil {
		return err
	}
	chosen := p.Shot
	if method != "" {
		p.Shot = method
	}
	h, err := m.AddHead(p.Name, p.HeadSpec)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	task, err := taskOf(m, p)
	if err != nil {
		return err
	}
	examples := make([]learn.Example, len(inputs))
	for i, in := range inputs {
		examples[i] = learn.Example{Label: name, Path: in, Place: in}
		if task.Input == "text" {
			examples[i].Path, examples[i].Text = "", in
		}
	}
	c := &learn.Collector{Model: m, Task: p.Task, To: p.To}
	rows, failed, err := c.Collect(cmd.Context(), examples, p.Taps)
	if err != nil {
		return err
	}
	for i, err := range failed {
		if err != nil {
			return fmt.Errorf("%s: %w", inputs[i], err)
		}
	}
	given, err := c.Inputs(examples)
	if err != nil {
		return err
	}
	if err := h.AddClass(cmd.Context(), name, given...); err != nil {
		return err
	}
	spec := h.Spec()
	spec.Shot = chosen
	if err := p.With(spec, rows).Save(dir); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: class %q added from %d examples by %s; %d classes\n", p.Name, name, len(inputs), h.Spec().Shot, len(spec.Labels))
	return err
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
