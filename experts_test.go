package mm_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mm-runtime/mm"
)

// TestExpertUses wants the rows that ran, each at the number of experts that the
// model has it go to, and the same counts in a batch as one by one.
func TestExpertUses(t *testing.T) {
	alone, together := mm.LoadSenses(t, mm.WithExpertCounts()), mm.LoadSenses(t, mm.WithExpertCounts())
	var batch []mm.Input
	for _, input := range mixAll(t) {
		run(t, alone, input())
		batch = append(batch, input())
	}
	for _, r := range together.RunBatch(ctx, batch) {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	uses := alone.ExpertUses()
	if got, want := fmt.Sprint(together.ExpertUses()), fmt.Sprint(uses); got != want {
		t.Errorf("in a batch %s, want as one by one %s", got, want)
	}
	var seen []string
	for _, u := range uses {
		seen = append(seen, u.Task+", "+u.Block)
		sum := int64(0)
		for _, n := range u.Counts {
			sum += n
			if n > u.Rows {
				t.Errorf("%s, %s: %d of %d rows to one expert", u.Task, u.Block, n, u.Rows)
			}
		}
		if len(u.Counts) != 4 || sum != 2*u.Rows || u.Rows == 0 {
			t.Errorf("%s, %s: %d rows to %v, want each at two of four experts", u.Task, u.Block, u.Rows, u.Counts)
		}
	}
	want := []string{"translate de, encoder 1", "translate de, decoder 0", "transcribe, encoder 1", "transcribe, decoder 0",
		"digits, encoder 1", "commands, encoder 1", "classify, encoder 1", "detect, encoder 1"}
	for _, w := range want {
		if !slices.Contains(seen, w) {
			t.Errorf("counted %q, want %q among them", seen, w)
		}
	}
	if uses := mm.LoadTiny(t).ExpertUses(); uses != nil {
		t.Errorf("a model that does not count has %v", uses)
	}
}

// TestExpertUsesOfOne knows the rows: a picture of 32 × 32 is 16 and its command.
func TestExpertUsesOfOne(t *testing.T) {
	m := mm.LoadSenses(t, mm.WithExpertCounts())
	for range 3 {
		run(t, m, seen("classify", photo(t, 40, 40, 1)))
	}
	if uses := m.ExpertUses(); len(uses) != 1 || uses[0].Rows != 3*17 {
		t.Errorf("uses %+v, want 51 rows of one block", uses)
	}
}
