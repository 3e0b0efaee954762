package cli

import (
	"bytes"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/learn"
)

// sentences are examples of classes that their words tell apart.
func sentences(first, labels, n int) []byte {
	words := []string{"xxxxx", "aeaeaeae", "12345", "?!?!?!", "KLMNO", "zzz"}
	var b strings.Builder
	for i := range n {
		for l := first; l < first+labels; l++ {
			fmt.Fprintf(&b, "class %d\t%s number %d %s\n", l, words[l], i, words[l])
		}
	}
	return []byte(b.String())
}

// TestLearn goes the way of docs/learning.md: a head, a class of a few examples, more
// classes, and a class forgotten.
func TestLearn(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	data := write(t, filepath.Join(dir, "train.tsv"), append(sentences(0, 3, 20), "no tab here\n"...))
	head, plots, cache := filepath.Join(dir, "head"), filepath.Join(dir, "plots"), filepath.Join(dir, "cache")
	learnHead := []string{"learn", "head", "--model", model, "--name", "words", "--data", data, "--to", "de", "--task", "translate",
		"--cache", cache, "--epochs", "20", "--seed", "3"}
	o := run(append(learnHead, "--out", head, "--plots", plots)...)
	o.expect(t, 0, "mm: note: skipped "+data+":61: no tab")
	for _, want := range []string{"words, 3 classes, over inputs of translate de", "by cross-validation", "EXAMPLES A CLASS", "TRUE, ANSWERED", "accuracy  100.0%"} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("stdout is %q, want %q in it", o.stdout, want)
		}
	}
	for _, name := range []string{"confusion.png", "curve.png"} {
		file, err := os.Open(filepath.Join(plots, name))
		if err != nil {
			t.Fatal(err)
		}
		if m, err := png.Decode(file); err != nil || m.Bounds().Dx() < 100 {
			t.Errorf("%s: %v", name, err)
		}
		file.Close()
	}
	again := filepath.Join(dir, "again")
	if p := run(append(learnHead, "--out", again)...); p.stdout != o.stdout {
		t.Errorf("the same seed: %q, want %q", p.stdout, o.stdout)
	}
	classify := []string{"run", "--model", model, "classify", "--head", head}
	for text, want := range map[string]string{"aeaeaeae number 77 aeaeaeae": "class 1\n", "12345 number 0 12345": "class 2\n"} {
		o := run(append(classify, text)...)
		o.expect(t, 0)
		o.expectStdout(t, want)
	}
	o = run("learn", "shot", "--model", model, "--head", head, "marks", "?!?!?! number 1 ?!?!?!", "?!?!?! number 2 ?!?!?!")
	o.expect(t, 0)
	o.expectStdout(t, "words: class \"marks\" added from 2 examples by imprint; 4 classes\n")
	run(append(classify, "?!?!?! number 9 ?!?!?!")...).expectStdout(t, "marks\n")
	run(append(classify, "aeaeaeae number 77 aeaeaeae")...).expectStdout(t, "class 1\n")
	more := write(t, filepath.Join(dir, "more.tsv"), sentences(4, 2, 20))
	o = run("learn", "classes", "--model", model, "--head", head, "--data", more, "--cache", cache, "--epochs", "20", "--max-forget", "50")
	o.expect(t, 0)
	if !strings.Contains(o.stdout, "old classes 100.0% → ") || !strings.Contains(o.stdout, "1 to ") {
		t.Errorf("stdout is %q", o.stdout)
	}
	run(append(classify, "zzz number 9 zzz")...).expectStdout(t, "class 5\n")
	o = run("learn", "forget", "--head", head, "class 1")
	o.expect(t, 0)
	o.expectStdout(t, "words: class \"class 1\" forgotten; 5 classes\n")
	if o := run(append(classify, "aeaeaeae number 77 aeaeaeae")...); o.code != 0 || strings.Contains(o.stdout, "class 1") {
		t.Errorf("a class that was forgotten: %q", o.stdout)
	}
	jobs := call(strings.NewReader(`{"task":"words","text":"zzz number 9 zzz","id":1}`), "run", "--model", model, "--head", head, "--jobs", "-")
	if got := objects(t, jobs.stdout); len(got) != 1 || got[0].Output != "class 5" {
		t.Errorf("a job for the head: %q, %q", jobs.stdout, jobs.stderr)
	}
}

// TestLearnForgets wants nothing written where too much is forgotten.
func TestLearnForgets(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	data := write(t, filepath.Join(dir, "train.tsv"), sentences(0, 3, 20))
	// The same inputs by other names: what is learned of them is lost to the old ones.
	more := write(t, filepath.Join(dir, "more.tsv"), bytes.ReplaceAll(sentences(0, 3, 40), []byte("class "), []byte("new ")))
	head := filepath.Join(dir, "head")
	run("learn", "head", "--model", model, "--name", "words", "--data", data, "--out", head, "--no-cache", "--epochs", "20").expect(t, 0)
	before, err := learn.Open(head)
	if err != nil {
		t.Fatal(err)
	}
	o := run("learn", "classes", "--model", model, "--head", head, "--data", more, "--method", "plain", "--epochs", "60", "--cache", "", "--max-forget", "0")
	o.expect(t, 1, "the old classes' accuracy fell by", "nothing was written")
	after, err := learn.Open(head)
	if err != nil || len(after.Labels) != len(before.Labels) {
		t.Errorf("%d labels, error %v", len(after.Labels), err)
	}
}

