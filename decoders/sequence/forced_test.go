package sequence

import (
	"slices"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// doubled is a grammar that starts with 2 2, repeats every 0 twice more, and
// allows no 2.
type doubled struct{ decided int }

func (doubled) Start() []int32           { return []int32{2, 2} }
func (doubled) Allowed() kernels.Allowed { return kernels.Allowed{IDs: []int32{0, 1, end}} }
func (d *doubled) Clone(Grammar) Grammar { c := *d; return &c }

func (*doubled) Weigh(_ int32, log float64) float64 { return log }
func (*doubled) Forbidden(ids, _ []int32) []int32   { return ids }

func (d *doubled) Accept(token int32) []int32 {
	d.decided++
	if token == 0 {
		return []int32{0, 0}
	}
	return nil
}

// TestForcedTokens: they are run and returned but not scored, and hypotheses of
// different lengths are cut each at its own time.
func TestForcedTokens(t *testing.T) {
	for seed := range 30 {
		for _, beam := range []int{1, 2, 5} {
			m := &toy{logit: hashed(seed)}
			s := New(Options{Command: command, End: end, Beam: beam, MaxTokens: 9, LengthPenalty: 1}, &doubled{})
			best := m.run(t, s)
			decided := best.grammar.(*doubled).decided
			if !s.Cut() {
				decided++ // the end, which no grammar sees
			}
			if !slices.Equal(best.Tokens[:2], []int32{2, 2}) || best.Decisions() != decided {
				t.Fatalf("%v after %d decisions, want %d", best.Tokens, best.Decisions(), decided)
			}
			for _, h := range s.finished {
				if len(h.Tokens) >= 9 && !s.Cut() {
					t.Errorf("beam %d: %v is whole, want fewer than 9 tokens", beam, h.Tokens)
				}
			}
		}
	}
}
