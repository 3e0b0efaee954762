package mm_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/tree"
)

var ctx = context.Background()

// translate and parse are inputs of the two kinds.
func translate(to, text string) mm.Input { return mm.Input{Task: "translate", To: to, Text: text} }
func parse(text string) mm.Input         { return mm.Input{Task: "parse", Text: text} }

// run wants no error.
func run(t testing.TB, m *mm.Model, in mm.Input) mm.Output {
	t.Helper()
	out, err := m.Run(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func words(n *tree.Node) []string {
	if n.Word != "" {
		return []string{n.Word}
	}
	var all []string
	for _, c := range n.Children {
		all = append(all, words(c)...)
	}
	return all
}

func TestRunTranslate(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, to := range []string{"en", "de", "fr"} {
		for _, beam := range []int{0, 1, 3, 32} {
			in := translate(to, "Wo ist der Bahnhof?")
			in.Beam = beam
			out := run(t, m, in)
			if out.Task != "translate" || out.Elapsed <= 0 || !(out.Score < 0) || out.Trees != nil {
				t.Errorf("to %s, beam %d: %+v", to, beam, out)
			}
			if !utf8.ValidString(out.Text) || out.Text != strings.TrimSpace(out.Text) {
				t.Errorf("to %s, beam %d: text %q, want UTF-8 without space at its ends", to, beam, out.Text)
			}
		}
	}
}

func TestRunParse(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, beam := range []int{1, 4} {
		in := parse("The cat (a tabby) sat. Did it?")
		in.Beam = beam
		out := run(t, m, in)
		if len(out.Trees) != 2 {
			t.Fatalf("beam %d: %d trees, want one a sentence", beam, len(out.Trees))
		}
		if got, want := strings.Join(words(out.Trees[0]), " "), "The cat ( a tabby ) sat ."; got != want {
			t.Errorf("beam %d: the tree's words are %q, want %q", beam, got, want)
		}
		if want := out.Trees[0].PTB() + " " + out.Trees[1].PTB(); out.Text != want {
			t.Errorf("beam %d: text %q, want %q", beam, out.Text, want)
		}
		in = mm.Input{Task: "parse", Words: []string{"don't", "split", "U.S."}, Beam: beam}
		if got := words(run(t, m, in).Trees[0]); !slices.Equal(got, in.Words) {
			t.Errorf("beam %d: the tree's words are %q, want %q", beam, got, in.Words)
		}
	}
}

func TestEmptyInput(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, text := range []string{"", " ", "\n\t \r\n", "\x00\x07", "\u200b\u2028\u00a0"} {
		for _, in := range []mm.Input{translate("de", text), parse(text), {Task: "parse", Words: []string{text}}} {
			out := run(t, m, in)
			if out.Text != "" || out.Score != 0 || out.Tokens != 0 || out.Trees != nil || out.Notices != nil {
				t.Errorf("%s of %q: %+v, want nothing", in.Task, text, out)
			}
		}
		for piece, err := range m.Stream(ctx, translate("de", text)) {
			t.Errorf("stream of %q: %q, error %v, want nothing", text, piece, err)
		}
	}
}

// TestControlCharacters come as spaces to the network.
func TestControlCharacters(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, task := range []mm.Input{translate("fr", ""), parse("")} {
		clean, dirty := task, task
		clean.Text, dirty.Text = "an apple a day", "\x00an\x07apple\u2028a \u200eday\x7f"
		if got, want := run(t, m, dirty), run(t, m, clean); got.Text != want.Text || got.Score != want.Score {
			t.Errorf("%s: %q, want %q", task.Task, got.Text, want.Text)
		}
	}
}

func TestNotices(t *testing.T) {
	m := mm.LoadTiny(t)
	in := translate("de", strings.Repeat("x", 300)) // 301 tokens of one byte, the space in front included
	if out := run(t, m, in); !slices.Contains(out.Notices, "a sentence of 301 tokens was cut into pieces of at most 127") {
		t.Errorf("notices of a sentence beyond the positions: %q", out.Notices)
	}
	in = translate("de", "Good morning!")
	in.MaxTokens = 3
	out := run(t, m, in)
	if out.Tokens != 3 || !slices.Equal(out.Notices, []string{"the output was cut at 3 tokens"}) {
		t.Errorf("max tokens 3: %d tokens, notices %q", out.Tokens, out.Notices)
	}
	limited := mm.LoadTiny(t, mm.WithMaxTokens(3))
	in.MaxTokens = 0
	if got := run(t, limited, in); got.Text != out.Text || got.Tokens != 3 {
		t.Errorf("WithMaxTokens(3): %d tokens, text %q, want %q", got.Tokens, got.Text, out.Text)
	}
}

// TestLongTrees: a sentence beyond the positions is one tree, made in parts that
// end at a comma where they can.
func TestLongTrees(t *testing.T) {
	m := mm.LoadTiny(t)
	given := strings.Fields(strings.Repeat("a b c d ", 20) + ", " + strings.Repeat("e f ", 40))
	for _, beam := range []int{1, 4} {
		out := run(t, m, mm.Input{Task: "parse", Words: given, Beam: beam})
		if len(out.Trees) != 1 || !slices.Equal(words(out.Trees[0]), given) || out.Text != out.Trees[0].PTB() {
			t.Errorf("beam %d: %d trees %q, want one of the words given", beam, len(out.Trees), out.Text)
		}
		want := "a sentence of 161 words is 322 tokens: it was parsed in 2 parts of at most 255"
		if !slices.Equal(out.Notices, []string{want}) {
			t.Errorf("beam %d: notices %q, want %q", beam, out.Notices, want)
		}
	}
}

func TestTasks(t *testing.T) {
	m := mm.LoadTiny(t)
	tasks := m.Tasks()
	if len(tasks) != 4 || tasks[1].Name != "translate" || tasks[1].To != "de" || tasks[3].Name != "parse" || tasks[3].Output != "tree" {
		t.Fatalf("tasks %+v", tasks)
	}
	tasks[1].From[0] = "xx"
	if got := m.Tasks()[1].From[0]; got == "xx" {
		t.Error("the model's own list was handed out")
	}
}

func TestInfo(t *testing.T) {
	m := mm.LoadTiny(t)
	info := m.Info()
	if info.Name != "tiny" || info.Tensors != 62 || info.Types != "0.07M f32" || info.Positions != 256 || info.Vocabulary != 320 || len(info.SHA256) != 64 {
		t.Errorf("info %+v", info)
	}
	m.Close()
	if after := m.Info(); after.Name != "tiny" || after.SHA256 != "" {
		t.Errorf("info of the closed model %+v, want its name and no hash", after)
	}
}

func TestClose(t *testing.T) {
	m := mm.LoadTiny(t)
	run(t, m, translate("de", "Good morning!"))
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := m.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
	if _, err := m.Run(ctx, translate("de", "Good morning!")); err != mm.ErrClosed {
		t.Errorf("Run after Close: error %v, want %v", err, mm.ErrClosed)
	}
	for i, r := range m.RunBatch(ctx, []mm.Input{translate("de", "One."), parse("Two."), translate("de", "")}) {
		if !errors.Is(r.Err, mm.ErrClosed) {
			t.Errorf("RunBatch after Close: input %d: error %v, want %v", i, r.Err, mm.ErrClosed)
		}
	}
	for piece, err := range m.Stream(ctx, translate("de", "Good morning!")) {
		if piece != "" || err != mm.ErrClosed {
			t.Errorf("Stream after Close: %q, error %v, want %v", piece, err, mm.ErrClosed)
		}
	}
	mm.CheckPlaces(t, m)
}
