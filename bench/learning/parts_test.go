package main

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

// small is a bench over a small model of all senses, and sets whose classes are easy to
// tell apart: pictures are of a colour each, texts of words of their own.
func small(t *testing.T) (*bench, *bytes.Buffer) {
	t.Helper()
	b := &bench{ctx: t.Context(), model: "../../testdata/senses", sets: t.TempDir(), seeds: 1, most: 12, pictures: 10, counts: []int{2}}
	var err error
	if b.m, err = mm.Open(b.model); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.m.Close() })
	var all bytes.Buffer
	page = &all
	t.Cleanup(func() { page = os.Stdout })
	return b, &all
}

// picturesOf writes a split of an image set, so many pictures of each label.
func (b *bench) picturesOf(t *testing.T, name, split string, labels []string, each int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(len(split)), 0))
	var lines strings.Builder
	for l, label := range labels {
		for i := range each {
			m := image.NewRGBA(image.Rect(0, 0, 32, 32))
			for p := 0; p < len(m.Pix); p += 4 {
				for c := range 3 { // digits of the label in base 4 are its colour
					m.Pix[p+c] = uint8(40 + 60*(l>>(2*c)&3) + r.IntN(30))
				}
				m.Pix[p+3] = 255
			}
			m.Set(i, i, color.White) // no file is there twice
			file := fmt.Sprintf("%s/%d-%d.png", split, l, i)
			path := filepath.Join(b.sets, name, file)
			var data bytes.Buffer
			if err := png.Encode(&data, m); err != nil {
				t.Fatal(err)
			}
			put(t, path, data.Bytes())
			fmt.Fprintf(&lines, "%s\t%s\n", label, file)
		}
	}
	put(t, filepath.Join(b.sets, name, split+".tsv"), []byte(lines.String()))
}

// textsOf writes a split of a set of texts.
func (b *bench) textsOf(t *testing.T, name, split string, labels, each int) {
	t.Helper()
	r := rand.New(rand.NewPCG(uint64(len(split)), 1))
	var lines strings.Builder
	for l := range labels {
		word := strings.Repeat(string(rune('a'+l)), 3)
		for i := range each {
			fmt.Fprintf(&lines, "label%d\t%s %s %d %d\n", l, word, word, i, r.IntN(1000))
		}
	}
	put(t, filepath.Join(b.sets, name, split+".tsv"), []byte(lines.String()))
}

