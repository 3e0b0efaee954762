package letters

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Tables are a model of which word follows which, as train/ngram.py counts and stores
// it: an interpolated trigram model (Chen & Goodman 1999),
//
//	P(w | a b) = mass(a b w) + rest(a b) · P(w | b)
//	P(w | b)   = mass(b w)   + rest(b)   · P(w)
//
// Words are numbered in order of their letters; behind them come the end of a
// sentence, N, which is predicted like a word, and its start, N+1, which only words
// follow. Masses and rests are codes c that stand for e^(-c/16).
type Tables struct {
	Letters      []uint8   `mm:"letters"`       // of all words
	LettersBegin []uint32  `mm:"letters.begin"` // (N+1): where each word's begin
	One          []float32 `mm:"one"`           // (N+1): P of each word and of the end
	OneRest      []uint8   `mm:"one.rest"`      // (N+2)
	TwoBegin     []uint32  `mm:"two.begin"`     // (N+3): where the pairs of each first word begin
	TwoWord      []uint16  `mm:"two.word"`      // second words, in order
	TwoMass      []uint8   `mm:"two.mass"`
	TwoRest      []uint8   `mm:"two.rest"`
	ThreeBegin   []uint32  `mm:"three.begin"` // where the triples of each pair begin
	ThreeWord    []uint16  `mm:"three.word"`
	ThreeMass    []uint8   `mm:"three.mass"`
}

// codesPerNat are the steps of a mass' logarithm.
const codesPerNat = 16

// Words reads Tables letter by letter. It is read-only.
type Words struct {
	Tables
	below []float64 // (N+2): what P of the words before each sums to
	value [256]float64
}

// NewWords checks t, whose words are spelled with some letters.
func NewWords(t Tables, letters string) (*Words, error) {
	n := len(t.LettersBegin) - 1
	if n < 1 || n > math.MaxUint16-2 {
		return nil, fmt.Errorf("letters.begin: %d words, want 1 to %d", n, math.MaxUint16-2)
	}
	pairs := len(t.TwoWord)
	for _, c := range []struct {
		name      string
		got, want int
	}{
		{"one", len(t.One), n + 1}, {"one.rest", len(t.OneRest), n + 2}, {"two.begin", len(t.TwoBegin), n + 3},
		{"two.mass", len(t.TwoMass), pairs}, {"two.rest", len(t.TwoRest), pairs}, {"three.begin", len(t.ThreeBegin), pairs + 1},
		{"three.mass", len(t.ThreeMass), len(t.ThreeWord)},
	} {
		if c.got != c.want {
			return nil, fmt.Errorf("%s: %d values, want %d", c.name, c.got, c.want)
		}
	}
	for _, c := range []struct {
		name  string
		begin []uint32
		of    int
	}{{"letters.begin", t.LettersBegin, len(t.Letters)}, {"two.begin", t.TwoBegin, pairs}, {"three.begin", t.ThreeBegin, len(t.ThreeWord)}} {
		if c.begin[0] != 0 || !slices.IsSorted(c.begin) || c.begin[len(c.begin)-1] != uint32(c.of) {
			return nil, fmt.Errorf("%s: want a sequence that rises from 0 to %d", c.name, c.of)
		}
	}
	w := &Words{Tables: t}
	for _, err := range []error{
		w.checkSpelling(letters), checkOrder("two.word", t.TwoBegin, t.TwoWord, n), checkOrder("three.word", t.ThreeBegin, t.ThreeWord, n), w.sum(),
	} {
		if err != nil {
			return nil, err
		}
	}
	for code := range w.value {
		w.value[code] = math.Exp(float64(code) / -codesPerNat)
	}
	return w, nil
}

// word is the letters of a word.
func (w *Words) word(i int) []uint8 { return w.Letters[w.LettersBegin[i]:w.LettersBegin[i+1]] }

// checkSpelling wants words of known letters, in order.
func (w *Words) checkSpelling(letters string) error {
	for i, letter := range w.Letters {
		if letter == ' ' || strings.IndexByte(letters, letter) < 0 {
			return fmt.Errorf("letters[%d]: %q, want one of %q but no space", i, letter, letters)
		}
	}
	for i := range len(w.LettersBegin) - 1 {
		if len(w.word(i)) == 0 || i > 0 && slices.Compare(w.word(i-1), w.word(i)) >= 0 {
			return fmt.Errorf("letters: word %d is %q, want one behind the one before it", i, w.word(i))
		}
	}
	return nil
}

// checkOrder wants the words that follow each history in order, none above the end.
func checkOrder(name string, begin []uint32, words []uint16, end int) error {
	for i := range len(begin) - 1 {
		previous := -1
		for _, word := range words[begin[i]:begin[i+1]] {
			if int(word) <= previous || int(word) > end {
				return fmt.Errorf("%s: %d behind %d, want a rising sequence up to %d for each history", name, word, previous, end)
			}
			previous = int(word)
		}
	}
	return nil
}

// sum adds the probabilities of single words up.
func (w *Words) sum() error {
	w.below = make([]float64, len(w.One)+1)
	for i, p := range w.One {
		if !(p > 0 && p <= 1) {
			return fmt.Errorf("one[%d]: %v, want more than 0 and at most 1", i, p)
		}
		w.below[i+1] = w.below[i] + float64(p)
	}
	return nil
}
