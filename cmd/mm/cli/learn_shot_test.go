package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
	"github.com/mm-runtime/mm/models/base"
)

// withBase gives a model directory a base for texts, as bench/learning makes it.
func withBase(t *testing.T, dir string) {
	t.Helper()
	m, err := mm.Open(dir, mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var lines strings.Builder
	for n := range 6 {
		for l := range 8 {
			fmt.Fprintf(&lines, "base %d\t%s number %d\n", l, strings.Repeat(string(rune('a'+3*l)), 7), n)
		}
	}
	d, err := learn.ReadData(write(t, filepath.Join(t.TempDir(), "base.tsv"), []byte(lines.String())), "")
	if err != nil {
		t.Fatal(err)
	}
	tapped, labels, _, err := learn.Examples(context.Background(), m, d, learn.EveryTap(m.Info().Layers), learn.HeadOptions{Task: "translate", To: "de"})
	if err != nil {
		t.Fatal(err)
	}
	p, _, err := learn.Base(context.Background(), tapped, len(labels), 1)
	if err != nil {
		t.Fatal(err)
	}
	p.Name, p.SHA256, p.Task, p.To = "base", m.Info().SHA256, "translate", "de"
	if err := p.Save(filepath.Join(dir, learn.BaseFolder, "text")); err != nil {
		t.Fatal(err)
	}
}

// TestShotBegins makes a head of nothing but a few examples.
func TestShotBegins(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	head := filepath.Join(dir, "head")
	o := run("learn", "shot", "--model", model, "--head", head, "digits", "12345 and 12345")
	o.expect(t, 2, "holds no head pack: learn one with mm learn head, or begin one with --name and --modality")
	o = run("learn", "shot", "--model", model, "--head", head, "--name", "words", "digits", "12345 and 12345")
	o.expect(t, 1, "shots/text: the model comes without a base for heads of a few examples")
	withBase(t, model)
	for i, class := range [][]string{{"digits", "12345 and 12345", "12345 or 12345"}, {"marks", "?!?!?! and ?!?!?!"}} {
		o := run(append([]string{"learn", "shot", "--model", model, "--head", head, "--name", "words", "--method", "imprint"}, class...)...)
		o.expect(t, 0)
		o.expectStdout(t, fmt.Sprintf("words: class %q added from %s by imprint; %s\n",
			class[0], counted(len(class)-1, "example", "examples"), counted(i+1, "class", "classes")))
	}
	for text, want := range map[string]string{"12345 if 12345": "digits\n", "?!?!?! if ?!?!?!": "marks\n"} {
		run("run", "--model", model, "classify", "--head", head, text).expectStdout(t, want)
	}
	o = run("learn", "shot", "--model", model, "--head", head, "--modality", "image", "more", "a.png")
	o.expect(t, 2, "--modality image: the head words in "+head+" takes text")
	o = run("learn", "shot", "--model", model, "--head", head, "--name", "letters", "more", "abc")
	o.expect(t, 2, "--name letters: the head in "+head+" is words")
	o = run("learn", "shot", "--model", model, "--head", dir, "--name", "words", "digits", "1")
	o.expect(t, 1, "want a new folder, an empty one, or a head pack")
	other := filepath.Join(dir, "other")
	o = run("learn", "shot", "--model", model, "--head", other, "--name", "words", "digits", "")
	o.expect(t, 1, "an empty input has no features")
	if learn.IsPack(other) {
		t.Error("a head pack of no example")
	}
}

// TestEmbeddedBases wants the embedded checkpoint to come with a base of its own for
// each modality.
func TestEmbeddedBases(t *testing.T) {
	m, err := mm.Load(base.FS, mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	for _, modality := range []string{"text", "image", "audio"} {
		p, err := learn.OpenBase(base.FS, modality)
		if err != nil {
			t.Fatal(err)
		}
		if p.SHA256 != m.Info().SHA256 {
			t.Errorf("%s: the base is of checkpoint %.12s, want %.12s: make shots", modality, p.SHA256, m.Info().SHA256)
		}
	}
	head := filepath.Join(t.TempDir(), "head")
	for _, class := range [][]string{{"weather", "will it rain tomorrow"}, {"music", "play a song by the Beatles"}} {
		run(append([]string{"learn", "shot", "--head", head, "--name", "intents"}, class...)...).expect(t, 0)
	}
	run("run", "classify", "--head", head, "is it going to snow this week").expectStdout(t, "weather\n")
}
