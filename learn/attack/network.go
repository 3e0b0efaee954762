// Package attack changes pictures so that the model errs (Szegedy et al. 2014,
// "Intriguing properties of neural networks"), to see how little is needed. The
// gradient of the loss with respect to the pixels comes from the way of a picture
// through the network (encoder, trunk, head) as a gorgonia graph, which reads the
// same checkpoint as the model and computes the same logits.
package attack

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"

	"gorgonia.org/gorgonia"
	"gorgonia.org/tensor"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// Network is the way of a picture to the logits of a task, or of a learned head.
type Network struct {
	Labels []string
	Canvas image.Canvas
	Fit    string // how pictures come to the canvas: "crop", "squeeze" or "letterbox"

	dev          *cpu.Device
	machine      gorgonia.VM
	x, targets   *gorgonia.Node
	logits, cost gorgonia.Value
	slope        *gorgonia.Node
	rows, cols   int
}

// Open builds the graph of a model directory, of a task that classifies pictures or,
// if head is not nil, of that head over such a task.
func Open(dir, task string, head *mm.HeadSpec) (*Network, error) {
	return Load(os.DirFS(dir), task, head)
}

// Load does so for a file system.
func Load(fsys fs.FS, task string, head *mm.HeadSpec) (*Network, error) {
	c, err := checkpoint.Load(fsys)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	dev, err := cpu.Open(cpu.Options{Threads: 1}) // a second one would wait for what is between the products
	if err != nil {
		return nil, fmt.Errorf("attack: %w", err)
	}
	n, err := build(c, dev, task, head)
	if err != nil {
		dev.Close()
		return nil, fmt.Errorf("attack: %w", err)
	}
	return n, nil
}

// Close frees the graph.
func (n *Network) Close() error { return errors.Join(n.machine.Close(), n.dev.Close()) }

// builder makes a graph; the first error is kept, so that it reads as formulas.
type builder struct {
	dev     *cpu.Device
	graph   *gorgonia.ExprGraph
	model   checkpoint.Model
	weights map[string]checkpoint.Floats
	ops     int
	err     error
}

func build(c *checkpoint.Checkpoint, dev *cpu.Device, name string, head *mm.HeadSpec) (*Network, error) {
	if head != nil {
		name = head.Task
		if sum := c.SHA256(); head.SHA256 != sum {
			return nil, fmt.Errorf("the head was learned with the weights of sha256 %.12s…, these are %.12s…", head.SHA256, sum)
		}
	}
	i := slices.IndexFunc(c.Config.Tasks, func(t checkpoint.Task) bool {
		return t.Name == name && t.Input == "image" && (t.Output == "classes" || head != nil)
	})
	if i < 0 {
		return nil, fmt.Errorf("the model has no task %q that classifies pictures", name)
	}
	t := c.Config.Tasks[i]
	b := &builder{dev: dev, graph: gorgonia.NewGraph(), model: c.Config.Model, weights: c.Floats()}
	n := &Network{dev: dev, Labels: t.Labels, Canvas: image.Canvas{Width: t.Canvas[0], Height: t.Canvas[1]}, Fit: t.Fit}
	n.rows, n.cols = n.Canvas.Width*n.Canvas.Height, 3
	n.x = b.input("x", n.rows, n.cols)
	x := b.picture(n.x, n.Canvas, c.Config.Vocabulary.Commands[t.Command])
	layers := b.trunk(x, 1+n.Canvas.Rows())
	var logits *gorgonia.Node
	if head != nil {
		n.Labels = head.Labels
		logits = b.learned(layers, 1+n.Canvas.Rows(), head)
	} else {
		logits = b.classes(layers[len(layers)-1], 1+n.Canvas.Rows(), "decoders."+t.Head+".")
	}
	n.targets = b.input("targets", 1, len(n.Labels))
	cost := b.do(gorgonia.Neg(b.do(gorgonia.Sum(b.do(gorgonia.HadamardProd(b.do(gorgonia.LogSoftMax(logits, 1)), n.targets))))))
	if b.err != nil {
		return nil, b.err
	}
	gorgonia.Read(logits, &n.logits)
	gorgonia.Read(cost, &n.cost)
	slopes, err := gorgonia.Grad(cost, n.x)
	if err != nil {
		return nil, err
	}
	n.slope = slopes[0]
	n.machine = gorgonia.NewTapeMachine(b.graph, gorgonia.BindDualValues(n.x))
	return n, nil
}

func (b *builder) do(n *gorgonia.Node, err error) *gorgonia.Node {
	if b.err == nil {
		b.err = err
	}
	if n == nil { // what follows is thrown away
		n = gorgonia.NewConstant(float32(0))
	}
	return n
}

func (b *builder) input(name string, rows, cols int) *gorgonia.Node {
	return b.constant(name, rows, cols, make([]float32, rows*cols))
}

func (b *builder) constant(name string, rows, cols int, values []float32) *gorgonia.Node {
	return gorgonia.NewMatrix(b.graph, tensor.Float32, gorgonia.WithShape(rows, cols), gorgonia.WithName(name),
		gorgonia.WithValue(dense(rows, cols, values)))
}

