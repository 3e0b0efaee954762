package learn

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
)

// baseOf learns a base of random classes and saves it as that of texts.
func baseOf(t testing.TB, model string) *Pack {
	t.Helper()
	good, useless := blobs(12, 10, 9, 30, 1), blobs(12, 10, 9, 4000, 2)
	tapped := Tapped{Taps: []mm.Tap{{Layer: 0, Pooling: mm.PoolMean}, {Layer: 1, Pooling: mm.PoolMax}}, Width: 9,
		Rows: [][]float32{useless.Rows, good.Rows}, Labels: good.Labels}
	p, accuracy, err := Base(ctx, tapped, 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	if p.Taps[0] != tapped.Taps[1] || max(accuracy[0], accuracy[1]) < 0.8 || p.Metrics.Accuracy != max(accuracy[0], accuracy[1]) {
		t.Errorf("taps %v, accuracy %v, want the second tap", p.Taps, accuracy)
	}
	p.Name, p.SHA256, p.Task, p.To = "base", "beef", "translate", "de"
	if err := p.Save(filepath.Join(model, BaseFolder, "text")); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestBase begins a head on a base that was read back, and wants classes that the base
// never saw to be told apart by one example.
func TestBase(t *testing.T) {
	model := t.TempDir()
	want := baseOf(t, model)
	p, err := OpenBase(os.DirFS(model), "text")
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Labels) != 0 || !slices.Equal(p.Network.Predict, want.Network.Predict) || p.SHA256 != "beef" {
		t.Errorf("read %+v", p)
	}
	fresh := blobs(15, 6, 9, 15, 3) // the last three were in no base
	for _, shot := range []mm.Shot{mm.Imprint, mm.Predict} {
		own := fresh.ByLabel(15)
		head := p.Begin("mine", "first", [][]float32{fresh.Row(own[12][0])}, shot)
		old := head.Network.Logits(fresh.Row(own[12][1]))
		spec := head.HeadSpec
		for _, l := range []int{13, 14} {
			z := classes.Mean([][]float32{head.Network.Activation(fresh.Row(own[l][0]))})
			row := spec.Network.Imprinted(z)
			if shot == mm.Predict {
				row = spec.Network.Predicted(z)
			}
			spec.Network, spec.Labels = spec.Network.With(row, 0), append(slices.Clone(spec.Labels), string(rune('a'+l)))
		}
		if got := spec.Network.Logits(fresh.Row(own[12][1])); got[0] != old[0] {
			t.Errorf("%s: the first class's logit is %v, want %v", shot, got[0], old[0])
		}
		right := 0
		for l := 12; l < 15; l++ {
			for _, at := range own[l][1:] {
				if best(spec.Network.Logits(fresh.Row(at))) == l-12 {
					right++
				}
			}
		}
		if right < 12 || head.Shot != shot || head.Memory.Len() != 1 {
			t.Errorf("%s: %d of 15 right, memory of %d", shot, right, head.Memory.Len())
		}
		dir := t.TempDir()
		if err := head.Save(dir); err != nil {
			t.Fatal(err)
		}
		if again, err := Open(dir); err != nil || again.Name != "mine" || !slices.Equal(again.Network.Labels, head.Network.Labels) {
			t.Errorf("%s: the head read back: %v", shot, err)
		}
	}
	if head := p.Begin("mine", "first", [][]float32{fresh.Row(0)}, ""); head.Shot != p.Shot {
		t.Errorf("by default %s, want the base's %s", head.Shot, p.Shot)
	}
}

func TestBaseErrors(t *testing.T) {
	model := t.TempDir()
	base := baseOf(t, model)
	if _, err := OpenBase(os.DirFS(model), "image"); !errors.Is(err, ErrNoBase) || !strings.Contains(err.Error(), `shots/image: the model comes without a base for heads of a few examples of modality "image"`) {
		t.Errorf("error %v", err)
	}
	dir := filepath.Join(model, BaseFolder, "text")
	if err := base.Begin("x", "y", [][]float32{make([]float32, 9)}, "").Save(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBase(os.DirFS(model), "text"); err == nil || !strings.Contains(err.Error(), "1 labels, want none") {
		t.Errorf("a head as a base: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, packFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenBase(os.DirFS(model), "text"); err == nil || !strings.Contains(err.Error(), "shots/text: head.json") {
		t.Errorf("a broken base: %v", err)
	}
	few := blobs(3, 5, 4, 10, 1)
	if _, _, err := Base(ctx, Tapped{Taps: []mm.Tap{{}}, Rows: [][]float32{few.Rows}, Width: 4, Labels: few.Labels}, 3, 1); err == nil || !strings.Contains(err.Error(), "3 base classes, want at least 8") {
		t.Errorf("error %v", err)
	}
	if _, _, err := Base(ctx, Tapped{Taps: []mm.Tap{{}}, Rows: [][]float32{few.Rows}, Width: 4, Labels: few.Labels}, 9, 1); err == nil || !strings.Contains(err.Error(), "class 3 has no examples") {
		t.Errorf("error %v", err)
	}
}
