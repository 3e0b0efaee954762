package token

import (
	"strings"
	"unicode/utf8"
)

// clauseEnds are the signs after which a long sentence is best cut.
const clauseEnds = ";:,–—"

// Chunks cuts a normalized sentence into pieces of which count is at most limit.
// It halves what is too long, near the middle: after a clause's punctuation if
// there is some in the middle half, else at a space, else inside a word. Spaces
// where it cuts are dropped. A piece of one rune is never cut, whatever its
// count. Halving calls count on O(n log n) bytes in all.
func Chunks(sentence string, limit int, count func(string) int) []string {
	return appendChunks(nil, strings.Trim(sentence, " "), limit, count)
}

func appendChunks(chunks []string, text string, limit int, count func(string) int) []string {
	if text == "" {
		return chunks
	}
	_, first := utf8.DecodeRuneInString(text)
	if first == len(text) || count(text) <= limit {
		return append(chunks, text)
	}
	at := cutPoint(text, first)
	chunks = appendChunks(chunks, strings.TrimRight(text[:at], " "), limit, count)
	return appendChunks(chunks, strings.TrimLeft(text[at:], " "), limit, count)
}

// cutPoint returns where to cut text, whose first rune has the given length and
// is not all of it; neither part is empty.
func cutPoint(text string, first int) int {
	middle := len(text) / 2
	clause, space := -1, -1
	nearer := func(at, than int) bool { return than < 0 || distance(at, middle) < distance(than, middle) }
	for at := first; at < len(text)-1; at++ {
		if text[at] != ' ' {
			continue
		}
		if nearer(at, space) {
			space = at
		}
		before, _ := utf8.DecodeLastRuneInString(text[:at])
		inside := at >= len(text)/4 && at <= len(text)-len(text)/4
		if inside && strings.ContainsRune(clauseEnds, before) && nearer(at, clause) {
			clause = at
		}
	}
	switch {
	case clause > 0:
		return clause
	case space > 0:
		return space
	}
	middle = max(middle, first)
	for at := middle; at >= first && at > middle-utf8.UTFMax; at-- {
		if utf8.RuneStart(text[at]) {
			return at
		}
	}
	return middle // not UTF-8
}

func distance(a, b int) int { return max(a-b, b-a) }
