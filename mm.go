// Package mm runs a MultiModel (Kaiser et al. 2017, "One Model To Learn Them
// All"): one network in one checkpoint that does many tasks.
//
//	model, err := mm.Load(base.FS)
//	if err != nil { … }
//	defer model.Close()
//	out, err := model.Run(ctx, mm.Input{Task: "translate", To: "de", Text: "Where is the station?"})
//
// Inputs are texts, sounds (Input.Audio) and pictures (Input.Image); outputs are
// texts, trees, labels and boxes. Tasks lists what the loaded checkpoint does.
//
// A Model is safe for many goroutines. All their requests run in one batch that
// requests join and leave at every step, whatever their task, and an answer does
// not depend on who shared the batch.
package mm

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/mm-runtime/mm/decoders/boxes"
	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/decoders/letters"
	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/decoders/tree"
	"github.com/mm-runtime/mm/encoders/audio"
	"github.com/mm-runtime/mm/encoders/image"
	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/internal/token"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/mixer"
)

// Model is a loaded checkpoint on a device.
type Model struct {
	ckpt     *checkpoint.Checkpoint
	dev      kernels.Device
	opts     options
	tok      *token.Tokenizer
	spelling *sequence.Spelling
	symbols  *tree.Symbols // nil where the checkpoint has no tree task
	tasks    []task
	added    added
	gates    gates
	engine   *engine

	lifetime sync.RWMutex // held for writing to close the checkpoint
	closed   bool
}

// Open loads the model directory at path: config.json, model.safetensors and
// tokenizer.tiktoken.
func Open(path string, opts ...Option) (*Model, error) {
	return open(func() (*checkpoint.Checkpoint, error) { return checkpoint.Open(path) }, opts)
}

// Load loads a model directory from a file system, such as the embedded one of
// package models/base.
func Load(fsys fs.FS, opts ...Option) (*Model, error) {
	return open(func() (*checkpoint.Checkpoint, error) { return checkpoint.Load(fsys) }, opts)
}

func open(read func() (*checkpoint.Checkpoint, error), opts []Option) (*Model, error) {
	o := defaults()
	for _, set := range opts {
		if err := set(&o); err != nil {
			return nil, fmt.Errorf("mm: %w", err)
		}
	}
	dev, err := openDevice(o)
	if err != nil {
		return nil, fmt.Errorf("mm: %w", err)
	}
	ckpt, err := read()
	if err != nil {
		dev.Close()
		return nil, err
	}
	m := &Model{ckpt: ckpt, dev: dev, opts: o}
	if err := m.build(); err != nil {
		dev.Close()
		ckpt.Close()
		return nil, err
	}
	return m, nil
}

// network is what a checkpoint's tensors bind to.
type network struct {
	Embed   kernels.Weight           `mm:"embed"` // (vocabulary, D)
	Symbols kernels.Weight           // its last rows, of all that trees are written with but words
	Audio   *audio.Encoder           `mm:"encoders.audio"` // nil where the checkpoint has none
	Image   *image.Encoder           `mm:"encoders.image"` // nil where the checkpoint has none
	Mixer   *mixer.Mixer             `mm:"mixer"`
	Classes map[string]*classes.Head `mm:"decoders"` // by the tasks' heads
	Boxes   map[string]*boxes.Head   `mm:"decoders"`
	Letters map[string]*letters.Head `mm:"decoders"`
}

