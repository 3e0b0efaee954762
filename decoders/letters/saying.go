package letters

import (
	"math"
	"sort"
)

// unknown is the probability that a word is none that Words has. Such a word is any
// letters, all of them alike.
const unknown = 0.01

// span is a range of indices.
type span struct{ lo, hi uint32 }

// narrow returns the part of s whose words lie among some.
func (s span) narrow(words []uint16, among span) span {
	part := words[s.lo:s.hi]
	lo := sort.Search(len(part), func(i int) bool { return uint32(part[i]) >= among.lo })
	hi := lo + sort.Search(len(part)-lo, func(i int) bool { return uint32(part[lo+i]) >= among.hi })
	return span{s.lo + uint32(lo), s.lo + uint32(hi)}
}

// saying is a text so far, as Words sees it: the two words before, and all that may
// become of the letters since.
type saying struct {
	a, b  int     // numbers of the words before, -1 where Words lacks one
	pair  int     // index of a b, -1 where Words lacks it
	depth int     // letters since
	mass  float64 // probability, behind a and b, of the words that begin with them
	words span    // known ones among these
	twos  span    // those of them that follow b
	three span    // those of them that follow a b
}

// start is a text without letters.
func (w *Words) start() saying { return w.behind(-1, len(w.LettersBegin)) }

// behind is a text whose last two words are a and b, before the next one's letters.
func (w *Words) behind(a, b int) saying {
	s := saying{a: a, b: b, pair: -1, mass: 1, words: span{0, uint32(len(w.One))}}
	if b < 0 {
		return s
	}
	s.twos = span{w.TwoBegin[b], w.TwoBegin[b+1]}
	if a < 0 {
		return s
	}
	of := span{w.TwoBegin[a], w.TwoBegin[a+1]}.narrow(w.TwoWord, span{uint32(b), uint32(b) + 1})
	if of.lo < of.hi {
		s.pair = int(of.lo)
		s.three = span{w.ThreeBegin[s.pair], w.ThreeBegin[s.pair+1]}
	}
	return s
}

// among narrows s to some of its words and returns their probability.
func (w *Words) among(s *saying, words span) float64 {
	s.words, s.twos, s.three = words, s.twos.narrow(w.TwoWord, words), s.three.narrow(w.ThreeWord, words)
	p := w.below[words.hi] - w.below[words.lo]
	if s.b >= 0 {
		p = w.total(w.TwoMass, s.twos) + w.value[w.OneRest[s.b]]*p
	}
	if s.pair >= 0 {
		p = w.total(w.ThreeMass, s.three) + w.value[w.TwoRest[s.pair]]*p
	}
	return p
}

// total sums masses.
func (w *Words) total(masses []uint8, of span) float64 {
	p := 0.0
	for _, code := range masses[of.lo:of.hi] {
		p += w.value[code]
	}
	return p
}

// signs is how many there are at each place of an unknown word: its letters and end.
const signs = 28

// anyWord is the probability of all unknown words that begin with so many letters.
func anyWord(letters int) float64 { return unknown * math.Pow(signs, -float64(letters)) }

// next returns the text with one letter more, a space ending a word, and the
// logarithm of the probability that the letter follows.
func (w *Words) next(s saying, letter uint8) (saying, float64) {
	if letter == ' ' {
		word, p := w.ended(s)
		return w.behind(s.b, word), log(p, s.mass)
	}
	n := s
	n.depth++
	words := s.words
	if s.depth == 0 {
		words.hi = uint32(len(w.One) - 1) // without the end
	}
	n.mass = (1-unknown)*w.among(&n, w.narrow(words, s.depth, letter)) + anyWord(n.depth)
	return n, log(n.mass, s.mass)
}

// narrow returns those of some words with equal beginnings that go on with a letter.
func (w *Words) narrow(s span, depth int, letter uint8) span {
	beyond := func(least int) func(i int) bool {
		return func(i int) bool {
			word := w.word(int(s.lo) + i)
			return len(word) > depth && int(word[depth]) >= least
		}
	}
	size := int(s.hi - s.lo)
	return span{s.lo + uint32(sort.Search(size, beyond(int(letter)))), s.lo + uint32(sort.Search(size, beyond(int(letter)+1)))}
}

// ended returns the word that the letters are, and its probability.
func (w *Words) ended(s saying) (word int, p float64) {
	p = anyWord(s.depth + 1)
	if first := int(s.words.lo); s.depth > 0 && s.words.lo < s.words.hi && len(w.word(first)) == s.depth {
		return first, (1-unknown)*w.among(&s, span{s.words.lo, s.words.lo + 1}) + p
	}
	return -1, p
}

// end is the logarithm of the probability that the text is over.
func (w *Words) end(s saying) float64 {
	sum := 0.0
	if s.depth > 0 {
		word, p := w.ended(s)
		sum, s = log(p, s.mass), w.behind(s.b, word)
	}
	n := uint32(len(w.One))
	return sum + log(w.among(&s, span{n - 1, n}), 1)
}

// log is that of a share that the codes' rounding may have brought above 1. Of very
// long unknown words nothing is left; each letter is as likely as the others.
func log(part, of float64) float64 {
	if of < 1e-200 {
		return -math.Log(signs)
	}
	return math.Log(min(part/of, 1))
}
