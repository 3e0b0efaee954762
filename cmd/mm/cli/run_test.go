package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/decoders/tree"
)

// translate is the start of calls whose output's length does not matter.
func translate(more ...string) []string {
	return append([]string{"run", "translate", "--to", "de", "--max-tokens", "2"}, more...)
}

// objects reads the lines that --json printed and checks that they have exactly
// the fields of an answer, or those of a failed one.
func objects(t *testing.T, stdout string) []object {
	t.Helper()
	var out []object
	for _, text := range strings.Split(strings.TrimSuffix(stdout, "\n"), "\n") {
		var o object
		decoder := json.NewDecoder(strings.NewReader(text))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&o); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		for _, field := range []string{"task", "input", "output", "score", "tokens", "ms"} {
			if !strings.Contains(text, `"`+field+`":`) {
				t.Errorf("line %q lacks the field %q", text, field)
			}
		}
		out = append(out, o)
	}
	return out
}

// TestEmbeddedModelTranslates asks what the README promises.
func TestEmbeddedModelTranslates(t *testing.T) {
	o := run("run", "translate", "--to", "de", "Where is the station?")
	o.expect(t, 0)
	if !strings.Contains(o.stdout, "Bahnhof") {
		t.Errorf("stdout is %q, want a sentence with a Bahnhof", o.stdout)
	}
}

func TestRunPrintsOneLineAnInput(t *testing.T) {
	o := run(translate("Good morning.", "", "Where?")...)
	if lines := strings.Split(o.stdout, "\n"); len(lines) != 4 || lines[1] != "" {
		t.Errorf("stdout is %q, want three lines, the second empty", o.stdout)
	}
	if o.code != 0 {
		t.Errorf("exit %d, want 0", o.code)
	}
}

func TestEmptyLinesAreAnsweredEmpty(t *testing.T) {
	for _, text := range []string{"\n", "\r\n", " \t \n"} {
		o := call(strings.NewReader(text), translate()...)
		o.expect(t, 0)
		o.expectStdout(t, "\n")
	}
	o := run(translate()...)
	o.expect(t, 0)
	o.expectStdout(t, "")
	o = run(translate("")...)
	o.expect(t, 0)
	o.expectStdout(t, "\n")
}

func TestArgumentsDashAndPipeAgree(t *testing.T) {
	arguments := run(translate("Good morning.", "Thank you.")...)
	for _, args := range [][]string{translate(), translate("-")} {
		for _, text := range []string{"Good morning.\nThank you.\n", "Good morning.\r\nThank you."} {
			o := call(strings.NewReader(text), args...)
			if o.code != 0 || o.stdout != arguments.stdout {
				t.Errorf("%q: exit %d, stdout %q, want 0 and %q", text, o.code, o.stdout, arguments.stdout)
			}
		}
	}
}

func TestJSON(t *testing.T) {
	o := run(translate("--json", "<Good> & \"morning\".", "")...)
	got := objects(t, o.stdout)
	if len(got) != 2 {
		t.Fatalf("%d objects, want 2: %s", len(got), o.stdout)
	}
	first, second := got[0], got[1]
	if first.Task != "translate" || first.Input != `<Good> & "morning".` || first.Tokens < 1 || first.MS <= 0 || first.Score > 0 {
		t.Errorf("the first is %+v, want task, input, tokens, score and time", first)
	}
	if !strings.Contains(o.stdout, "<Good> &") {
		t.Errorf("stdout is %s, want < and & as they are", o.stdout)
	}
	if second.Input != "" || second.Output != "" || second.Tokens != 0 || second.Error != "" {
		t.Errorf("the second is %+v, want an empty answer", second)
	}
	if o.code != 0 {
		t.Errorf("exit %d, want 0", o.code)
	}
}

