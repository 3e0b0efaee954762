package letters

import (
	"fmt"
	"math"
	"math/rand/v2"
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
	s := NewSound(NewSpelling(pieces, alphabet), end, share)
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

// TestWeigh compares with the sum over all alignments, along every output of
// three tokens.
func TestWeigh(t *testing.T) {
	for rows := 1; rows <= 6; rows++ {
		s := soundOf(rand.New(rand.NewPCG(1, uint64(rows))), rows, 0.25)
		texts := s.texts()
		var walk func(g *Transcript, text string, tokens int)
		walk = func(g *Transcript, text string, tokens int) {
			before := beginning(texts, text)
			check := func(token int32, after float64) {
				want := 0.75*-2 + 0.25*max(unheard, math.Log(after/before))
				if got := g.Weigh(token, -2); math.Abs(got-want) > 1e-9 {
					t.Fatalf("%d rows, %q, token %d: %v, want %v", rows, text, token, got, want)
				}
			}
			check(end, texts[text])
			check(6, 0)
			if tokens == 3 {
				return
			}
			for id, piece := range pieces[:6] {
				after := beginning(texts, text+piece)
				check(int32(id), after)
				if after == 0 {
					continue
				}
				next := g.Clone(nil).(*Transcript)
				if next.Accept(int32(id)) != nil {
					t.Fatal("Accept forces tokens")
				}
				walk(next, text+piece, tokens+1)
			}
		}
		walk(NewTranscript(&sequence.Text{Limit: end + 1}, s), "", 0)
	}
}

// TestLongSound wants numbers that neither vanish nor grow: a sound of half a
// minute of which each row says one letter almost surely.
func TestLongSound(t *testing.T) {
	s := NewSound(NewSpelling(pieces, alphabet), end, 0.5)
	const rows = 800
	logits := make([]float32, rows*4)
	for row := range rows {
		said := []int{1, 0, 2, 0}[row%4] // a, blank, b, blank
		logits[4*row+said] = 12
	}
	s.Hear(logits)
	g := NewTranscript(&sequence.Text{Limit: end + 1}, s)
	for i := range rows / 4 {
		if heard, other := g.Weigh(4, 0), g.Weigh(3, 0); heard < -0.01 || other > -2 {
			t.Fatalf("token %d: %v, another %v", i, heard, other)
		}
		if i == rows/8 && g.Weigh(end, 0) > -10 {
			t.Fatalf("the end in the middle: %v", g.Weigh(end, 0))
		}
		g.Accept(4)
	}
	if v := g.Weigh(end, 0); v < -0.01 {
		t.Errorf("the end: %v", v)
	}
}

// TestLost goes on by the network's word alone once something was said that was
// not heard.
func TestLost(t *testing.T) {
	g := NewTranscript(&sequence.Text{Limit: end + 1}, soundOf(rand.New(rand.NewPCG(2, 0)), 5, 0.5))
	if got := g.Weigh(6, -1); got != 0.5*-1+0.5*unheard {
		t.Errorf("unheard: %v", got)
	}
	g.Accept(6)
	for _, token := range []int32{0, 5, 6, end, 99} {
		if got := g.Weigh(token, -1); got != -0.5 {
			t.Errorf("token %d: %v, want the network's share", token, got)
		}
	}
}

// TestSearch wants the search to write what is heard where the network is
// undecided, greedy and with a beam.
func TestSearch(t *testing.T) {
	s := NewSound(NewSpelling(pieces, alphabet), end, 0.5)
	logits := make([]float32, 6*4)
	for row, said := range []int{2, 0, 1, 3, 2, 1} { // "ba ba"
		logits[4*row+said] = 9
	}
	s.Hear(logits)
	for _, beam := range []int{1, 3} {
		search := sequence.New(sequence.Options{Command: 9, End: end, Beam: beam, MaxTokens: 9, LengthPenalty: 1, Wider: 8},
			NewTranscript(&sequence.Text{Limit: end + 1}, s))
		for len(search.Live()) > 0 {
			var c kernels.Candidates
			c.Resize(len(search.Live()), end+1)
			for i := range c.IDs {
				c.IDs[i], c.Logs[i] = int32(i%(end+1)), float32(-math.Log(end+1))
			}
			search.Advance(c)
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

func TestLogits(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h := New(33, len(alphabet))
		out, x := s.Weight(&h.Out), s.Values(7*33, 1)
		memory := s.Rows(7, 33)
		s.Scope.Dev.Write(memory, x)
		got := s.Read(h.Logits(s.Scope, memory))
		for row := range 7 {
			want := [][]float64{out.Times(nntest.Matrix{Cols: 33, Values: x}.Wide(row))}
			nntest.Near(t, fmt.Sprint("row ", row), got[4*row:4*row+4], want)
		}
	})
}
