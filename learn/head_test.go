package learn

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// sentences are texts of some classes that words tell apart.
func sentences(labels, n int) string {
	words := []string{"xxxxx", "aeaeaeae", "12345", "?!?!?!", "KLMNO", "zzz", "bcdbcd", "00000", "~~~~", "qwerty"}
	var b strings.Builder
	for i := range n {
		for l := range labels {
			fmt.Fprintf(&b, "class %d\t%s number %d %s\n", l, words[l], i, words[l])
		}
	}
	return b.String()
}

func TestHead(t *testing.T) {
	m := loadSenses(t)
	path := write(t, filepath.Join(t.TempDir(), "d.tsv"), sentences(9, 24)+"broken\n")
	d, err := ReadData(path, "")
	if err != nil {
		t.Fatal(err)
	}
	o := HeadOptions{Name: "mine", Task: "translate", To: "de", Hidden: -1, Memory: 50, Skip: 1, Curve: []int{1, 5, 100}, Fit: FitOptions{Seed: 3, Epochs: 30}}
	l, err := Head(ctx, m, d, o)
	if err != nil {
		t.Fatal(err)
	}
	if l.Metrics.Accuracy < 0.9 || l.Metrics.Tested != 27 || l.Metrics.Skipped != 1 || len(l.Metrics.Curve) != 3 {
		t.Errorf("metrics %+v", l.Metrics)
	}
	total := 0
	for _, row := range l.Confusion {
		for _, n := range row {
			total += n
		}
	}
	if total != 27 || l.Memory.Len() != 50 || l.Shots[0] == 0 || l.Network.Predict == nil {
		t.Errorf("confusion of %d, memory of %d, shots %v", total, l.Memory.Len(), l.Shots)
	}
	dir := filepath.Join(t.TempDir(), "head")
	if err := l.Save(dir); err != nil {
		t.Fatal(err)
	}
	p, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.AddHead("mine", p.HeadSpec); err != nil {
		t.Fatal(err)
	}
	out, err := m.Run(ctx, mm.Input{Task: "mine", Text: "zzz number 99 zzz"})
	if err != nil || out.Text != "class 5" {
		t.Errorf("answer %q, error %v, want class 5", out.Text, err)
	}
	again, err := Head(ctx, m, d, o)
	if err != nil || !slices.Equal(again.Network.Labels, l.Network.Labels) || !slices.Equal(again.Network.Predict, l.Network.Predict) {
		t.Errorf("the same seed gives another head, error %v", err)
	}
}

func TestHeadErrors(t *testing.T) {
	m, dir := loadSenses(t), t.TempDir()
	for _, c := range []struct {
		text string
		o    HeadOptions
		want string
	}{
		{"a\tx\na\ty\n", HeadOptions{}, "1 class, want at least 2"},
		{"", HeadOptions{}, "0 class"},
		{"a\tx\nb\ty\nbroken\n", HeadOptions{Strict: true, Skip: 9}, "no tab"},
		{"a\tx\nb\ty\nbroken\nb\tx\n", HeadOptions{Skip: 1}, "2 inputs could not be used, want at most 1"},
		{"a\tx\nb\ty\n", HeadOptions{Fit: FitOptions{Rate: -1}}, "rate -1"},
	} {
		d, err := ReadData(write(t, filepath.Join(dir, "d.tsv"), c.text), "")
		if err != nil {
			t.Fatal(err)
		}
		c.o.Task, c.o.To = "translate", "de"
		if _, err := Head(ctx, m, d, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: error %v, want %q", c.text, err, c.want)
		}
	}
	single, err := ReadData(write(t, filepath.Join(dir, "s.tsv"), "a\tx\nb\ty\nc\tz\n"), "")
	if err != nil {
		t.Fatal(err)
	}
	l, err := Head(ctx, m, single, HeadOptions{Task: "translate", To: "de", Fit: FitOptions{Epochs: 3}})
	if err != nil || l.Metrics.Tested != 0 || l.Shot != mm.Imprint {
		t.Errorf("one example a class: %+v, error %v", l, err)
	}
}

// TestShots hides the classes in half of the activations: a map learns to look there
// alone, and must be better than imprinting.
func TestShots(t *testing.T) {
	const useful, noise = 12, 40
	clean := blobs(40, 12, useful+3, 25, 1)
	s := Set{Width: useful + noise, Labels: clean.Labels}
	r := random(1, 1)
	for i := range clean.Len() {
		s.Rows = append(s.Rows, clean.Row(i)[2:2+useful]...)
		for range noise {
			s.Rows = append(s.Rows, float32(r.NormFloat64()))
		}
	}
	n := start(s, 40, FitOptions{})
	with, shot, accuracy, err := Shots(ctx, n, s, rowLength, 1)
	if err != nil {
		t.Fatal(err)
	}
	if shot != mm.Predict || accuracy[1] < accuracy[0]+0.02 {
		t.Errorf("%s, imprinted %.3f, predicted %.3f, want the map to be better", shot, accuracy[0], accuracy[1])
	}
	if err := with.Check(s.Width, 40); err != nil || n.Predict != nil {
		t.Errorf("the map: %v", err)
	}
	few := blobs(3, 9, 5, 1, 1)
	if n, shot, _, err := Shots(ctx, start(few, 3, FitOptions{}), few, rowLength, 1); err != nil || shot != mm.Imprint || n.Predict != nil {
		t.Errorf("of three classes: %s, error %v", shot, err)
	}
}

// TestImprintLength wants classes of a few examples to be answered about as often as they
// are asked for, beside rows of a regression, which are longer.
func TestImprintLength(t *testing.T) {
	s, held := blobs(6, 12, 30, 60, 1), blobs(6, 12, 30, 60, 2)
	n, err := regress(s, 6)
	if err != nil {
		t.Fatal(err)
	}
	length := ImprintLength(n, s, held) / unseen
	if length >= rowsLength(n) || length <= 0 {
		t.Errorf("length %v, want less than the rows' %v", length, rowsLength(n))
	}
	z, asked := activations(n, s), activations(n, held)
	answered := 0
	for l, own := range z.ByLabel(6) {
		row := slices.Clone(meanOf(z, own[:shotMost]))
		for c := range row {
			row[c] *= length
		}
		joined := n.Without(l).With(row, n.MeanBias())
		for i := range asked.Len() {
			if best, _ := bestTwo(joined.Judge(asked.Row(i))); best == 5 {
				answered++
			}
		}
	}
	if wanted := asked.Len(); answered < wanted*3/4 || answered > wanted*5/4 {
		t.Errorf("length %v: %d answers of new classes, want about %d", length, answered, wanted)
	}
	if got := ImprintLength(n, Set{Width: s.Width}, Set{}); got != rowsLength(n) {
		t.Errorf("length %v where nothing is known, want the rows' %v", got, rowsLength(n))
	}
}
