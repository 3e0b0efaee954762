package mm_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

// headSpec is a random head for a task.
func headSpec(m *mm.Model, seed uint64, task, to string, labels ...string) mm.HeadSpec {
	r := rand.New(rand.NewPCG(1706, seed))
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	const h = 12
	taps := []mm.Tap{{2, mm.PoolMean}, {1, mm.PoolMax}}
	f := len(taps) * m.Info().Width
	return mm.HeadSpec{
		Task: task, To: to, Taps: taps, Labels: labels, Shot: mm.Predict, SHA256: m.Info().SHA256,
		Network: &classes.Network{Shift: values(f), Scale: values(f), Hidden: values(h * f), HiddenBias: values(h),
			Labels: values(len(labels) * h), Bias: values(len(labels)), Predict: values(h * h)},
	}
}

func TestAddHead(t *testing.T) {
	m := mm.LoadSenses(t)
	for _, c := range []struct {
		task, to string
		in       func() mm.Input
	}{
		{"translate", "de", func() mm.Input { return mm.Input{Text: "Two birds. One stone."} }},
		{"digits", "", func() mm.Input { return heard("", hum(0.6, 1)) }},
		{"transcribe", "", func() mm.Input { return heard("", hum(0.9, 1)) }},
		{"classify", "", func() mm.Input { return seen("", photo(t, 40, 30, 1)) }},
	} {
		name := "my " + c.task
		spec := headSpec(m, 1, c.task, c.to, "a", "b", "c")
		h, err := m.AddHead(name, spec)
		if err != nil {
			t.Fatal(err)
		}
		in := c.in()
		in.Task, in.To = c.task, c.to
		features, err := m.Embed(ctx, in, spec.Taps...)
		if err != nil {
			t.Fatal(err)
		}
		want := spec.Network.Logits(slices.Concat(features...))
		in = c.in()
		in.Task = name
		out := run(t, m, in)
		probs := classes.Softmax(want)
		for i, at := range classes.Ranked(probs) {
			if got := out.Classes[i]; got.Label != spec.Labels[at] || got.Prob != probs[at] {
				t.Errorf("%s: class %d is %+v, want %s with %v", name, i, got, spec.Labels[at], probs[at])
			}
		}
		tasks := m.Tasks()
		if last := tasks[len(tasks)-1]; last.Name != name || last.Output != "classes" || !slices.Equal(last.Labels, spec.Labels) {
			t.Errorf("the last task is %+v, want %s", last, name)
		}
		long := spec
		long.Shot, long.Length = mm.Imprint, 3
		mean := make([]float32, spec.Network.Activations())
		if mean[1] = 1; long.Row(mean)[1] != 3 || long.Row(mean)[0] != 0 {
			t.Errorf("%s: an imprinted row is %v, want one of length 3", name, long.Row(mean))
		}
		for i, shot := range []mm.Shot{mm.Predict, mm.Imprint} {
			label := string(shot)
			if err := h.AddClass(ctx, label, c.in(), c.in()); err != nil {
				t.Fatal(err)
			}
			spec := h.Spec()
			logits := spec.Network.Logits(slices.Concat(features...))
			if !slices.Equal(logits[:3], want) || len(logits) != 4+i || spec.Labels[3+i] != label {
				t.Errorf("%s: logits %v of %q, want %v and %s", name, logits, spec.Labels, want, label)
			}
			in = c.in()
			in.Task = name
			if out := run(t, m, in); len(out.Classes) != 4+i {
				t.Errorf("%s: %d classes", name, len(out.Classes))
			}
		}
		if err := errors.Join(h.RemoveClass("predict"), h.RemoveClass("imprint")); err != nil {
			t.Error(err)
		}
		if logits := h.Spec().Network.Logits(slices.Concat(features...)); !slices.Equal(logits, want) {
			t.Errorf("%s: logits %v after forgetting, want %v", name, logits, want)
		}
		if err := m.RemoveHead(name); err != nil {
			t.Error(err)
		}
		if err := h.AddClass(ctx, "late", c.in()); err == nil || !strings.Contains(err.Error(), "the head was removed") {
			t.Errorf("a class for a removed head: %v", err)
		}
	}
	mm.CheckPlaces(t, m)
}

