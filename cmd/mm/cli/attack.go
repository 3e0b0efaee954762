package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/learn/attack"
)

// attackOptions are the flags of mm attack.
type attackOptions struct {
	*settings
	head, method, target, label, out string
	eps                              float64
	steps, seed                      int
}

func newAttack(s *settings) *cobra.Command {
	o := &attackOptions{settings: s, eps: 8.0 / 255}
	cmd := &cobra.Command{
		Use:   "attack IMAGE --out FILE",
		Short: "Change a picture a little, so that the model errs",
		Long: `Change a picture so that the model does not answer its label any more, or answers
--target, no channel of a pixel by more than --eps of its range; write it to --out as
a PNG of the task's canvas and print both answers. fgsm takes one step, pgd 20 small
ones. That fgsm fails proves nothing: a network may have learned to hide its gradient
where one step looks, and still fall to pgd.`,
		Example: "  mm attack cat.png --eps 8/255 --out fooled.png\n  mm attack cat.png --target dog --out dog.png",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE:    func(cmd *cobra.Command, args []string) error { return o.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&o.head, "head", "", "`folder` of a head pack of mm learn, to attack instead of the model's own")
	f.Var(epsilon{&o.eps}, "eps", "the most that a channel may change, as a number or a fraction")
	o.method = attack.PGD
	f.Var(choice{&o.method, []string{attack.FGSM, attack.PGD}}, "method", "fgsm or pgd")
	f.Var(bounded{&o.steps, 1, 10000, "1 to 10000"}, "steps", "of pgd (default 20)")
	f.StringVar(&o.target, "target", "", "`label` that the model is to answer")
	f.StringVar(&o.label, "label", "", "the picture's true `label` (default: what the model answers)")
	f.Var(bounded{&o.seed, 0, 0, "at least 0"}, "seed", "of pgd's start")
	f.StringVar(&o.out, "out", "", "PNG `file` for the changed picture")
	return cmd
}

// epsilon is a number of a flag above 0 and up to 1, which may be a fraction.
type epsilon struct{ value *float64 }

func (e epsilon) String() string {
	if e.value == nil || *e.value == 0 {
		return ""
	}
	return strconv.FormatFloat(*e.value*255, 'g', 4, 64) + "/255"
}

func (e epsilon) Type() string { return "size" }

func (e epsilon) Set(text string) error {
	above, below, fraction := strings.Cut(text, "/")
	v, err := strconv.ParseFloat(above, 64)
	if err == nil && fraction {
		var d float64
		d, err = strconv.ParseFloat(below, 64)
		v /= d
	}
	if err != nil || !(v > 0 && v <= 1) {
		return fmt.Errorf("want more than 0 and at most 1, such as 8/255 or 0.03")
	}
	*e.value = v
	return nil
}

// target is what can be attacked: a model's task or head, with the graph that attacks it.
type target struct {
	*attack.Network
	m    *mm.Model
	task string
}

// openTarget opens the model and its graph.
func (s *settings) openTarget(head string) (*target, error) {
	m, err := s.open()
	if err != nil {
		return nil, err
	}
	t := &target{m: m, task: "classify"}
	var spec *mm.HeadSpec
	if head != "" {
		p, _, err := openHead(m, head)
		if err != nil {
			m.Close()
			return nil, err
		}
		t.task, spec = p.Name, &p.HeadSpec
	}
	if t.Network, err = attack.Load(s.files(), "classify", spec); err != nil {
		m.Close()
		return nil, err
	}
	return t, nil
}

func (t *target) close() {
	t.Network.Close()
	t.m.Close()
}

// canvas reads a picture as the network sees it.
func (t *target) canvas(path string) ([]uint8, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := picture.Read(file)
	if err == nil {
		var p *picture.RGB
		if p, err = picture.Decode(data); err == nil {
			fit := map[string]picture.Fit{"squeeze": picture.Squeeze, "letterbox": picture.Letterbox, "crop": picture.Crop}[t.Fit]
			var pixels []float32
			if pixels, _, err = p.Pixels(fit, t.Canvas.Width, t.Canvas.Height); err == nil {
				return attack.Levels(pixels), nil
			}
		}
	}
	return nil, fmt.Errorf("%s: %w", path, err)
}

// png is a picture's file.
func (t *target) png(levels []uint8) ([]byte, error) {
	p := &picture.RGB{Width: t.Canvas.Width, Height: t.Canvas.Height, Pix: levels}
	var b bytes.Buffer
	err := p.WritePNG(&b)
	return b.Bytes(), err
}

// answer is what the model, not the graph, says of a picture.
func (t *target) answer(ctx context.Context, levels []uint8) (mm.Class, error) {
	file, err := t.png(levels)
	if err != nil {
		return mm.Class{}, err
	}
	out, err := t.m.Run(ctx, mm.Input{Task: t.task, Image: bytes.NewReader(file)})
	if err != nil {
		return mm.Class{}, err
	}
	return out.Classes[0], nil
}

// number is a label's.
func (t *target) number(flag, label string) (int, error) {
	i := slices.Index(t.Labels, label)
	if i < 0 {
		return 0, usageError{fmt.Errorf("--%s %s: want one of %s", flag, label, strings.Join(t.Labels, ", "))}
	}
	return i, nil
}

func (o *attackOptions) run(cmd *cobra.Command, path string) error {
	if err := needFlags(cmd, "out"); err != nil {
		return err
	}
	t, err := o.openTarget(o.head)
	if err != nil {
		return err
	}
	defer t.close()
	levels, err := t.canvas(path)
	if err != nil {
		return err
	}
	before, err := t.answer(cmd.Context(), levels)
	if err != nil {
		return err
	}
	if o.label == "" {
		o.label = before.Label
	}
	label, err := t.number("label", o.label)
	if err != nil {
		return err
	}
	opts := attack.Options{Method: o.method, Eps: o.eps, Steps: o.steps, Target: -1, Seed: uint64(o.seed)}
	if o.target != "" {
		if opts.Target, err = t.number("target", o.target); err != nil {
			return err
		}
		if o.target == before.Label {
			return usageError{fmt.Errorf("--target %s: that is what the model answers already", o.target)}
		}
	}
	changed, err := t.Attack(levels, label, opts)
	if err != nil {
		return err
	}
	after, err := t.answer(cmd.Context(), changed)
	if err != nil {
		return err
	}
	file, err := t.png(changed)
	if err != nil {
		return err
	}
	if err := writeFile(o.out, func(w io.Writer) error { _, err := w.Write(file); return err }); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "before\t%s\t%.4f\nafter\t%s\t%.4f\n", before.Label, before.Prob, after.Label, after.Prob)
	return err
}

// labelled are the pictures of a folder that a target has the labels of.
func (t *target) labelled(path string) ([]learn.Example, []int, error) {
	d, err := learn.ReadData(path, "image")
	if err != nil {
		return nil, nil, err
	}
	numbers := learn.LabelNumbers(d.Examples, t.Labels)
	if i := slices.Index(numbers, -1); i >= 0 {
		return nil, nil, fmt.Errorf("%s: label %q, want one of %s", d.Examples[i].Place, d.Examples[i].Label, strings.Join(t.Labels, ", "))
	}
	if len(numbers) == 0 {
		return nil, nil, fmt.Errorf("%s: no pictures", path)
	}
	return d.Examples, numbers, nil
}