// values are a tensor's.
func (b *builder) values(name string) checkpoint.Floats {
	w, ok := b.weights[name]
	if !ok && b.err == nil {
		b.err = fmt.Errorf("tensor %q: missing", name)
	}
	if !ok {
		return checkpoint.Floats{Shape: []int{1, 1}, Values: []float32{0}}
	}
	return w
}

func (b *builder) linear(x *gorgonia.Node, name string) *gorgonia.Node {
	w := b.values(name)
	rows, in := x.Shape()[0], x.Shape()[1]
	return b.apply(linear(b.matrix(name, rows, len(w.Values)/in, in, w.Values)), x)
}

// matrix is a weight (out, in), or one of several in a tensor, for so many rows.
func (b *builder) matrix(name string, rows, out, in int, values []float32) matrix {
	m, err := newMatrix(b.dev, rows, out, in, values)
	if err != nil && b.err == nil {
		b.err = fmt.Errorf("tensor %q: %w", name, err)
	}
	return m
}

func (b *builder) norm(x *gorgonia.Node, rows int, name string) *gorgonia.Node {
	return b.apply(rmsNorm(rows, b.values(name).Values, b.model.NormEps), x)
}

func (b *builder) silu(x *gorgonia.Node, rows int, cols int) *gorgonia.Node {
	return b.apply(siluOp(rows, cols), x)
}

func (b *builder) add(x, y *gorgonia.Node) *gorgonia.Node { return b.do(gorgonia.Add(x, y)) }

// picture is the encoder's rows behind the command's, as they enter the trunk; see
// encoders/image.
func (b *builder) picture(x *gorgonia.Node, canvas image.Canvas, command int32) *gorgonia.Node {
	const window = 9
	in := 3
	for s, channels := range b.model.Image.Channels {
		name := fmt.Sprintf("encoders.image.stages.%d.", s)
		x = b.linear(b.apply(unfold(canvas.Taps(2), window, in), x), name+"conv")
		canvas = image.Canvas{Width: canvas.Width / 2, Height: canvas.Height / 2}
		rows := canvas.Width * canvas.Height
		x = b.norm(x, rows, name+"norm")
		for i := range b.model.Image.Blocks[s] {
			block := fmt.Sprintf("%sblocks.%d.", name, i)
			h := b.norm(x, rows, block+"norm")
			h = b.apply(depthwise(canvas.Taps(1), b.values(block+"depthwise").Values, channels), h)
			h = b.silu(b.linear(h, block+"up"), rows, channels*b.model.Image.Expand)
			x = b.add(x, b.linear(h, block+"down"))
		}
		in = channels
	}
	width := b.model.Width
	x = b.norm(x, canvas.Width*canvas.Height, "encoders.image.norm")
	row := slices.Clone(b.values("embed").Values[int(command)*width : (int(command)+1)*width])
	for i := range row {
		row[i] *= float32(math.Sqrt(float64(width)))
	}
	return b.apply(behind(row, canvas.Positions(width), width), x)
}

// trunk returns the rows of every layer that a mm.Tap may be at.
func (b *builder) trunk(x *gorgonia.Node, rows int) []*gorgonia.Node {
	m := b.model
	cos, sin := nn.Turns(rows, m.Width/m.Heads/2, m.RopeBase)
	layers := []*gorgonia.Node{x}
	for i, dilation := range m.EncoderDilations {
		name := fmt.Sprintf("mixer.encoder.%d.", i)
		h := b.norm(x, rows, name+"conv.norm")
		h = b.apply(depthwise(along(rows, m.ConvWidth, dilation), b.values(name+"conv.depthwise").Values, m.Width), h)
		x = b.add(x, b.linear(b.silu(h, rows, m.Width), name+"conv.pointwise"))

		h = b.linear(b.norm(x, rows, name+"attn.norm"), name+"attn.qkv")
		h = b.apply(rotate(rows, 3*m.Width, 2*m.Heads, cos, sin), h)
		x = b.add(x, b.linear(b.apply(attend(rows, m.Width, m.Heads, nil), h), name+"attn.out"))

		if slices.Contains(m.EncoderMoE, i) {
			name += "moe."
			x = b.add(x, b.apply(b.experts(name).op(rows), b.norm(x, rows, name+"norm")))
		} else {
			name += "ffn."
			h = b.linear(b.norm(x, rows, name+"norm"), name+"up")
			x = b.add(x, b.linear(b.apply(gate(rows, m.FFN), h), name+"down"))
		}
		layers = append(layers, x)
	}
	return append(layers, b.norm(x, rows, "mixer.encoder.norm"))
}

// classes is the head of a checkpoint's task; see decoders/classes.
func (b *builder) classes(memory *gorgonia.Node, rows int, name string) *gorgonia.Node {
	width := b.model.Width
	row := b.values(name + "query").Values
	normed := rmsNorm(1, b.values(name+"cross.norm").Values, b.model.NormEps).forward(row)
	query := times(b.values(name+"cross.q").Values, normed)
	h := b.apply(attend(rows, width, b.model.Heads, query), b.linear(memory, name+"cross.kv"))
	p := b.add(b.linear(h, name+"cross.out"), b.constant(name+"query", 1, width, row))
	return b.linear(b.norm(p, 1, name+"norm"), name+"labels")
}
