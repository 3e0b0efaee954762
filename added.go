package mm

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode"

	"github.com/mm-runtime/mm/decoders/classes"
)

// Shot is a way to make a class of a few examples, without training.
type Shot string

// The ways that there are.
const (
	Imprint Shot = "imprint" // the mean activation (Qi et al. 2018)
	Predict Shot = "predict" // a learned map of it (Qiao et al. 2018)
)

// HeadSpec is a head that was learned after the checkpoint; package learn makes them
// and keeps them in head packs. What it points to must not change any more.
type HeadSpec struct {
	// Task and To name the checkpoint's task whose inputs the head takes: whose
	// command stands in front, and to whose canvas pictures come.
	Task, To string
	Taps     []Tap    // the features, one behind the other
	Labels   []string // of Network, in its order
	Network  *classes.Network
	Shot     Shot // how AddClass does it; Predict wants Network.Predict
	// Length is that of imprinted rows, at which their logits compare with the others'; 0
	// stands for the others' length on average.
	Length float32
	SHA256 string // of the weights that the features came from, as in Info
}

// Head is a head that was added to a model.
type Head struct {
	m    *Model
	name string
	edit sync.Mutex // one AddClass or RemoveClass at a time
	spec atomic.Pointer[HeadSpec]
}

// added are the tasks of added heads. The list is replaced, never changed, so that a
// request keeps the task that it found.
type added struct {
	edit  sync.Mutex
	tasks atomic.Pointer[[]*task]
}

func (a *added) list() []*task {
	if tasks := a.tasks.Load(); tasks != nil {
		return *tasks
	}
	return nil
}

// put replaces the task of t's name; a nil t takes the one of that name out. It
// returns false where there was none.
func (a *added) put(name string, t *task) bool {
	tasks := slices.Clone(a.list())
	i := slices.IndexFunc(tasks, func(t *task) bool { return t.Name == name })
	switch {
	case t == nil && i >= 0:
		tasks = slices.Delete(tasks, i, i+1)
	case i >= 0:
		tasks[i] = t
	case t != nil:
		tasks = append(tasks, t)
	}
	a.tasks.Store(&tasks)
	return i >= 0
}

// AddHead adds a learned head as a task of that name, whose output is classes. It is
// safe while requests run, as all that follows is: each request is answered by the
// head that was there when it was made.
func (m *Model) AddHead(name string, spec HeadSpec) (*Head, error) {
	h := &Head{m: m, name: name}
	t, err := h.task(spec)
	if err != nil {
		return nil, fmt.Errorf("mm: add head %q: %w", name, err)
	}
	m.added.edit.Lock()
	defer m.added.edit.Unlock()
	if slices.Contains(m.taskNames(), name) {
		return nil, fmt.Errorf("mm: add head %q: the name is taken by a task", name)
	}
	h.spec.Store(&spec)
	t.head.added = h
	m.added.put(name, t)
	return h, nil
}

// RemoveHead takes an added head out. Requests that it was to answer still get their
// answers.
func (m *Model) RemoveHead(name string) error {
	m.added.edit.Lock()
	defer m.added.edit.Unlock()
	if !m.added.put(name, nil) {
		return fmt.Errorf("mm: remove head %q: there is no added head of this name", name)
	}
	return nil
}

// task makes the task of a head.
func (h *Head) task(spec HeadSpec) (*task, error) {
	if h.m.engine.isClosing() {
		return nil, ErrClosed
	}
	if h.name == "" || !printable(h.name) {
		return nil, fmt.Errorf("want a name of printable text")
	}
	base, err := h.m.find(Input{Task: spec.Task, To: spec.To})
	if err != nil {
		return nil, err
	}
	if base.base != nil {
		return nil, fmt.Errorf("task %q is a head too, want one of the checkpoint", spec.Task)
	}
	if sum := h.m.Info().SHA256; spec.SHA256 != sum {
		return nil, fmt.Errorf("it was learned with the weights of sha256 %.12s…, this model's are %.12s…: learn it anew", spec.SHA256, sum)
	}
	if err := h.m.checkTaps(spec.Taps); err != nil {
		return nil, err
	}
	if err := checkLabels(spec.Labels); err != nil {
		return nil, err
	}
	if spec.Network == nil {
		return nil, fmt.Errorf("it has no network")
	}
	if err := spec.Network.Check(len(spec.Taps)*h.m.Info().Width, len(spec.Labels)); err != nil {
		return nil, err
	}
	if spec.Shot != Imprint && spec.Shot != Predict || spec.Shot == Predict && spec.Network.Predict == nil {
		return nil, fmt.Errorf("shot %q: want %q, or %q with the map for it", spec.Shot, Imprint, Predict)
	}
	if d := spec.Length - spec.Length; d != 0 || spec.Length < 0 {
		return nil, fmt.Errorf("length %v of imprinted rows: want a number from 0 on", spec.Length)
	}
	t := *base
	t.Task = Task{Name: h.name, Input: base.Input, Output: "classes", Labels: spec.Labels}
	t.base, t.head = base, &head{name: "added", taps: spec.Taps, network: spec.Network}
	return &t, nil
}

