package sequence

import "slices"

// The rule that keeps an output from going round in circles. train/repeats.py is
// its twin, and counts how often human translations break it.
const (
	shortGram   = 3  // n-grams of 1 to 3 tokens stand so often in a row at most:
	mostRepeats = 3  // times; and n-grams of
	longGram    = 4  // tokens stand so often in the whole text at most.
	mostDigits  = 12 // times in a row for n-grams of digits alone: 1000000
)

// Repeats limits how often a text says the same: an n-gram of 1 to 3 tokens
// stands at most 3 times in a row, one of 4 tokens at most 3 times in all, or as
// often as some such n-gram does in the source. n-grams of digits alone may be
// numbers: they stand 12 times in a row and any number of times in all. However it
// is cut into tokens, no text goes round more often (circling). The zero value
// limits nothing.
type Repeats struct {
	spelling      *Spelling
	inARow, inAll int
	around        int // times that some stretch of the source stands in a row
}

// NewRepeats sets the limits for a text that says what source says; a text that
// comes from no other has none.
func NewRepeats(spelling *Spelling, source []int32) Repeats {
	r := Repeats{spelling: spelling, inARow: mostRepeats, inAll: mostRepeats, around: spelling.rounds(source)}
	for i, token := range source {
		for n := 1; n <= shortGram; n++ {
			if !r.digits(source[:i+1], n) {
				r.inARow = max(r.inARow, r.repeating(source[:i], token, n)/n+1)
			}
		}
		if !r.digits(source[:i+1], longGram) {
			r.inAll = max(r.inAll, r.count(source[:i], token)+1)
		}
	}
	return r
}

// Forbidden appends to ids the tokens that may not follow written.
func (r Repeats) Forbidden(ids, written []int32) []int32 {
	if r.spelling == nil {
		return ids
	}
	for n := 1; n <= min(shortGram, len(written)); n++ {
		token, most := written[len(written)-n], r.inARow // only this one can go on repeating
		if r.digits(written, n) {
			most = max(most, mostDigits)
		}
		if r.repeating(written, token, n) >= n*most {
			ids = r.add(ids, token)
		}
	}
	digits := r.digits(written, longGram-1)
	for at := longGram - 1; at < len(written); at++ {
		token := written[at]
		if r.endsAlike(written, at) && r.count(written, token) >= r.inAll && !(digits && r.spelling.digit(token)) {
			ids = r.add(ids, token)
		}
	}
	return r.circling(ids, written)
}

// add appends token to ids, with and without a space in front.
func (r Repeats) add(ids []int32, token int32) []int32 {
	for _, id := range r.spelling.both(token) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

// repeating is how many of the last tokens, were token the last, equal the one n
// before them.
func (r Repeats) repeating(written []int32, token int32, n int) int {
	count := 0
	for at := len(written); at >= n && r.spelling.same(token, written[at-n]); count++ {
		at--
		token = written[at]
	}
	return count
}

// count is how often the n-gram of the last tokens and token stands in written.
func (r Repeats) count(written []int32, token int32) int {
	count := 0
	for at := longGram - 1; at < len(written); at++ {
		if r.spelling.same(token, written[at]) && r.endsAlike(written, at) {
			count++
		}
	}
	return count
}

// endsAlike says whether the tokens before written[at] are the last of written.
func (r Repeats) endsAlike(written []int32, at int) bool {
	for k := 1; k < longGram; k++ {
		if !r.spelling.same(written[at-k], written[len(written)-k]) {
			return false
		}
	}
	return true
}

// digits says whether there are n last tokens and all are digits.
func (r Repeats) digits(tokens []int32, n int) bool {
	return len(tokens) >= n && !slices.ContainsFunc(tokens[len(tokens)-n:], func(token int32) bool { return !r.spelling.digit(token) })
}
