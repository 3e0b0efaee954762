package sequence

import "slices"

// A text can be cut into tokens in many ways, and a beam that may not say the same
// tokens again finds others that spell the same. So the rule holds for what is
// spelled, too.
const (
	shortestCircle, longestCircle = 2, 80 // bytes that may come round
	remembered                    = 512   // bytes of the text's end that are looked at
	longestPiece                  = 24    // bytes of a token that may be forbidden
)

// circling appends the tokens that would make a stretch of text with a letter in it
// stand once too often in a row: as often as n-grams may, of whichever kind more, or
// as some stretch of the source does.
func (r Repeats) circling(ids, written []int32) []int32 {
	var room [remembered]byte
	text := r.spelling.end(room[:], written)
	most := max(r.inARow, r.inAll, r.around)
	for p := shortestCircle; p <= min(longestCircle, len(text)/2); p++ {
		run := 0 // bytes at the end that equal those p before
		for run < len(text)-p && text[len(text)-1-run] == text[len(text)-1-run-p] {
			run++
		}
		circle := text[len(text)-p:]
		if need := max(p*most-run, 1); need <= r.spelling.round[p] && slices.ContainsFunc(circle, isLetter) {
			ids = r.spelling.onward(ids, circle, need)
		}
	}
	return ids
}

// isLetter says whether b is a letter of ASCII or part of any other sign.
func isLetter(b byte) bool { return 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' || b >= 0x80 }

// rounds is how often some stretch of text with a letter in it stands in a row in
// what tokens spell.
func (s *Spelling) rounds(tokens []int32) int {
	var text []byte
	for _, token := range tokens {
		if int(token) < len(s.pieces) {
			text = append(text, s.pieces[token]...)
		}
	}
	most := 1
	for p := shortestCircle; p <= longestCircle; p++ {
		run := 0 // bytes that equal those p before
		for i := p; i < len(text); i++ {
			run++
			if text[i] != text[i-p] {
				run = 0
			}
			if times := run/p + 1; times > most && slices.ContainsFunc(text[i+1-p:i+1], isLetter) {
				most = times
			}
		}
	}
	return most
}

// end writes the last bytes of a text to the end of room and returns them.
func (s *Spelling) end(room []byte, tokens []int32) []byte {
	at := len(room)
	for i := len(tokens) - 1; i >= 0 && at > 0; i-- {
		if int(tokens[i]) < len(s.pieces) { // else a command, or of a tree
			piece := s.pieces[tokens[i]]
			piece = piece[max(0, len(piece)-at):]
			at -= len(piece)
			copy(room[at:], piece)
		}
	}
	return room[at:]
}

// onward appends the tokens of at least need bytes that go on with circle.
func (s *Spelling) onward(ids []int32, circle []byte, need int) []int32 {
	var next [longestPiece]byte
	for k := range next {
		next[k] = circle[k%len(circle)]
		if id, ok := s.ids[string(next[:k+1])]; ok && k+1 >= need && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}