func TestLearnErrors(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	data := write(t, filepath.Join(dir, "train.tsv"), sentences(0, 2, 6))
	head := filepath.Join(dir, "head")
	run("learn", "head", "--model", model, "--name", "words", "--data", data, "--out", head, "--no-cache", "--epochs", "3").expect(t, 0)
	one := write(t, filepath.Join(dir, "one.tsv"), []byte("a\tx\na\ty\n"))
	sounds := filepath.Join(dir, "sounds")
	for _, class := range []string{"a", "b"} {
		os.MkdirAll(filepath.Join(sounds, class), 0o777)
	}
	write(t, filepath.Join(sounds, "a", "1.wav"), sound(t, 0.3))
	write(t, filepath.Join(sounds, "b", "2.wav"), photo(t, 9, 9))
	spoiled := filepath.Join(dir, "spoiled")
	os.CopyFS(spoiled, os.DirFS(head))
	write(t, filepath.Join(spoiled, "head.json"), []byte("{"))
	for _, c := range []struct {
		code int
		args []string
		want string
	}{
		{2, []string{"head", "--data", data}, "no --name given"},
		{2, []string{"head", "--name", "x", "--data", data}, "no --out given"},
		{2, []string{"head", "--name", "x", "--data", data, "--out", "y", "--modality", "smell"}, "want text or audio or image"},
		{1, []string{"head", "--name", "x", "--data", filepath.Join(dir, "none"), "--out", "y"}, "no such file"},
		{1, []string{"head", "--name", "x", "--data", data, "--out", dir}, "want a new folder, an empty one, or a head pack"},
		{1, []string{"head", "--name", "x", "--data", one, "--out", filepath.Join(dir, "n1")}, "1 class, want at least 2"},
		{2, []string{"head", "--name", "classify", "--data", data, "--out", filepath.Join(dir, "n2")}, "the model has a task of this name"},
		{2, []string{"head", "--name", "x", "--data", data, "--task", "sing", "--out", filepath.Join(dir, "n3")}, `task "sing" is unknown`},
		{2, []string{"head", "--name", "x", "--data", data, "--task", "digits", "--out", filepath.Join(dir, "n4")}, `inputs of modality "audio", these are "text"`},
		{1, []string{"head", "--name", "x", "--data", sounds, "--strict", "--no-cache", "--out", filepath.Join(dir, "n5")}, "2.wav: digits:"},
		{1, []string{"head", "--name", "x", "--data", sounds, "--no-cache", "--out", filepath.Join(dir, "n6")}, "1 class, want at least 2"},
		{2, []string{"shot", "--head", head, "y"}, "0 examples given, want 1 to 20"},
		{2, append([]string{"shot", "--head", head, "y"}, strings.Fields(strings.Repeat("x ", 21))...), "21 examples given"},
		{2, []string{"shot", "y", "z"}, "no --head given"},
		{1, []string{"shot", "--head", head, "class 1", "z"}, `add class "class 1": there is one of this name`},
		{1, []string{"shot", "--head", head, "y", ""}, "an empty input has no features"},
		{1, []string{"shot", "--head", head, "--method", "predict", "y", "z"}, `shot "predict": want`},
		{1, []string{"shot", "--head", spoiled, "y", "z"}, "head.json: unexpected EOF"},
		{1, []string{"forget", "--head", head, "class 7"}, "the head has none of this name"},
		{1, []string{"forget", "--head", dir, "class 7"}, "head.json: no such file"},
		{1, []string{"classes", "--head", head, "--data", data, "--cache", ""}, `class "class 0": the head has one of this name`},
		{2, []string{"classes", "--head", head, "--data", data, "--max-forget", "101"}, "want 0 to 100"},
	} {
		args := append([]string{"learn", c.args[0], "--model", model}, c.args[1:]...)
		if o := run(args...); o.code != c.code || !strings.Contains(o.stderr, c.want) || o.stdout != "" {
			t.Errorf("%q: exit %d, stderr %q, want %d and %q", c.args, o.code, o.stderr, c.code, c.want)
		}
	}
	o := run("run", "--model", model, "digits", "--head", head, "x")
	o.expect(t, 2, "answers classify, or its own name, words")
	o = run("run", "classify", "--head", head, "x") // of another model
	o.expect(t, 1, "it was learned with the weights of sha256", "learn it anew")
	if p, err := learn.Open(head); err != nil || len(p.Labels) != 2 {
		t.Errorf("the pack after all that: %v", err)
	}
}