func put(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// cells are those of a table's row that begins with name.
func cells(t *testing.T, text, name string) []string {
	t.Helper()
	for line := range strings.Lines(text) {
		if row := strings.Split(strings.Trim(line, "| \n"), " | "); strings.HasPrefix(row[0], name) {
			return row
		}
	}
	t.Fatalf("no row %q in\n%s", name, text)
	return nil
}

// first is the number that a cell begins with.
func first(t *testing.T, cell string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(regexp.MustCompile(`^[\d.]+`).FindString(cell), 64)
	if err != nil {
		t.Fatalf("%q begins with no number", cell)
	}
	return v
}

func TestShots(t *testing.T) {
	b, page := small(t)
	b.picturesOf(t, "cifar100", "train", labelNames(0, 24), 8)
	b.picturesOf(t, "cifar100", "test", labelNames(0, 24), 8)
	if err := b.shots(); err != nil {
		t.Fatal(err)
	}
	row := cells(t, page.String(), "cifar100, 12")
	if row[1] != "5-way 1-shot" {
		t.Fatalf("the first row of new classes is of %q", row[1])
	}
	for _, cell := range row[3:5] { // a fifth is what chance gives
		if first(t, cell) < 60 {
			t.Errorf("colours are told apart by one example in %s of 100", cell)
		}
	}
	joined := cells(t, strings.SplitN(page.String(), "| set | classes |", 2)[1], "cifar100")
	if joined[1] != "12 + 5" || first(t, joined[3]) < 60 {
		t.Errorf("the head of the known classes: %q", joined)
	}
	if !strings.Contains(page.String(), "omniglot: left out") {
		t.Errorf("a set that is not there is not named:\n%s", page)
	}
}

func TestIncremental(t *testing.T) {
	b, page := small(t)
	b.picturesOf(t, "cifar100", "train", labelNames(0, 20), 10)
	b.picturesOf(t, "cifar100", "test", labelNames(0, 20), 5)
	b.methods = allMethods()
	for _, m := range learn.Methods {
		if !slices.Contains(b.methods, string(m)) {
			t.Errorf("%q is not among %q", m, b.methods)
		}
	}
	if err := b.incremental(); err != nil {
		t.Fatal(err)
	}
	average := map[string]float64{}
	for _, method := range b.methods {
		row := cells(t, page.String(), method)
		if len(row) != 1+tasks+2 {
			t.Fatalf("%s: %d cells, want %d: %q", method, len(row), 1+tasks+2, row)
		}
		average[method] = first(t, row[1+tasks])
	}
	if average["joint"] < 60 || average["plain"] >= average["joint"] || average["bias"] <= average["plain"] {
		t.Errorf("averages %v: want joint learning best and plain training to forget", average)
	}
}

func TestAttacked(t *testing.T) {
	b, page := small(t)
	labels := []string{"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"}
	b.picturesOf(t, "cifar10", "test", labels, 1)
	other := filepath.Join(t.TempDir(), "hardened")
	if err := os.CopyFS(other, os.DirFS(b.model)); err != nil {
		t.Fatal(err)
	}
	b.beside = []string{other}
	if err := b.attack(); err != nil {
		t.Fatal(err)
	}
	row := cells(t, page.String(), "senses")
	if len(row) != 7 || row[1] != "10" {
		t.Fatalf("row %q, want the checkpoint, 10 pictures and five accuracies", row)
	}
	if clean, strong := first(t, row[2]), first(t, row[6]); strong > clean {
		t.Errorf("PGD leaves %v of 100 right, more than the %v without it", strong, clean)
	}
	if same := cells(t, page.String(), "hardened"); !slices.Equal(same[1:], row[1:]) {
		t.Errorf("the same weights beside it: %q, want %q", same, row)
	}
}

func TestBases(t *testing.T) {
	b, page := small(t)
	b.picturesOf(t, "cifar100", "train", labelNames(0, 16), 8)
	b.textsOf(t, "clinc150", "train", 16, 8)
	b.textsOf(t, "clinc150", "test", 16, 2)
	b.picturesOf(t, "cifar100", "test", labelNames(0, 16), 2)
	b.out = filepath.Join(t.TempDir(), "shots")
	if err := b.base(); err != nil {
		t.Fatal(err)
	}
	for _, modality := range []string{"text", "image"} {
		p, err := learn.OpenBase(os.DirFS(filepath.Dir(b.out)), modality)
		if err != nil {
			t.Fatal(err)
		}
		if p.SHA256 != b.m.Info().SHA256 || len(p.Taps) != 1 {
			t.Errorf("%s: base of %s at %v", modality, p.SHA256, p.Taps)
		}
		if row := cells(t, page.String(), modality); first(t, row[3]) < 50 {
			t.Errorf("%s: imprinted classes are right in %s of 100", modality, row[3])
		}
	}
}

func TestTransfer(t *testing.T) {
	b, page := small(t)
	for split, each := range map[string]int{"train": 6, "dev": 2, "test": 4} {
		b.textsOf(t, "snips7", split, 7, each)
	}
	if err := b.transfer("snips7", "banking77"); err != nil {
		t.Fatal(err)
	}
	for _, way := range ways {
		if row := cells(t, page.String(), way); first(t, row[1]) < 50 {
			t.Errorf("%s: %q", way, row)
		}
	}
	if !strings.Contains(page.String(), "banking77: left out") {
		t.Errorf("a set that is not there is not named:\n%s", page)
	}
}