func TestNoticesGoToStandardError(t *testing.T) {
	o := run("run", "translate", "--to", "de", "--json", "--max-tokens", "1", "Good morning, how are you today?")
	got := objects(t, o.stdout)[0]
	for _, n := range got.Notices {
		if !strings.Contains(o.stderr, "mm: note: "+n) {
			t.Errorf("stderr is %q, want the notice %q", o.stderr, n)
		}
	}
	if len(got.Notices) == 0 || o.code != 0 {
		t.Errorf("exit %d with notices %q, want 0 and a notice that the output was cut", o.code, got.Notices)
	}
}

func TestParse(t *testing.T) {
	o := run("run", "parse", "The cat sat ( quietly ) .")
	o.expect(t, 0)
	for _, want := range []string{"(ROOT (", " The)", " cat)", " -LRB-)", " -RRB-)"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("stdout is %q, want %q in it", o.stdout, want)
		}
	}
	if strings.Count(o.stdout, "(") != strings.Count(o.stdout, ")") || strings.Count(o.stdout, "\n") != 1 {
		t.Errorf("stdout is %q, want balanced brackets on one line", o.stdout)
	}
	words := run("run", "parse", "--words", "don't stop")
	words.expect(t, 0)
	if !strings.Contains(words.stdout, " don't)") {
		t.Errorf("stdout is %q, want the word don't in one piece", words.stdout)
	}
}

func TestParseDrawsTrees(t *testing.T) {
	o := run("run", "parse", "--format", "tree", "The cat sat.")
	o.expect(t, 0)
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	if lines[0] != "ROOT" || len(lines) < 4 {
		t.Fatalf("stdout is %q, want ROOT and its branches", o.stdout)
	}
	leaves := 0
	for _, l := range lines[1:] {
		if !strings.ContainsAny(l, "├└") {
			t.Errorf("line %q has no branch", l)
		}
		if _, leaf, _ := strings.Cut(l, "─ "); strings.Contains(leaf, " ") {
			leaves++
		}
	}
	if leaves != 4 {
		t.Errorf("%d leaves, want 4:\n%s", leaves, o.stdout)
	}
}

func TestParseAsJSON(t *testing.T) {
	o := run("run", "parse", "--format", "json", "The cat sat.", "")
	o.expect(t, 0)
	lines := strings.Split(o.stdout, "\n")
	var trees []*tree.Node
	if err := json.Unmarshal([]byte(lines[0]), &trees); err != nil || len(trees) != 1 || lines[1] != "[]" {
		t.Fatalf("stdout is %q, error %v, want a list of one tree, and one of none", o.stdout, err)
	}
	ptb := run("run", "parse", "The cat sat.")
	ptb.expectStdout(t, trees[0].PTB()+"\n")
}

func TestBeam(t *testing.T) {
	o := run("run", "parse", "--beam", "4", "--json", "The cat sat.")
	o.expect(t, 0)
	if got := objects(t, o.stdout)[0]; !strings.HasPrefix(got.Output, "(ROOT (") {
		t.Errorf("output is %q, want a tree", got.Output)
	}
}

// Most lines are blank, which are answered at once, and overtake the others.
func TestManyLinesKeepTheirOrder(t *testing.T) {
	const count = 3 * inFlight / 2
	var inputs []string
	for i := range count {
		if i%40 == 0 {
			inputs = append(inputs, fmt.Sprintf("Room %d", i))
		} else {
			inputs = append(inputs, strings.Repeat(" ", i%40))
		}
	}
	o := call(strings.NewReader(strings.Join(inputs, "\n")), translate("--json", "--max-tokens", "1")...)
	got := objects(t, o.stdout)
	if o.code != 0 || len(got) != count {
		t.Fatalf("exit %d with %d objects, want 0 and %d", o.code, len(got), count)
	}
	for i, g := range got {
		if g.Input != inputs[i] || (g.Tokens > 0) != (i%40 == 0) {
			t.Fatalf("object %d is %+v, want the answer to %q", i, g, inputs[i])
		}
	}
}
