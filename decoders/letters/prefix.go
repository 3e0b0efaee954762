package letters

// prefix is what the rows say of texts that begin with some letters, relative to
// the probability that the text does: the numbers neither vanish nor need
// logarithms, however long the sound is.
type prefix struct {
	// letter[t] and blank[t] are of the first t rows spelling just these letters and
	// ending in the last of them, or in a blank.
	letter, blank []float64
	last          uint8 // letter, 0 before any
}

// begin is the prefix of no letters.
func (s *Sound) begin() prefix {
	p := s.room()
	p.blank[0] = 1
	for t := range s.rows() {
		p.blank[t+1] = p.blank[t] * s.probs[t*s.spelling.columns]
	}
	return p
}

// copy makes dst, which has room, the prefix p.
func (dst *prefix) copy(p prefix) {
	dst.last = p.last
	copy(dst.letter, p.letter)
	copy(dst.blank, p.blank)
}

func (s *Sound) room() prefix {
	return prefix{letter: make([]float64, s.rows()+1), blank: make([]float64, s.rows()+1)}
}

// extend makes dst the prefix p with one letter more, and returns the probability
// that a text which begins with p goes on with the letter (Watanabe et al. 2017,
// "Hybrid CTC/Attention Architecture", algorithm 2). It is 0, and dst of no use,
// where that is beyond what the numbers can tell.
func (s *Sound) extend(dst *prefix, p prefix, letter uint8) float64 {
	dst.last, dst.letter[0], dst.blank[0] = letter, 0, 0
	total := 0.0
	for t := range s.rows() {
		row := s.probs[t*s.spelling.columns:]
		came := p.blank[t]
		if letter != p.last { // the same twice needs a blank in between
			came += p.letter[t]
		}
		came *= row[letter]
		total += came
		dst.letter[t+1] = dst.letter[t]*row[letter] + came
		dst.blank[t+1] = (dst.blank[t] + dst.letter[t]) * row[0]
	}
	if total < least {
		return 0
	}
	for t := range dst.letter {
		dst.letter[t] = whole(dst.letter[t] / total)
		dst.blank[t] = whole(dst.blank[t] / total)
	}
	return total
}

// ended is the probability that a text which begins with p has no more letters.
func (p prefix) ended() float64 {
	n := len(p.letter) - 1
	return p.letter[n] + p.blank[n]
}

// least is the smallest probability that counts.
const least = 1e-200

// whole keeps numbers out of the range in which processors are slow.
func whole(v float64) float64 {
	if v < least {
		return 0
	}
	return v
}
