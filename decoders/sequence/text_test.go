package sequence

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// short is a model that looks at the last tokens only, order of them, and ends
// after 40 tokens: before that it goes round in circles.
func short(seed, order int) func([]int32, int32) float64 {
	logit := hashed(seed)
	return func(prefix []int32, token int32) float64 {
		x := logit(prefix[max(len(prefix)-order, 0):], token)
		if token == end && len(prefix) < 40 {
			x -= 90
		}
		return x
	}
}

func guarded(beam, most int) *Search {
	return New(Options{Command: command, End: end, Beam: beam, MaxTokens: most, LengthPenalty: 2},
		&Text{Limit: end + 1, Repeats: NewRepeats(letters, nil)})
}

// broken says whether some token of a text should not have been chosen.
func broken(tokens []int32) bool {
	for n := range tokens {
		if breaks(tokens[:n+1], 3, 3) {
			return true
		}
	}
	return false
}

// TestTextDoesNotCollapse, whatever the model; the free outputs of the same
// models do.
func TestTextDoesNotCollapse(t *testing.T) {
	for _, beam := range []int{1, 2, 4} {
		collapsed := 0
		for seed := range 40 {
			m := &toy{logit: short(seed, seed%4)}
			if broken(m.run(t, text(beam, 60, 2)).Tokens) {
				collapsed++
			}
			best := m.run(t, guarded(beam, 60))
			if broken(best.Tokens) {
				t.Errorf("beam %d, seed %d: %v", beam, seed, best.Tokens)
			}
		}
		if collapsed < 10 {
			t.Errorf("beam %d: %d free outputs collapse: this shows little", beam, collapsed)
		}
	}
}

// TestTextWithoutRepetitionIsAsItWas: an output that breaks no rule is the same
// under the rule, its score too.
func TestTextWithoutRepetitionIsAsItWas(t *testing.T) {
	whole := 0
	for seed := range 60 {
		m := &toy{logit: hashed(seed)}
		free := m.run(t, text(1, 20, 2))
		if broken(free.Tokens) {
			continue
		}
		whole++
		if best := m.run(t, guarded(1, 20)); !slices.Equal(best.Tokens, free.Tokens) || best.Logp != free.Logp {
			t.Errorf("seed %d: %v of %v, want %v of %v", seed, best.Tokens, best.Logp, free.Tokens, free.Logp)
		}
	}
	if whole < 20 {
		t.Errorf("%d outputs repeat nothing: this shows little", whole)
	}
}

// TestForbiddenTokensKeepTheirShare: the scores of what is chosen instead are
// log-probabilities among all tokens.
func TestForbiddenTokensKeepTheirShare(t *testing.T) {
	for seed := range 20 {
		m := &toy{logit: short(seed, 1)}
		s := guarded(1, 30)
		best := m.run(t, s)
		logp := 0.0
		for i, token := range best.Tokens {
			logp += m.logs(best.Tokens[:i], []int32{0, 1, 2, end})[token]
		}
		if !s.Cut() {
			logp += m.logs(best.Tokens, []int32{0, 1, 2, end})[end]
		}
		if math.Abs(logp-best.Logp) > 1e-9 {
			t.Errorf("seed %d: %v scored %v, want %v", seed, best.Tokens, best.Logp, logp)
		}
	}
}

// TestMoreCandidatesChangeNothing: others in the batch may want more.
func TestMoreCandidatesChangeNothing(t *testing.T) {
	for _, beam := range []int{1, 2} {
		for seed := range 20 {
			m := &toy{logit: short(seed, 1)}
			want := m.run(t, guarded(beam, 40))
			m.more = 3
			if got := m.run(t, guarded(beam, 40)); !slices.Equal(got.Tokens, want.Tokens) || got.Logp != want.Logp {
				t.Errorf("beam %d, seed %d: %v of %v, want %v of %v", beam, seed, got.Tokens, got.Logp, want.Tokens, want.Logp)
			}
		}
	}
}

// TestNothingLeftToSay: where every token is forbidden the output ends with what
// it has.
func TestNothingLeftToSay(t *testing.T) {
	for _, beam := range []int{1, 3} {
		m := &toy{logit: func([]int32, int32) float64 { return 0 }}
		s := New(Options{Command: command, End: end, Beam: beam, MaxTokens: 9}, &Text{Limit: 1, Repeats: NewRepeats(letters, nil)})
		if best := m.run(t, s); !slices.Equal(best.Tokens, []int32{0, 0, 0}) || best.Logp != 0 || s.Cut() {
			t.Errorf("beam %d: %v of %v, cut %v; want three zeros of 0, whole", beam, best.Tokens, best.Logp, s.Cut())
		}
	}
}

// TestGuardedStepAllocatesNothing, where tokens are forbidden too.
func TestGuardedStepAllocatesNothing(t *testing.T) {
	last := int32(len(bare))
	s := New(Options{Command: command, End: last, Beam: 1, MaxTokens: 3000, LengthPenalty: 1},
		&Text{Limit: last + 1, Repeats: NewRepeats(letters, nil)})
	var c kernels.Candidates
	c.Resize(1, len(bare))
	r, best, passed := rand.New(rand.NewPCG(3, 4)), int32(0), 0
	step := func() {
		if r.IntN(4) == 0 { // else the same again, as long as it may
			best = r.Int32N(last)
		}
		for k := range c.K {
			c.IDs[k], c.Logs[k] = (best+int32(k))%last, -float32(k+1)
		}
		s.Advance(c)
		passed += s.Width() - 1
	}
	for range 500 {
		step()
	}
	if n := testing.AllocsPerRun(200, step); n != 0 || len(s.Live()) != 1 {
		t.Errorf("%v allocations a step, %d live; want 0, 1", n, len(s.Live()))
	}
	if passed < 100 {
		t.Errorf("%d tokens were forbidden: this shows little", passed)
	}
}