func TestAddHeadErrors(t *testing.T) {
	m := mm.LoadSenses(t)
	good := func() mm.HeadSpec { return headSpec(m, 1, "classify", "", "a", "b") }
	for want, spoil := range map[string]func(s *mm.HeadSpec){
		`task "sing" is unknown`:                           func(s *mm.HeadSpec) { s.Task = "sing" },
		"no target language given":                         func(s *mm.HeadSpec) { s.Task = "translate" },
		"learned with the weights of sha256 beef…, this":   func(s *mm.HeadSpec) { s.SHA256 = "beef" },
		"no taps given":                                    func(s *mm.HeadSpec) { s.Taps = nil },
		"layer 9: want 0 to 3":                             func(s *mm.HeadSpec) { s.Taps = []mm.Tap{{9, mm.PoolMean}} },
		"no labels":                                        func(s *mm.HeadSpec) { s.Labels = nil },
		`label 1: "a", want another`:                       func(s *mm.HeadSpec) { s.Labels = []string{"a", "a"} },
		`label 0: "\x1b[2J", want 1 to 256 bytes of print`: func(s *mm.HeadSpec) { s.Labels[0] = "\x1b[2J" },
		"it has no network":                                func(s *mm.HeadSpec) { s.Network = nil },
		"shift of 64 values, want 32":                      func(s *mm.HeadSpec) { s.Taps = s.Taps[:1] },
		"labels of 24 values, want 12":                     func(s *mm.HeadSpec) { s.Labels = s.Labels[:1] },
		`shot "guess": want "imprint"`:                     func(s *mm.HeadSpec) { s.Shot = "guess" },
		"length -1 of imprinted rows":                      func(s *mm.HeadSpec) { s.Length = -1 },
		`shot "predict": want`:                             func(s *mm.HeadSpec) { s.Network.Predict = nil },
	} {
		s := good()
		spoil(&s)
		if _, err := m.AddHead("x", s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for _, name := range []string{"", "a\nb", "classify"} {
		if _, err := m.AddHead(name, good()); err == nil {
			t.Errorf("a head is called %q", name)
		}
	}
	h, err := m.AddHead("x", good())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{h.AddClass(ctx, "c"), `mm: head x: add class "c": no examples given`},
		{h.AddClass(ctx, "a", seen("", photo(t, 9, 9, 1))), "there is one of this name"},
		{h.AddClass(ctx, "\t", seen("", photo(t, 9, 9, 1))), "printable"},
		{h.AddClass(ctx, "c", seen("", photo(t, 9, 9, 1)), seen("", []byte("GIF8"))), "example 2: mm: classify"},
		{h.AddClass(ctx, "c", mm.Input{Text: "a"}), "takes a picture, got a text"},
		{h.AddFeatures("c"), `mm: head x: add class "c": no examples given`},
		{h.AddFeatures("c", make([]float32, 3)), "example 1: 3 features, want "},
		{h.RemoveClass("c"), "there is none of this name"},
		{h.RemoveClass("a"), ""},
		{h.RemoveClass("b"), "it is the only one"},
		{m.RemoveHead("classify"), "no added head of this name"},
		{m.RemoveHead("x"), ""},
		{m.RemoveHead("x"), "no added head of this name"},
	} {
		if c.want == "" && c.err != nil || c.want != "" && (c.err == nil || !strings.Contains(c.err.Error(), c.want)) {
			t.Errorf("error %v, want %q", c.err, c.want)
		}
	}
	if _, err := m.Run(ctx, seen("x", photo(t, 9, 9, 1))); err == nil || !strings.Contains(err.Error(), `task "x" is unknown`) {
		t.Errorf("a removed head: %v", err)
	}
}

// TestHeadsComeAndGo asks from many goroutines while a head gets and loses a class
// and another comes and goes: every answer is one that some state of the head gives.
func TestHeadsComeAndGo(t *testing.T) {
	requests := 10000
	if testing.Short() {
		requests = 400
	}
	m := mm.LoadTiny(t)
	spec := headSpec(m, 1, "translate", "de", "a", "b")
	h, err := m.AddHead("stays", spec)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{"One.", "Two birds.", "Three", "Where is the station?"}
	want := map[string]bool{}
	note := func() {
		for _, text := range texts {
			want[text+answerOf(m.Run(ctx, mm.Input{Task: "stays", Text: text}))] = true
		}
	}
	note()
	example := mm.Input{Text: "a class of its own"}
	if err := h.AddClass(ctx, "c", example); err != nil {
		t.Fatal(err)
	}
	note()
	done, stop := context.WithCancel(ctx)
	var edits, all sync.WaitGroup
	edits.Go(func() {
		for i := 0; done.Err() == nil; i++ {
			err := h.RemoveClass("c")
			if err == nil {
				err = h.AddClass(ctx, "c", example)
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	edits.Go(func() {
		for i := uint64(2); done.Err() == nil; i++ {
			_, err := m.AddHead("goes", headSpec(m, i, "parse", "", "x", "y", "z"))
			if err == nil {
				err = m.RemoveHead("goes")
			}
			if err != nil {
				t.Error(err)
			}
		}
	})
	for g := range 16 {
		all.Go(func() {
			for i := range requests / (2 * 16) { // one of each head
				text := texts[(g+i)%len(texts)]
				if got := text + answerOf(m.Run(ctx, mm.Input{Task: "stays", Text: text})); !want[got] {
					t.Errorf("%s: no state of the head answers that", got)
				}
				out, err := m.Run(ctx, mm.Input{Task: "goes", Text: text})
				if err == nil && len(out.Classes) != 3 || err != nil && !strings.Contains(err.Error(), `task "goes" is unknown`) {
					t.Errorf("a head that goes: %v, error %v", out.Classes, err)
				}
				if g == 0 {
					m.Tasks()
				}
			}
		})
	}
	all.Wait()
	stop()
	edits.Wait()
	mm.CheckPlaces(t, m)
}
