package learn

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// loadSenses is a tiny random model that hears and sees.
func loadSenses(t testing.TB) *mm.Model {
	t.Helper()
	m, err := mm.Open("../testdata/senses", mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func write(t testing.TB, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// expectSkipped wants one message for each text, which it holds.
func expectSkipped(t testing.TB, skipped []Skipped, want ...string) {
	t.Helper()
	if len(skipped) != len(want) {
		t.Errorf("skipped %q, want %d", skipped, len(want))
		return
	}
	for i, w := range want {
		if !strings.Contains(skipped[i].String(), w) {
			t.Errorf("skipped %q, want %q in it", skipped[i], w)
		}
	}
}

func TestReadLines(t *testing.T) {
	path := write(t, filepath.Join(t.TempDir(), "a.tsv"),
		"greet\thello there\nbye\tsee you\r\n\nno tab\n\tnothing\ngreet\t \nbye\thello there\ngreet\thello there\n")
	d, err := ReadData(path, "")
	if err != nil {
		t.Fatal(err)
	}
	if d.Modality != "text" || !slices.Equal(d.Labels, []string{"bye", "greet"}) || len(d.Examples) != 3 || d.Examples[1].Text != "see you" {
		t.Errorf("read %+v", d)
	}
	expectSkipped(t, d.Skipped, "a.tsv:4: no tab", `a.tsv:5: label "", text "nothing"`, `a.tsv:6: label "greet", text ""`,
		`a.tsv:7: labelled "bye", but the same stands at`)
	if n := LabelNumbers(d.Examples, []string{"greet"}); !slices.Equal(n, []int{0, -1, 0}) {
		t.Errorf("numbers %v", n)
	}
	paths := write(t, filepath.Join(t.TempDir(), "b.tsv"), "cat\tx/1.png\ndog\t/y.png\n")
	if d, err = ReadData(paths, "image"); err != nil || d.Examples[0].Path != filepath.Join(filepath.Dir(paths), "x/1.png") || d.Examples[1].Path != "/y.png" {
		t.Errorf("read %+v, error %v", d, err)
	}
}

func TestReadFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"cat/2.wav", "cat/1.wav", "dog/1.wav", ".hidden/1.wav", "cat/.DS_Store", "readme.txt", "dog/more/1.wav"} {
		write(t, filepath.Join(dir, name), "x")
	}
	os.Mkdir(filepath.Join(dir, "empty"), 0o777)
	os.Symlink("nowhere", filepath.Join(dir, "dog", "broken"))
	d, err := ReadData(dir, "")
	if err != nil {
		t.Fatal(err)
	}
	if d.Modality != "audio" || !slices.Equal(d.Labels, []string{"cat", "dog"}) || len(d.Examples) != 3 || filepath.Base(d.Examples[0].Path) != "1.wav" {
		t.Errorf("read %+v", d)
	}
	expectSkipped(t, d.Skipped, "no such file", "more: not a file", "a class without examples", "readme.txt: no folder of a class")
}

func TestReadDataErrors(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "two", "Cat", "1.png"), "x")
	write(t, filepath.Join(dir, "two", "cat ", "1.png"), "x")
	for _, c := range []struct{ path, modality, want string }{
		{dir, "smell", `modality "smell", want text, audio or image`},
		{dir, "text", "a folder, want a file of lines"},
		{filepath.Join(dir, "none"), "", "no such file"},
		{filepath.Join(dir, "two"), "image", `classes "Cat" and "cat " differ in case or spaces alone`},
		{write(t, filepath.Join(dir, "long"), "a\t"+strings.Repeat("x", maxLine)), "", "a line of more than"},
	} {
		if _, err := ReadData(c.path, c.modality); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", c.path, err, c.want)
		}
	}
}

// TestCollect wants the features that Embed gives, from the cache too, whatever
// becomes of its file.
func TestCollect(t *testing.T) {
	m, dir := loadSenses(t), t.TempDir()
	c := &Collector{Model: m, Task: "translate", To: "de", Cache: filepath.Join(dir, "cache")}
	bad := write(t, filepath.Join(dir, "bad.txt"), "\xff\xfe")
	examples := []Example{{Text: "one", Label: "a"}, {Text: "two", Label: "b"}, {Text: "one", Label: "a"}, {Path: bad, Label: "a"},
		{Path: filepath.Join(dir, "none"), Label: "a"}, {Text: "two", Label: "a", Place: "here"}}
	taps := []mm.Tap{{Layer: 1, Pooling: mm.PoolMean}, {Layer: 2, Pooling: mm.PoolMax}}
	check := func(when string) {
		t.Helper()
		rows, failed, err := c.Collect(ctx, examples, taps)
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range examples[:3] {
			want, err := m.Embed(ctx, mm.Input{Task: "translate", To: "de", Text: e.Text}, taps...)
			if err != nil || failed[i] != nil || !slices.Equal(rows[i], slices.Concat(want...)) {
				t.Errorf("%s: example %d: %v, errors %v and %v", when, i, rows[i], failed[i], err)
			}
		}
		for i, want := range []string{"UTF-8", "no such file", `labelled "a", but the same stands at`} {
			if err := failed[3+i]; err == nil || !strings.Contains(err.Error(), want) || rows[3+i] != nil {
				t.Errorf("%s: example %d: error %v, want %q", when, 3+i, err, want)
			}
		}
	}
	check("at first")
	files, _ := filepath.Glob(filepath.Join(c.Cache, "*"))
	if len(files) != 1 {
		t.Fatalf("cache files %q, want one", files)
	}
	data, err := os.ReadFile(files[0])
	if err != nil || len(data) == 0 {
		t.Fatal("nothing in the cache")
	}
	check("from the cache")
	if again, _ := os.ReadFile(files[0]); len(again) != len(data) {
		t.Errorf("the cache grew from %d to %d bytes", len(data), len(again))
	}
	for _, n := range []int{0, 1, len(data) - 1, len(data) / 2} {
		os.WriteFile(files[0], data[:n], 0o600)
		check(fmt.Sprint("cut at ", n))
		data[n] ^= 1
		os.WriteFile(files[0], data, 0o600)
		check(fmt.Sprint("spoiled at ", n))
		data[n] ^= 1
	}
	stopped, stop := context.WithCancel(ctx)
	stop()
	if _, _, err := c.Collect(stopped, examples, taps); err == nil {
		t.Error("stopped, and no error")
	}
	c.Cache = bad
	if _, _, err := c.Collect(ctx, examples, taps); err == nil {
		t.Error("a cache in a file")
	}
}
