package cli

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// sensesModel is a folder with a tiny random model that hears and sees.
func sensesModel(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "senses")
	if err := os.CopyFS(dir, os.DirFS("../../../testdata/senses")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func write(t testing.TB, path string, data []byte) string {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sound is a WAV file of some seconds.
func sound(t testing.TB, seconds float64) []byte {
	t.Helper()
	samples := make([]float32, int(seconds*16000))
	for i := range samples {
		samples[i] = float32(0.3 * math.Sin(float64(i)*(0.1+0.05*math.Sin(float64(i)/5000))))
	}
	file, err := io.ReadAll(mm.PCM(samples, 16000))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// photo is a PNG file.
func photo(t testing.TB, width, height int) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			m.SetNRGBA(x, y, color.NRGBA{uint8(x * 7), uint8(y * 5), uint8(x * y), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestClassify(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	a, b := write(t, filepath.Join(dir, "a.png"), photo(t, 40, 30)), write(t, filepath.Join(dir, "b.png"), photo(t, 9, 80))
	args := []string{"run", "--model", model, "classify"}
	o := run(append(args, a, b)...)
	o.expect(t, 0)
	labels := strings.Fields(o.stdout)
	if len(labels) != 2 || strings.Count(o.stdout, "\n") != 2 {
		t.Fatalf("stdout is %q, want a label a line", o.stdout)
	}
	o = run(append(args, "--top", "3", a)...)
	o.expect(t, 0)
	lines := strings.Split(o.stdout, "\n")
	if len(lines) != 4 || !strings.HasPrefix(lines[0], labels[0]+"\t0.") {
		t.Errorf("--top 3: stdout is %q, want three labels with their probabilities, %s first", o.stdout, labels[0])
	}
	o = run(append(args, "--top", "1", a, b)...)
	if want := a + "\t" + labels[0] + "\t0."; !strings.HasPrefix(o.stdout, want) || strings.Count(o.stdout, "\n") != 2 {
		t.Errorf("--top 1 of two: stdout is %q, want lines such as %q", o.stdout, want)
	}
	got := objects(t, run(append(args, "--json", a)...).stdout)[0]
	if got.Output != labels[0] || got.Input != a || len(got.Classes) != 10 || got.Classes[0].Label != labels[0] || !(got.Score < 0) {
		t.Errorf("object %+v, want the label %s, ten classes and a score", got, labels[0])
	}
	stdin := call(bytes.NewReader(photo(t, 40, 30)), append(args, "-")...)
	stdin.expect(t, 0)
	stdin.expectStdout(t, labels[0]+"\n")
	wav := write(t, filepath.Join(dir, "a.wav"), sound(t, 0.5))
	for _, task := range []string{"digits", "commands"} {
		if o := run("run", "--model", model, task, wav); o.code != 0 || len(strings.Fields(o.stdout)) != 1 {
			t.Errorf("%s: exit %d, stdout %q, want a label", task, o.code, o.stdout)
		}
	}
}

func TestBars(t *testing.T) {
	r := result{item: item{line: line{text: "x.jpg"}}}
	r.Text = "cat"
	r.Classes = []mm.Class{{Label: "cat", Prob: 0.5}, {Label: "elephant", Prob: 0.26}, {Label: "dog", Prob: 0.24}}
	for _, c := range []struct {
		top      int
		terminal bool
		several  bool
		want     string
	}{
		{0, false, true, "cat\n"},
		{2, false, false, "cat\t0.5000\nelephant\t0.2600\n"},
		{9, false, true, "x.jpg\tcat\t0.5000\nx.jpg\telephant\t0.2600\nx.jpg\tdog\t0.2400\n"},
		{0, true, false, "cat       50.0% ████████████████████\nelephant  26.0% ██████████▍\ndog       24.0% █████████▋\n"},
		{1, true, true, "x.jpg:\ncat  50.0% ████████████████████\n"},
	} {
		var b strings.Builder
		if err := classForm(c.top, c.terminal, c.several)(&b, r); err != nil || b.String() != c.want {
			t.Errorf("top %d, terminal %v, several %v: %q, want %q", c.top, c.terminal, c.several, b.String(), c.want)
		}
	}
}

func TestDetect(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	file := write(t, filepath.Join(dir, "cells.png"), photo(t, 160, 120))
	drawn := filepath.Join(dir, "boxes.png")
	args := []string{"run", "--model", model, "detect", "--threshold", "0.01", file}
	o := run(append(args, "--out", drawn)...)
	o.expect(t, 0)
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	for _, l := range lines {
		if fields := strings.Split(l, "\t"); len(fields) != 6 || !strings.Contains("RBC WBC Platelets", fields[0]) {
			t.Fatalf("line %q, want a label, a score and four edges", l)
		}
	}
	picture, err := os.Open(drawn)
	if err != nil {
		t.Fatal(err)
	}
	defer picture.Close()
	m, err := png.Decode(picture)
	if err != nil || m.Bounds() != image.Rect(0, 0, 160, 120) {
		t.Errorf("drawn: %v, error %v, want a picture as large as the first", m, err)
	}
	changed := 0
	for y := range 120 {
		for x := range 160 {
			r, g, b, _ := m.At(x, y).RGBA()
			if uint8(r>>8) != uint8(x*7) || uint8(g>>8) != uint8(y*5) || uint8(b>>8) != uint8(x*y) {
				changed++
			}
		}
	}
	if changed < 100 {
		t.Errorf("%d pixels drawn, want boxes", changed)
	}
	got := objects(t, run(append(args, "--json")...).stdout)[0]
	if len(got.Boxes) != len(lines) || got.Boxes[0].String() != lines[0] {
		t.Errorf("%d boxes in the object, the first %v, want the %d lines", len(got.Boxes), got.Boxes[0], len(lines))
	}
	o = run(append(args, file)...)
	if twice := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n"); len(twice) != 2*len(lines) || twice[0] != file+"\t"+lines[0] {
		t.Errorf("two pictures: %d lines such as %q, want %d with the file's name in front", len(twice), twice[0], 2*len(lines))
	}
	none := run("run", "--model", model, "detect", "--threshold", "1", "--json", file)
	if !strings.Contains(none.stdout, `"boxes":[]`) {
		t.Errorf("stdout is %q, want an empty list of boxes", none.stdout)
	}
	o = run(append(args, "--out", filepath.Join(dir, "none", "x.png"))...)
	o.expect(t, 1, "no such file")
	o = call(bytes.NewReader(photo(t, 160, 120)), append(args[:len(args)-1:len(args)-1], "-", "--out", drawn)...)
	o.expect(t, 0)
	o.expectStdout(t, strings.Join(lines, "\n")+"\n")
}

// TestWrongUsageOfFiles is about tasks over files.
func TestWrongUsageOfFiles(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"detect --out x.png a.png b.png", 2, "--out x.png is for one picture, got 2"},
		{"transcribe --format srt a.wav b.wav", 2, "--format srt is for one sound, got 2"},
		{"transcribe --format tree a.wav", 2, "transcribe: --format tree: want text, srt, vtt, json"},
		{"classify --format json a.png", 2, "classify: --format json is for tasks that write trees or listen"},
		{"classify --beam 3 a.png", 2, "beam 3 is for tasks that write texts or trees"},
		{"classify --max-tokens 3 a.png", 2, "max tokens 3 is for tasks that write texts"},
		{"detect --to de a.png", 2, "takes no target language"},
		{"classify - a.png", 2, "- stands for all the input"},
		{"classify none.png", 1, "mm: classify: open none.png: no such file"},
		{"transcribe .", 1, "mm: transcribe: .: "},
	} {
		o := run(append([]string{"run", "--model", model}, strings.Fields(c.args)...)...)
		o.expect(t, c.code, c.want)
	}
	text := write(t, filepath.Join(dir, "photo.jpg"), []byte("I am a text."))
	good := write(t, filepath.Join(dir, "good.png"), photo(t, 8, 8))
	o := run("run", "--model", model, "classify", text, good)
	o.expect(t, 1, "mm: input 1: classify: "+text+`: image: begins with "I am a text."`)
	if lines := strings.Split(o.stdout, "\n"); len(lines) != 3 || lines[0] != "" || lines[1] == "" {
		t.Errorf("stdout is %q, want an empty line and a label", o.stdout)
	}
	o = call(strings.NewReader(""), "run", "--model", model, "transcribe", "-")
	o.expect(t, 1, "mm: transcribe: 0 bytes, want a sound file")
	for args, want := range map[string]string{
		"run transcribe --format": "text\nsrt\nvtt\njson\n:4\n", "run classify --format": ":4\n", "run classify": ":0\n", "run translate": ":4\n",
	} {
		o := run(append(append([]string{"__complete", "--model", model}, strings.Fields(args)...), "")...)
		o.expectStdout(t, want)
	}
}
