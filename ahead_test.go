package mm

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/kerneltest"
	"github.com/mm-runtime/mm/models/base"
)

// foresighted is the host's device that runs steps ahead, and counts them.
type foresighted struct {
	kerneltest.Chaining
	chains, steps atomic.Int32
	fail          atomic.Bool
	texts         map[int]bool // by their rows
}

// Embed sees how many rows texts have, and how many steps.
func (d *foresighted) Embed(dst kernels.Tensor, table kernels.Weight, ids []int32, scale float32) {
	d.texts[len(ids)] = true
	d.Chaining.Embed(dst, table, ids, scale)
}

var errChain = errors.New("the device is gone")

// gone is a failure of a device.
type gone struct{ error }

func (gone) DeviceFailure() {}

func (g gone) Unwrap() error { return g.error }

func (d *foresighted) Chain(c *kernels.Chain, step func()) {
	if d.fail.Load() {
		panic(gone{errChain})
	}
	d.Chaining.Chain(c, step)
	d.chains.Add(1)
	d.steps.Add(int32(c.Taken.Steps))
}

// foresee makes m's batch run on a device that runs steps ahead.
func foresee(t *testing.T, m *Model) *foresighted {
	t.Helper()
	m.engine.close()
	d := &foresighted{Chaining: kerneltest.Chaining{Device: m.dev}, texts: map[int]bool{}}
	e, err := newEngine(d, m.engine.net, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.engine = e
	return d
}

// aheadInputs are texts with different searches, some of which end at the longest
// output, and some of which the network would say for ever.
func aheadInputs() (inputs []Input) {
	for i, text := range []string{
		"Where is the station?", "It rains.", "I have seen neither the letter nor the man who wrote it.", "No no no no no no no no no no no no.",
		strings.Repeat("very ", 20) + "good", "The committee, which had met in June, did not agree. Nobody was surprised.", "x", "1 2 3 4 5 6 7 8 9 10 11 12",
	} {
		for _, beam := range []int{1, 4, 2} {
			in := Input{Task: "translate", To: []string{"de", "fr"}[i%2], Text: text, Beam: beam}
			if i%3 == 0 {
				in.MaxTokens = 7 + i
			}
			inputs = append(inputs, in)
		}
	}
	return inputs
}

// babble are texts for a model of random weights, which goes round in circles wherever
// it is let: what the device foresees is forbidden again and again.
func babble() (inputs []Input) {
	r := rand.New(rand.NewPCG(1706, 5))
	for i := range 40 {
		var text strings.Builder
		for range 1 + r.IntN(12) {
			text.WriteString(string(rune('a'+r.IntN(20))) + " ")
		}
		in := testInput("translate", text.String())
		in.Beam, in.MaxTokens = 1+i%5, 5+r.IntN(60)
		inputs = append(inputs, in)
	}
	return inputs
}

// TestAhead wants outputs, scores and lengths to be those of single steps, alone and
// together.
func TestAhead(t *testing.T) {
	t.Run("base", func(t *testing.T) {
		m, err := Load(base.FS, WithDevice("cpu"))
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		testAhead(t, m, aheadInputs())
	})
	t.Run("tiny", func(t *testing.T) { testAhead(t, LoadTiny(t), babble()) })
}

func testAhead(t *testing.T, m *Model, inputs []Input) {
	want := runAllInputs(t, m, inputs)
	d := foresee(t, m)
	check := func(how string, got []Output) {
		t.Helper()
		for i, w := range want {
			if g := got[i]; g.Text != w.Text || math.Float64bits(g.Score) != math.Float64bits(w.Score) || g.Tokens != w.Tokens {
				t.Errorf("%s: %q, beam %d: %q, score %v, want %q, %v", how, inputs[i].Text, inputs[i].Beam, g.Text, g.Score, w.Text, w.Score)
			}
		}
	}
	check("together", runAllInputs(t, m, inputs))
	if n := d.steps.Load(); n < 20 {
		t.Errorf("%d steps were run ahead together, want more", n)
	}
	var alone []Output
	for _, in := range inputs {
		alone = append(alone, runAllInputs(t, m, []Input{in})...)
	}
	check("alone", alone)
	t.Logf("%d steps in %d chains", d.steps.Load(), d.chains.Load())
	CheckPlaces(t, m)
}

func runAllInputs(t *testing.T, m *Model, inputs []Input) (outputs []Output) {
	t.Helper()
	for i, r := range m.RunBatch(context.Background(), inputs) {
		if r.Err != nil {
			t.Fatalf("%q: %v", inputs[i].Text, r.Err)
		}
		outputs = append(outputs, r.Output)
	}
	return outputs
}

// TestAheadAmongOthers has trees, which are decided on the host, join texts.
func TestAheadAmongOthers(t *testing.T) {
	m := LoadTiny(t)
	inputs := []Input{testInput("translate", "a b c d"), testInput("parse", "a b c ."), testInput("translate", "e f g")}
	want := runAllInputs(t, m, inputs)
	foresee(t, m)
	for range 3 {
		got := runAllInputs(t, m, inputs)
		for i := range want {
			if got[i].Text != want[i].Text {
				t.Errorf("%s: %q, want %q", inputs[i].Task, got[i].Text, want[i].Text)
			}
		}
	}
	CheckPlaces(t, m)
}

// TestAheadStreams wants a stream to get every token once, in order.
func TestAheadStreams(t *testing.T) {
	m := LoadTiny(t)
	in := testInput("translate", "a b c d e f")
	in.MaxTokens = 30
	var texts []string
	for i := range 2 {
		if i == 1 {
			foresee(t, m)
		}
		var said strings.Builder
		for piece, err := range m.Stream(context.Background(), in) {
			if err != nil {
				t.Fatal(err)
			}
			said.WriteString(piece)
		}
		texts = append(texts, said.String())
	}
	if texts[0] != texts[1] || texts[0] == "" {
		t.Errorf("streams say %q", texts)
	}
}

// TestTextsAreFilled wants texts of all lengths to have a multiple of fillTo rows, on a
// device that knows steps again.
func TestTextsAreFilled(t *testing.T) {
	m := LoadTiny(t)
	d := foresee(t, m)
	for n := range 20 {
		in := testInput("translate", strings.Repeat("a b ", n)+"c")
		in.Beam, in.MaxTokens = 1, 4
		if _, err := m.Run(context.Background(), in); err != nil {
			t.Fatal(err)
		}
	}
	CheckPlaces(t, m)
	if len(d.texts) < 4 || !d.texts[1] {
		t.Errorf("rows %v, want steps of one row and texts of several lengths", d.texts)
	}
	for rows := range d.texts {
		if rows != 1 && rows%fillTo != 0 {
			t.Errorf("%d rows of a text, want a multiple of %d", rows, fillTo)
		}
	}
}

// TestAheadFails wants the error of a device that fails while it runs ahead, and the
// places given back.
func TestAheadFails(t *testing.T) {
	m := LoadTiny(t)
	d := foresee(t, m)
	d.fail.Store(true)
	in := testInput("translate", "a b c d e f")
	if _, err := m.Run(context.Background(), in); !errors.Is(err, errChain) {
		t.Errorf("error %v, want %v", err, errChain)
	}
	d.fail.Store(false)
	if _, err := m.Run(context.Background(), in); err != nil {
		t.Errorf("after it: %v", err)
	}
	CheckPlaces(t, m)
}

// TestAheadIsBounded wants no chain to go past the longest output.
func TestAheadIsBounded(t *testing.T) {
	m := LoadTiny(t)
	foresee(t, m)
	for most := 1; most < 20; most++ {
		in := testInput("translate", fmt.Sprint("a b c ", most))
		in.MaxTokens = most
		out, err := m.Run(context.Background(), in)
		if err != nil || out.Tokens > most+1 {
			t.Errorf("at most %d tokens: %d, error %v", most, out.Tokens, err)
		}
	}
	CheckPlaces(t, m)
}
