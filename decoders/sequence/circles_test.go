package sequence

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestOtherTokensSpellTheSame writes one word again and again, cut into other
// tokens each time: the fourth time it cannot be ended.
func TestOtherTokensSpellTheSame(t *testing.T) {
	pieces := []string{"-", "S", "p", "Sp", "-Sp", "ace", "a", "c", "ce", "e", "-S", "pa", "x"}
	spelling, endless := NewSpelling(pieces), strings.Repeat("-Space", 10)
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		rule, text, tokens := NewRepeats(spelling, nil), "", []int32(nil)
		for {
			forbidden, next := rule.Forbidden(nil, tokens), []int32(nil)
			for id, piece := range pieces {
				if strings.HasPrefix(endless, text+piece) && !slices.Contains(forbidden, int32(id)) {
					next = append(next, int32(id))
				}
			}
			if len(next) == 0 {
				break
			}
			tokens = append(tokens, next[r.IntN(len(next))])
			text += pieces[tokens[len(tokens)-1]]
		}
		if n := len(text); n < 18 || n > 23 {
			t.Fatalf("%q stands %.1f times in a row, want 3 and some", "-Space", float64(n)/6)
		}
	}
}

// TestSourceSpellsAsOften: what is one stretch of text may be other tokens in the
// source than in the output, or fewer n-grams.
func TestSourceSpellsAsOften(t *testing.T) {
	spelling := NewSpelling([]string{"f", "ff", "fff", "x"})
	for _, test := range []struct {
		source    []int32
		times     int
		forbidden []int32 // after ffffff
	}{
		{nil, 1, []int32{1, 2}},
		{[]int32{2, 2, 1, 3}, 4, nil},     // ffffffff
		{[]int32{2, 2}, 3, []int32{1, 2}}, // ffffff
	} {
		rule := NewRepeats(spelling, test.source)
		got := rule.circling(nil, []int32{2, 2})
		slices.Sort(got)
		if rule.around != test.times || !slices.Equal(got, test.forbidden) {
			t.Errorf("source %v: %d times, %v forbidden; want %d, %v", test.source, rule.around, got, test.times, test.forbidden)
		}
	}
}

// TestCirclesNeedALetter: numbers and dots go on.
func TestCirclesNeedALetter(t *testing.T) {
	pieces := []string{"10", "1", "0", "a"}
	rule := NewRepeats(NewSpelling(pieces), nil)
	if got := rule.circling(nil, []int32{0, 1, 2, 0, 0, 0}); len(got) != 0 {
		t.Errorf("after 1010101010: %v forbidden, want none", got)
	}
	if got := rule.spelling.rounds([]int32{0, 1, 2, 0, 0, 0}); got != 1 {
		t.Errorf("1010101010 goes round %d times, want 1", got)
	}
	if got := rule.circling(nil, []int32{1, 3, 1, 3, 1, 3, 1}); !slices.Equal(got, []int32{3}) {
		t.Errorf("after 1a1a1a1: %v forbidden, want a", got)
	}
}
