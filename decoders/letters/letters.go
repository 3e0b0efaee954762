// Package letters reads spelling off the rows of a sound by connectionist temporal
// classification (CTC, Graves et al. 2006), and lets a search for words write what
// they sound like (Hori et al. 2017, "Advances in Joint CTC-Attention Based
// End-to-End Speech Recognition").
package letters

import (
	"math"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// Head says of each row which letter begins or goes on there, or none: the sum of
// what the encoder of sounds hears and of what the trunk makes of that. It is the
// twin of LetterHead in train/modalities.py.
type Head struct {
	Heard kernels.Weight `mm:"heard"` // (1 + letters, D), the blank first
	Out   kernels.Weight `mm:"out"`   // (1 + letters, D)
}

// New declares the head's weights.
func New(width, letters int) *Head {
	return &Head{nn.Linear(1+letters, width), nn.Linear(1+letters, width)}
}

// Begin returns the part of the logits that rows before the trunk (T, D) have, in
// scratch: (T, 1 + letters).
func (h *Head) Begin(s *nn.Scope, heard kernels.Tensor) kernels.Tensor {
	return nn.Project(s, heard, h.Heard)
}

// Finish adds that of the same rows of memory (T, D).
func (h *Head) Finish(s *nn.Scope, logits, memory kernels.Tensor) {
	kernels.MatMul(s.Dev, logits, memory, h.Out, true)
}

// Sound is what was heard of one segment. It is shared by the hypotheses of a
// search and read-only once Hear has been called.
type Sound struct {
	Weights
	spelling *Spelling
	end      int32
	probs    []float64 // (T, 1 + letters)
}

// Weights are how much each opinion counts in the decisions of a search.
type Weights struct {
	Share float64 // of what is heard, from 0 to 1; the rest is the network's
	Words *Words  // what is usually said; nil where nothing is known of that
	Usual float64 // its weight, beside the others
}

// NewSound weighs decisions with w; end is the token that ends an output.
func NewSound(spelling *Spelling, end int32, w Weights) *Sound {
	return &Sound{Weights: w, spelling: spelling, end: end}
}

// Hear takes the logits of the segment's rows, (T, 1 + letters).
func (s *Sound) Hear(logits []float32) {
	n := s.spelling.columns
	s.probs = make([]float64, len(logits))
	for lo := 0; lo < len(logits); lo += n {
		row, probs, sum := logits[lo:lo+n], s.probs[lo:lo+n], 0.0
		top := row[0]
		for _, v := range row {
			top = max(top, v)
		}
		for i, v := range row {
			probs[i] = math.Exp(float64(v - top))
			sum += probs[i]
		}
		for i := range probs {
			probs[i] /= sum
		}
	}
}

func (s *Sound) rows() int { return len(s.probs) / s.spelling.columns }

// row is the probabilities of row t.
func (s *Sound) row(t int) []float64 { return s.probs[t*s.spelling.columns:][:s.spelling.columns] }

// follow returns a text with one letter more, by its column, and the logarithm of the
// probability that it follows as Words has it: 0 where there are none.
func (s *Sound) follow(text saying, letter uint8) (saying, float64) {
	if s.Words == nil {
		return text, 0
	}
	return s.Words.next(text, s.spelling.alphabet[letter-1])
}
