package learn

import (
	"slices"
	"strings"
	"testing"
)

// TestEdit adds a class to a pack and takes others out.
func TestEdit(t *testing.T) {
	p := packOf(1) // a, b, more 0
	x := p.Memory.Row(0)
	before := p.Network.Logits(x)
	spec := p.HeadSpec
	spec.Labels = append(slices.Clone(spec.Labels), "new")
	spec.Network = spec.Network.With(spec.Network.Imprinted(spec.Network.Activation(x)), 0)
	more := p.With(spec, [][]float32{x, p.Memory.Row(1)})
	if got := more.Memory.ByLabel(4); len(got[3]) != 2 || more.Memory.Len() > p.Limit || !slices.Equal(more.Memory.Row(got[3][0]), x) && !slices.Equal(more.Memory.Row(got[3][1]), x) {
		t.Errorf("memory %v, want two of the new class within %d", got, p.Limit)
	}
	less, err := more.Without("a")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(less.Labels, []string{"b", "more 0", "new"}) || !slices.Equal(less.Network.Logits(x)[:2], before[1:]) {
		t.Errorf("labels %q, logits %v of %v", less.Labels, less.Network.Logits(x), before)
	}
	if got, want := len(less.Memory.ByLabel(3)[2]), 2; got != want || less.Held.Len() != 1 || less.Held.Labels[0] != 0 {
		t.Errorf("%d exemplars of the last class, want %d; held %v", got, want, less.Held.Labels)
	}
	if err := less.Save(t.TempDir()); err != nil {
		t.Error(err)
	}
	if len(p.Labels) != 3 || p.Memory.Len() != 9 {
		t.Error("the old pack has changed")
	}
	for _, label := range []string{"a", "b", "more 0"} {
		if less, err = less.Without(label); err != nil && label != "a" {
			t.Error(err)
		} else if label == "a" {
			if err == nil || !strings.Contains(err.Error(), `class "a": the head has none`) {
				t.Errorf("error %v", err)
			}
			less, _ = more.Without("a")
		}
	}
	if _, err := less.Without("new"); err == nil || !strings.Contains(err.Error(), "only one") {
		t.Errorf("error %v", err)
	}
}
