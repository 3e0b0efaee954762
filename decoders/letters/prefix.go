package letters

import "slices"

// prefix is what the rows say of texts that begin with some letters, relative to
// the probability that the text does: the numbers neither vanish nor need
// logarithms, however long the sound is.
type prefix struct {
	// letter[i] and blank[i] are of the first from+i rows spelling just these letters
	// and ending in the last of them, or in a blank. Beyond them it is as good as
	// impossible: the letters end in a short stretch of the sound.
	from          int
	letter, blank []float64
	last          uint8 // letter, 0 before any
}

// negligible is the share of a prefix' probability that is left out.
const negligible = 1e-13

// begin makes dst the prefix of no letters.
func (s *Sound) begin(dst *prefix) {
	dst.from, dst.last = 0, 0
	dst.letter, dst.blank = append(dst.letter[:0], 0), append(dst.blank[:0], 1)
	for t, p := 0, 1.0; t < s.rows(); t++ {
		if p *= s.row(t)[0]; p < negligible {
			return
		}
		dst.letter, dst.blank = append(dst.letter, 0), append(dst.blank, p)
	}
}

// chance is the probability that a text which begins with p goes on with a letter: a
// small part of extend's work.
func (s *Sound) chance(p *prefix, letter uint8) float64 {
	total := 0.0
	for i := 0; i < len(p.blank) && p.from+i < s.rows(); i++ {
		total += p.came(i, letter) * s.row(p.from + i)[letter]
	}
	return total
}

// came is that of the rows before the i-th from where the letter may begin in it.
func (p *prefix) came(i int, letter uint8) float64 {
	if letter == p.last { // the same twice needs a blank in between
		return p.blank[i]
	}
	return p.blank[i] + p.letter[i]
}

// extend makes dst the prefix p with one letter more (Watanabe et al. 2017, "Hybrid
// CTC/Attention Architecture", algorithm 2). Where there is no chance of that, dst is
// of no use.
func (s *Sound) extend(dst *prefix, p *prefix, letter uint8) {
	dst.from, dst.last, dst.letter, dst.blank = p.from+1, letter, dst.letter[:0], dst.blank[:0]
	total, l, b := 0.0, 0.0, 0.0
	for i := 0; p.from+i < s.rows(); i++ {
		row, came := s.row(p.from+i), 0.0
		if i < len(p.blank) {
			came = p.came(i, letter) * row[letter]
			total += came
		} else if l+b < negligible*total {
			break
		}
		l, b = l*row[letter]+came, (l+b)*row[0]
		dst.letter, dst.blank = append(dst.letter, l), append(dst.blank, b)
	}
	if total < negligible {
		return
	}
	begun := 0
	for begun < len(dst.letter) && dst.letter[begun]+dst.blank[begun] < negligible*total {
		begun++
	}
	dst.from += begun
	dst.letter, dst.blank = slices.Delete(dst.letter, 0, begun), slices.Delete(dst.blank, 0, begun)
	for i := range dst.letter {
		dst.letter[i] /= total
		dst.blank[i] /= total
	}
}

// ended is the probability that a text which begins with p has no more letters.
func (s *Sound) ended(p *prefix) float64 {
	last := len(p.letter) - 1
	if last < 0 || p.from+last < s.rows() {
		return 0
	}
	return p.letter[last] + p.blank[last]
}

// copy makes dst the prefix p.
func (dst *prefix) copy(p *prefix) {
	dst.from, dst.last = p.from, p.last
	dst.letter, dst.blank = append(dst.letter[:0], p.letter...), append(dst.blank[:0], p.blank...)
}
