package letters

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/internal/nn/nntest"
	"github.com/mm-runtime/mm/kernels"
)

const alphabet = "ab "

// pieces are tokens of one letter and of several, and one that cannot be heard.
var pieces = []string{"a", "b", " ", "aa", "ab", " ba", "A", ""}

const end = 8

// soundOf has rows of random logits.
func soundOf(rng *rand.Rand, rows int, share float64) *Sound {
	s := NewSound(NewSpelling(pieces, alphabet), end, Weights{Share: share})
	logits := make([]float32, rows*(1+len(alphabet)))
	for i := range logits {
		logits[i] = float32(3 * rng.NormFloat64())
	}
	s.Hear(logits)
	return s
}

// texts gives the probability of every text, by its alignments one by one.
func (s *Sound) texts() map[string]float64 {
	found := map[string]float64{}
	var walk func(t, last int, text string, p float64)
	walk = func(t, last int, text string, p float64) {
		if t == s.rows() {
			found[text] += p
			return
		}
		for c := range s.spelling.columns {
			next := text
			if c > 0 && c != last {
				next += alphabet[c-1 : c]
			}
			walk(t+1, c, next, p*s.probs[t*s.spelling.columns+c])
		}
	}
	walk(0, 0, "", 1)
	return found
}

// beginning sums the texts that begin with some letters.
func beginning(texts map[string]float64, with string) float64 {
	sum := 0.0
	for text, p := range texts {
		if len(text) >= len(with) && text[:len(with)] == with {
			sum += p
		}
	}
	return sum
}

// TestWhatIsHeard compares what may come next, and how it is weighed, with the sum
// over all alignments, along every output of three tokens.
func TestWhatIsHeard(t *testing.T) {
	for rows := 1; rows <= 6; rows++ {
		s := soundOf(rand.New(rand.NewPCG(1, uint64(rows))), rows, 0.25)
		texts := s.texts()
		var walk func(g *Transcript, text string, tokens int)
		walk = func(g *Transcript, text string, tokens int) {
			before, may := beginning(texts, text), g.Allowed().IDs
			for id, piece := range append(slices.Clone(pieces), "") {
				after := beginning(texts, text+piece) / before
				switch {
				case id == end:
					after = texts[text] / before
				case id >= 6: // cannot be heard
					after = 0
				}
				token := int32(id)
				if got, want := slices.Contains(may, token), after >= faint; got != want {
					t.Fatalf("%d rows, %q, token %d of probability %v: allowed %v", rows, text, token, after, got)
				}
				if after < faint {
					continue
				}
				if got, want := g.Weigh(token, -2), 0.75*-2+0.25*math.Log(after); math.Abs(got-want) > 1e-9 {
					t.Fatalf("%d rows, %q, token %d: %v, want %v", rows, text, token, got, want)
				}
				if token != end && tokens < 3 {
					next := g.Clone(nil).(*Transcript)
					if next.Accept(token) != nil {
						t.Fatal("Accept forces tokens")
					}
					walk(next, text+piece, tokens+1)
				}
			}
		}
		walk(NewTranscript(&sequence.Text{Limit: end + 1}, s), "", 0)
	}
}

// TestLongSound wants numbers that neither vanish nor grow: a sound of half a
// minute of which each row says one letter almost surely.
func TestLongSound(t *testing.T) {
	s := NewSound(NewSpelling(pieces, alphabet), end, Weights{Share: 0.5})
	const rows = 800
	logits := make([]float32, rows*4)
	for row := range rows {
		said := []int{1, 0, 2, 0}[row%4] // a, blank, b, blank
		logits[4*row+said] = 12
	}
	s.Hear(logits)
	g := NewTranscript(&sequence.Text{Limit: end + 1}, s)
	for i := range rows / 4 {
		if may := g.Allowed().IDs; !slices.Equal(may, []int32{0, 4}) || g.Weigh(4, 0) < -0.01 {
			t.Fatalf("token %d: allowed %v, weight %v", i, may, g.Weigh(4, 0))
		}
		if n := len(g.said.letter); n > 9 {
			t.Fatalf("token %d: %d rows are kept", i, n)
		}
		g.Accept(4)
	}
	if may := g.Allowed().IDs; !slices.Equal(may, []int32{end}) || g.Weigh(end, 0) < -0.01 {
		t.Errorf("the end: allowed %v", may)
	}
}

// TestSilence has no rows, and rows that say nothing: the text is over.
func TestSilence(t *testing.T) {
	for _, rows := range []int{0, 300} {
		s := NewSound(NewSpelling(pieces, alphabet), end, Weights{Share: 0.5})
		logits := make([]float32, 4*rows)
		for row := range rows {
			logits[4*row] = 50
		}
		s.Hear(logits)
		g := NewTranscript(&sequence.Text{Limit: end + 1}, s)
		if may := g.Allowed().IDs; !slices.Equal(may, []int32{end}) {
			t.Errorf("%d rows: allowed %v", rows, may)
		}
	}
}

// TestSearch wants the search to write what is heard where the network is
// undecided, greedy and with a beam.
func TestSearch(t *testing.T) {
	s := NewSound(NewSpelling(pieces, alphabet), end, Weights{Share: 0.5})
	logits := make([]float32, 6*4)
	for row, said := range []int{2, 0, 1, 3, 2, 1} { // "ba ba"
		logits[4*row+said] = 9
	}
	s.Hear(logits)
	for _, beam := range []int{1, 3} {
		search := sequence.New(sequence.Options{Command: 9, End: end, Beam: beam, MaxTokens: 9, LengthPenalty: 1, Wider: Candidates},
			NewTranscript(&sequence.Text{Limit: end + 1}, s))
		for len(search.Live()) > 0 {
			search.Advance(undecided(search))
		}
		text := ""
		for _, token := range search.Best().Tokens {
			text += pieces[token]
		}
		if text != "ba ba" {
			t.Errorf("beam %d: %q, want %q", beam, text, "ba ba")
		}
	}
}

// undecided gives all tokens that may come next the same probability.
func undecided(search *sequence.Search) kernels.Candidates {
	var c kernels.Candidates
	c.Resize(len(search.Live()), search.Width())
	for i, h := range search.Live() {
		may := h.Allowed().IDs
		for k := range c.K {
			at := i*c.K + k
			c.IDs[at], c.Logs[at] = -1, float32(math.Inf(-1))
			if k < len(may) {
				c.IDs[at], c.Logs[at] = may[k], float32(-math.Log(float64(len(may))))
			}
		}
	}
	return c
}

func TestLogits(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h := New(33, len(alphabet))
		first, second := s.Weight(&h.Heard), s.Weight(&h.Out)
		x, y := s.Values(7*33, 1), s.Values(7*33, 1)
		heard, memory := s.Rows(7, 33), s.Rows(7, 33)
		s.Scope.Dev.Write(heard, x)
		s.Scope.Dev.Write(memory, y)
		logits := h.Begin(s.Scope, heard)
		h.Finish(s.Scope, logits, memory)
		got := s.Read(logits)
		for row := range 7 {
			want := [][]float64{first.Times(nntest.Matrix{Cols: 33, Values: x}.Wide(row))}
			for i, v := range second.Times(nntest.Matrix{Cols: 33, Values: y}.Wide(row)) {
				want[0][i] += v
			}
			nntest.Near(t, fmt.Sprint("row ", row), got[4*row:4*row+4], want)
		}
	})
}
