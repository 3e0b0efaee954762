package learn

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// oldAndNew is a pack that knows six of nine classes, and examples of the other three.
func oldAndNew(t testing.TB) (*Pack, Set, []string) {
	t.Helper()
	all := blobs(9, 60, 14, 30, 1)
	own := func(old bool) Set {
		return all.Pick(slices.DeleteFunc(seq(all.Len()), func(i int) bool { return (all.Labels[i] < 6) != old }))
	}
	s, fresh := own(true), own(false)
	for i := range fresh.Labels {
		fresh.Labels[i] -= 6
	}
	kept, held := Split(s.Labels, 0.3, 1)
	f, err := Fit(ctx, s.Pick(kept), s.Pick(held), 6, FitOptions{Hidden: 24, Epochs: 20, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	p := &Pack{Name: "six", Limit: 60, HeadSpec: mm.HeadSpec{Taps: []mm.Tap{{}}, Labels: []string{"a", "b", "c", "d", "e", "f"}, Network: f.Network, Shot: mm.Imprint}}
	p.Memory, p.Held = Herd(f.Network, s.Pick(kept), 6, p.Limit), s.Pick(held)
	return p, fresh, []string{"x", "y", "z"}
}

func TestExtend(t *testing.T) {
	p, fresh, labels := oldAndNew(t)
	rows := slices.Clone(p.Network.Labels)
	var after = map[Method]float64{}
	for _, method := range Methods {
		e, err := Extend(ctx, p, fresh, labels, ExtendOptions{Method: method, Memory: 60, Fit: FitOptions{Epochs: 20, Seed: 1}})
		if err != nil {
			t.Fatal(err)
		}
		after[method] = e.OldAfter
		t.Logf("%s: old %.3f → %.3f, new %.3f, α %.2f, β %.2f", method, e.OldBefore, e.OldAfter, e.New, e.Alpha, e.Beta)
		if method != Plain && (e.OldAfter < e.OldBefore-0.1 || e.New < 0.75) {
			t.Errorf("%s: old %.3f → %.3f, new %.3f", method, e.OldBefore, e.OldAfter, e.New)
		}
		if len(e.Labels) != 9 || len(e.ByClass) != 9 || !math.IsNaN(e.ByClass[8].Before) || math.IsNaN(e.ByClass[0].Before) {
			t.Errorf("%s: labels %q, by class %v", method, e.Labels, e.ByClass)
		}
		if err := e.Network.Check(14, 9); err != nil {
			t.Error(err)
		}
		counts := e.Memory.ByLabel(9)
		if e.Memory.Len() > 60 || len(counts[0]) < 6 || len(counts[8]) < 6 || e.FromMemory {
			t.Errorf("%s: memory of %d, %d of the first and %d of the last", method, e.Memory.Len(), len(counts[0]), len(counts[8]))
		}
		if err := e.Forgets(100*(e.OldBefore-e.OldAfter) - 0.001); err == nil || !strings.Contains(err.Error(), "accuracy fell by") {
			t.Errorf("%s: forgets %v", method, err)
		}
		if err := e.Forgets(100 * (e.OldBefore - e.OldAfter)); err != nil {
			t.Error(err)
		}
		dir := t.TempDir()
		if err := e.Save(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err != nil {
			t.Error(err)
		}
	}
	if after[Plain] > after[Bias]-0.1 {
		t.Errorf("plain training leaves %.3f, with bias correction %.3f: want it to forget", after[Plain], after[Bias])
	}
	if len(p.Labels) != 6 || !slices.Equal(p.Network.Labels, rows) || p.Memory.Len() != 60 {
		t.Error("the old pack has changed")
	}
}

func TestExtendErrors(t *testing.T) {
	p, fresh, labels := oldAndNew(t)
	empty := *p
	empty.Memory = Set{Width: 14}
	for _, c := range []struct {
		p      *Pack
		s      Set
		labels []string
		method Method
		want   string
	}{
		{p, fresh, []string{"x", "c", "z"}, "", `class "c": the head has one of this name`},
		{p, fresh, labels, "hope", `method "hope", want one of`},
		{p, Set{Width: 3, Rows: make([]float32, 3), Labels: []int{0}}, labels, "", "features of 3 numbers, want 14"},
		{&empty, fresh, labels, "", "the pack has no memory"},
		{p, fresh, []string{"x", "y", "z", "w"}, "", "a new class has no examples"},
	} {
		if _, err := Extend(ctx, c.p, c.s, c.labels, ExtendOptions{Method: c.method, Memory: 9, Fit: FitOptions{Epochs: 1}}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// TestCorrect spoils the new classes' logits and wants them back.
func TestCorrect(t *testing.T) {
	s := blobs(6, 40, 10, 60, 1)
	f, err := Fit(ctx, s, Set{}, 6, FitOptions{Epochs: 20})
	if err != nil {
		t.Fatal(err)
	}
	fair, α0, β0 := correct(f.Network, s, 4)
	spoiled := *fair
	spoiled.Labels, spoiled.Bias = slices.Clone(fair.Labels), slices.Clone(fair.Bias)
	for i := 4 * 10; i < len(spoiled.Labels); i++ {
		spoiled.Labels[i] *= 2
	}
	for l := 4; l < 6; l++ {
		spoiled.Bias[l] = 2*spoiled.Bias[l] + 3
	}
	n, α, β := correct(&spoiled, s, 4)
	if math.Abs(α-0.5) > 0.03 || math.Abs(β+1.5) > 0.1 {
		t.Errorf("α %.3f, β %.3f after %.3f and %.3f, want 0.5 and -1.5", α, β, α0, β0)
	}
	old, _ := Judge(fair, s)
	bad, _ := Judge(&spoiled, s)
	if got, _ := Judge(n, s); math.Abs(got-old) > 0.01 || bad < old+0.05 {
		t.Errorf("loss %.4f, spoiled %.4f, corrected %.4f", old, bad, got)
	}
	for l := range 4 {
		if !slices.Equal(n.Labels[l*10:(l+1)*10], spoiled.Labels[l*10:(l+1)*10]) || n.Bias[l] != spoiled.Bias[l] {
			t.Errorf("old class %d has changed", l)
		}
	}
	if same, α, β := correct(fair, Set{}, 4); same != fair || α != 1 || β != 0 {
		t.Error("a correction by no examples")
	}
	// The derivatives are those of the loss.
	logits := make([][]float32, s.Len())
	for i := range logits {
		logits[i] = f.Network.Logits(s.Row(i))
	}
	const d = 1e-4
	at := func(α, β float64) biasPoint { return biasLoss(logits, s.Labels, 4, α, β) }
	p := at(1.3, -0.4)
	for i, want := range []float64{
		(at(1.3+d, -0.4).loss - at(1.3-d, -0.4).loss) / (2 * d), (at(1.3, -0.4+d).loss - at(1.3, -0.4-d).loss) / (2 * d),
	} {
		if math.Abs(p.gradient[i]-want) > 1e-3 {
			t.Errorf("derivative %d is %v, want %v", i, p.gradient[i], want)
		}
	}
	for i, want := range []float64{
		(at(1.3+d, -0.4).gradient[0] - at(1.3-d, -0.4).gradient[0]) / (2 * d),
		(at(1.3, -0.4+d).gradient[0] - at(1.3, -0.4-d).gradient[0]) / (2 * d),
		(at(1.3, -0.4+d).gradient[1] - at(1.3, -0.4-d).gradient[1]) / (2 * d),
	} {
		if math.Abs(p.hessian[i]-want) > 1e-2 {
			t.Errorf("second derivative %d is %v, want %v", i, p.hessian[i], want)
		}
	}
}
