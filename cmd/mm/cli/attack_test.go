package cli

import (
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAttack(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	image, out := write(t, filepath.Join(dir, "a.png"), photo(t, 60, 40)), filepath.Join(dir, "b.png")
	for _, method := range []string{"fgsm", "pgd"} {
		o := run("attack", "--model", model, image, "--eps", "64/255", "--method", method, "--out", out)
		o.expect(t, 0)
		fields := strings.Fields(o.stdout)
		if len(fields) != 6 || fields[0] != "before" || fields[3] != "after" {
			t.Fatalf("stdout is %q, want both answers", o.stdout)
		}
		file, err := os.Open(out)
		if err != nil {
			t.Fatal(err)
		}
		m, err := png.Decode(file)
		file.Close()
		if err != nil || m.Bounds().Dx() != 32 || m.Bounds().Dy() != 32 {
			t.Errorf("%s: %v", method, err)
		}
		// The file is what the answer after was about.
		again := run("run", "--model", model, "classify", "--top", "1", out)
		if want := fields[4] + "\t" + fields[5] + "\n"; again.stdout != want {
			t.Errorf("%s: the file is %q, want %q", method, again.stdout, want)
		}
	}
	label := strings.Fields(run("run", "--model", model, "classify", image).stdout)[0]
	if o := run("attack", "--model", model, image, "--target", "horse", "--eps", "1", "--out", out); o.code != 0 || !strings.Contains(o.stdout, "after\thorse") {
		t.Errorf("a target within any change: exit %d, %q, %q", o.code, o.stdout, o.stderr)
	}
	for _, c := range []struct {
		code int
		args []string
		want string
	}{
		{2, []string{image}, "no --out given"},
		{2, []string{"--out", out}, "accepts 1 arg"},
		{2, []string{image, "--out", out, "--eps", "0"}, "want more than 0 and at most 1"},
		{2, []string{image, "--out", out, "--eps", "2"}, "want more than 0 and at most 1"},
		{2, []string{image, "--out", out, "--eps", "8/0"}, "want more than 0 and at most 1"},
		{2, []string{image, "--out", out, "--method", "hope"}, "want fgsm or pgd"},
		{2, []string{image, "--out", out, "--target", label}, "that is what the model answers already"},
		{2, []string{image, "--out", out, "--target", "unicorn"}, "--target unicorn: want one of"},
		{1, []string{image, "--out", out, "--eps", "0.5/255"}, "less than a level of 8 bits"},
		{1, []string{filepath.Join(dir, "none"), "--out", out}, "no such file"},
		{1, []string{write(t, filepath.Join(dir, "text"), []byte("words")), "--out", out}, "text: image: begins with"},
	} {
		if o := run(append([]string{"attack", "--model", model}, c.args...)...); o.code != c.code || !strings.Contains(o.stderr, c.want) {
			t.Errorf("%q: exit %d, stderr %q, want %d and %q", c.args, o.code, o.stderr, c.code, c.want)
		}
	}
}

// TestEval measures on pictures labelled with the model's own answers.
func TestEval(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	data := filepath.Join(dir, "data")
	for i, size := range [][2]int{{32, 32}, {32, 48}, {50, 32}} {
		file := write(t, filepath.Join(dir, "x.png"), photo(t, size[0], size[1]))
		label := strings.Fields(run("run", "--model", model, "classify", file).stdout)[0]
		os.MkdirAll(filepath.Join(data, label), 0o777)
		os.Rename(file, filepath.Join(data, label, string(rune('a'+i))+".png"))
	}
	o := run("eval", "classify", "--model", model, "--data", data)
	o.expect(t, 0)
	o.expectStdout(t, "accuracy\t100.0% ± 0.0%\t3 of 3\n")
	o = run("eval", "classify", "--model", model, "--data", data, "--adversarial", "--eps", "128/255", "--max", "2")
	o.expect(t, 0)
	lines := strings.Split(o.stdout, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], "clean ") || !strings.Contains(lines[0], "2 of 2") || !strings.HasPrefix(lines[2], "pgd-20  0.0%") {
		t.Errorf("stdout is %q", o.stdout)
	}
	write(t, filepath.Join(data, "cat.txt"), nil)
	os.MkdirAll(filepath.Join(data, "cat"), 0o777)
	write(t, filepath.Join(data, "cat", "broken.png"), []byte("no picture"))
	o = run("eval", "classify", "--model", model, "--data", data)
	o.expect(t, 0, "skipped "+filepath.Join(data, "cat.txt"), "broken.png")
	o = run("eval", "classify", "--model", model, "--data", data, "--strict")
	o.expect(t, 1, "2 inputs could not be used")
	os.Rename(filepath.Join(data, "cat"), filepath.Join(data, "unicorn"))
	o = run("eval", "classify", "--model", model, "--data", data, "--adversarial")
	o.expect(t, 1, `label "unicorn", want one of`)
	o = run("eval", "classify", "--model", model)
	o.expect(t, 2, "no --data given")
}
