package sequence

import "strings"

// Spelling is what Repeats must know of tokens: their bytes, which differ only by a
// space in front, and which are digits.
type Spelling struct {
	pieces []string         // the tokens' bytes
	ids    map[string]int32 // of the pieces
	pairs  [][2]int32       // the token without and with a space in front; itself for one that there is not
	digits []bool
	round  [longestCircle + 1]int // bytes of the longest token that comes round after so many, of those that may be forbidden
}

// NewSpelling reads the bytes of the tokens, in order of their ids. Digits are
// those of ASCII without a space in front, which only the first one of a number
// has; they are the same as no other.
func NewSpelling(pieces []string) *Spelling {
	ids := make(map[string]int32, len(pieces))
	s := &Spelling{pieces: pieces, ids: ids, pairs: make([][2]int32, len(pieces)), digits: make([]bool, len(pieces))}
	for id, piece := range pieces {
		s.goRound(piece)
		ids[piece] = int32(id)
		s.pairs[id] = [2]int32{int32(id), int32(id)}
		s.digits[id] = len(piece) == 1 && '0' <= piece[0] && piece[0] <= '9'
	}
	for id, piece := range pieces {
		word, spaced := strings.CutPrefix(piece, " ")
		if bare, ok := ids[word]; spaced && ok && !s.digits[bare] {
			pair := [2]int32{bare, int32(id)}
			s.pairs[bare], s.pairs[id] = pair, pair
		}
	}
	return s
}

// both returns the token without and with a space in front.
func (s *Spelling) both(token int32) [2]int32 {
	if int(token) >= len(s.pairs) { // a command, or of a tree
		return [2]int32{token, token}
	}
	return s.pairs[token]
}

func (s *Spelling) same(a, b int32) bool { return s.both(a)[0] == s.both(b)[0] }

func (s *Spelling) digit(token int32) bool { return int(token) < len(s.digits) && s.digits[token] }

// goRound keeps the length of piece for the circles that it may be part of. Few pieces
// are longer than a circle, so that hardly any has to be looked for.
func (s *Spelling) goRound(piece string) {
	if len(piece) > longestPiece {
		return
	}
	for p := shortestCircle; p <= longestCircle; p++ {
		if p >= len(piece) || piece[p:] == piece[:len(piece)-p] {
			s.round[p] = max(s.round[p], len(piece))
		}
	}
}