// newNetwork declares the weights of a configuration.
func newNetwork(dev kernels.Device, c checkpoint.Config) (*network, error) {
	sh := shape(c.Model)
	sh.Positions = max(sh.Positions, c.Positions())
	mix, err := mixer.New(dev, sh)
	if err != nil {
		return nil, err
	}
	net := &network{
		Embed: nn.Linear(c.Model.Vocab, c.Model.Width), Mixer: mix,
		Classes: map[string]*classes.Head{}, Boxes: map[string]*boxes.Head{}, Letters: map[string]*letters.Head{},
	}
	if a := c.Model.Audio; a != nil {
		net.Audio = audio.New(a.Bands, sh.Width, a.Blocks, a.Expand, sh.Eps)
	}
	if p := c.Model.Image; p != nil {
		net.Image = image.New(p.Channels, p.Blocks, p.Expand, sh.Eps)
	}
	for _, t := range c.Tasks {
		switch {
		case t.Output == "classes":
			net.Classes[t.Head] = classes.New(sh.Dims, len(t.Labels))
		case t.Output == "boxes":
			net.Boxes[t.Head] = boxes.New(sh.Width, len(t.Labels), sh.Eps)
		case t.Letters != "":
			net.Letters[t.Head] = letters.New(sh.Width, len(t.Letters))
		}
	}
	return net, nil
}

func (m *Model) build() error {
	c := m.ckpt.Config
	var err error
	if m.tok, err = token.Load(m.ckpt.Tokenizer, c.Vocabulary); err != nil {
		return m.loadError(err)
	}
	m.spelling = sequence.NewSpelling(m.tok.Pieces())
	if v := c.Vocabulary.Tree; !v.Empty() {
		if m.symbols, err = tree.NewSymbols(c.Vocabulary.End, v.Close, v.Labels, v.Tags); err != nil {
			return m.loadError(err)
		}
	}
	net, err := newNetwork(m.dev, c)
	if err != nil {
		return m.loadError(err)
	}
	if err := m.ckpt.Bind(m.dev, net); err != nil {
		return err
	}
	if end := int(c.Vocabulary.End); m.symbols != nil {
		if net.Symbols, err = m.ckpt.PackRows(m.dev, "embed", end, c.Model.Vocab); err != nil {
			return err
		}
	}
	m.tasks, m.gates = newTasks(m.dev, c, net, m.tok.Pieces()), newGates(c)
	if err := m.bindWords(); err != nil {
		return err
	}
	var experts *expertCounts
	if m.opts.countExperts {
		experts = newExpertCounts(m.dev, net.Mixer, c.Model.TopExperts)
	}
	if m.engine, err = newEngine(m.dev, net, experts); err != nil {
		return m.loadError(err)
	}
	return nil
}

func (m *Model) loadError(err error) error {
	return fmt.Errorf("mm: load %s: %w", m.ckpt.Config.Name, err)
}

// outputPositions is how many times longer than the longest input an output may
// be: a tree has a tag and about two brackets a word besides the words.
const outputPositions = 6

// shape turns the checkpoint's configuration into the mixer's.
func shape(c checkpoint.Model) mixer.Shape {
	sh := mixer.Shape{
		Dims: nn.Dims{
			Width: c.Width, Heads: c.Heads, FFN: c.FFN,
			Experts: c.Experts, TopExperts: c.TopExperts, ExpertFFN: c.ExpertFFN,
			ConvWidth: c.ConvWidth, Eps: float32(c.NormEps),
		},
		IODilations: [2]int{c.IODilations[0], c.IODilations[1]},
		MergeWidth:  c.MergeWidth,
		Positions:   outputPositions * c.MaxPositions,
		RopeBase:    c.RopeBase,
	}
	blocks := func(dilations, moe []int) []mixer.BlockShape {
		out := make([]mixer.BlockShape, len(dilations))
		for i, d := range dilations {
			out[i].Dilation = d
		}
		for _, i := range moe {
			out[i].Experts = true
		}
		return out
	}
	sh.Encoder = blocks(c.EncoderDilations, c.EncoderMoE)
	sh.Decoder = blocks(c.DecoderDilations, c.DecoderMoE)
	return sh
}

// Close ends all running calls with ErrClosed and frees the model's threads and
// memory. It may be called more than once.
func (m *Model) Close() error {
	m.engine.close()
	m.lifetime.Lock()
	defer m.lifetime.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return errors.Join(m.dev.Close(), m.ckpt.Close())
}