// Name is that of its task.
func (h *Head) Name() string { return h.name }

// Spec is the head as it is now.
func (h *Head) Spec() HeadSpec { return *h.spec.Load() }

// AddClass adds a class of which some examples are given, in one pass through the
// trunk and without training. The logits of the other classes stay the same to the
// bit.
func (h *Head) AddClass(ctx context.Context, label string, examples ...Input) error {
	if slices.Contains(h.Spec().Labels, label) { // known before the trunk has run
		return h.failed("add class", label, fmt.Errorf("there is one of this name"))
	}
	features, err := h.features(ctx, examples)
	if err != nil {
		return h.failed("add class", label, err)
	}
	return h.AddFeatures(label, features...)
}

// AddFeatures is AddClass where the features of the examples at the head's taps, one
// behind the other, are known.
func (h *Head) AddFeatures(label string, examples ...[]float32) error {
	h.edit.Lock()
	defer h.edit.Unlock()
	spec := h.Spec()
	if slices.Contains(spec.Labels, label) {
		return h.failed("add class", label, fmt.Errorf("there is one of this name"))
	}
	if len(examples) == 0 {
		return h.failed("add class", label, fmt.Errorf("no examples given, want at least one"))
	}
	activations := make([][]float32, len(examples))
	for i, x := range examples {
		if want := spec.Network.Features(); len(x) != want {
			return h.failed("add class", label, fmt.Errorf("example %d: %d features, want %d", i+1, len(x), want))
		}
		activations[i] = spec.Network.Activation(x)
	}
	spec.Network = spec.Network.With(spec.Row(classes.Mean(activations)), spec.Network.MeanBias())
	spec.Labels = append(slices.Clone(spec.Labels), label)
	return h.failed("add class", label, h.become(spec))
}

// Row is that of a class (H) of which the mean activation (H) is known.
func (s HeadSpec) Row(mean []float32) []float32 {
	switch {
	case s.Shot == Predict:
		return s.Network.Predicted(mean)
	case s.Length == 0:
		return s.Network.Imprinted(mean)
	}
	row := make([]float32, len(mean)) // mean has length 1
	for i, v := range mean {
		row[i] = s.Length * v
	}
	return row
}

// RemoveClass takes a class out; the logits of the others stay the same to the bit.
func (h *Head) RemoveClass(label string) error {
	h.edit.Lock()
	defer h.edit.Unlock()
	spec := h.Spec()
	i := slices.Index(spec.Labels, label)
	switch {
	case i < 0:
		return h.failed("remove class", label, fmt.Errorf("there is none of this name"))
	case len(spec.Labels) == 1:
		return h.failed("remove class", label, fmt.Errorf("it is the only one"))
	}
	spec.Network = spec.Network.Without(i)
	spec.Labels = slices.Delete(slices.Clone(spec.Labels), i, i+1)
	return h.failed("remove class", label, h.become(spec))
}

// become makes spec what requests see from now on.
func (h *Head) become(spec HeadSpec) error {
	t, err := h.task(spec)
	if err != nil {
		return err
	}
	m := h.m
	m.added.edit.Lock()
	defer m.added.edit.Unlock()
	if !slices.ContainsFunc(m.added.list(), func(t *task) bool { return t.head.added == h }) {
		return fmt.Errorf("the head was removed")
	}
	t.head.added = h
	h.spec.Store(&spec)
	m.added.put(h.name, t)
	return nil
}

// features are those of examples, which run together.
func (h *Head) features(ctx context.Context, examples []Input) ([][]float32, error) {
	spec := h.Spec() // its task and taps never change
	found, errs := make([][]float32, len(examples)), make([]error, len(examples))
	var all sync.WaitGroup
	for i, in := range examples {
		in.Task, in.To = spec.Task, spec.To
		all.Go(func() {
			features, err := h.m.Embed(ctx, in, spec.Taps...)
			if err != nil {
				errs[i] = fmt.Errorf("example %d: %w", i+1, err)
				return
			}
			found[i] = slices.Concat(features...)
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (h *Head) failed(what, label string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("mm: head %s: %s %q: %w", h.name, what, label, err)
}

// maxLabel is in bytes.
const maxLabel = 256

func checkLabels(labels []string) error {
	if len(labels) == 0 {
		return fmt.Errorf("no labels, want at least one")
	}
	seen := map[string]bool{}
	for i, l := range labels {
		switch {
		case l == "" || len(l) > maxLabel || !printable(l):
			return fmt.Errorf("label %d: %.40q, want 1 to %d bytes of printable text", i, l, maxLabel)
		case seen[l]:
			return fmt.Errorf("label %d: %q, want another: it is there already", i, l)
		}
		seen[l] = true
	}
	return nil
}

// printable says whether text may come out on terminals.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}
