package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Signs around a sentence. A sign that opens in one language and closes in
// another (German »so«, French « ainsi ») is in both.
const (
	closers = "\"'”’“»«›‹)]}"
	openers = "\"'“”„‚‘’«»‹›([{¿¡-–—*•"
	stops   = ".!?…。！？"
)

// Sentences splits normalized English, German or French text where a sentence
// ends and another one can start. Only spaces are taken out: joined by single
// spaces, the sentences are the text again. When in doubt it does not split.
func Sentences(text string) []string {
	var sentences []string
	s := splitter{first: true}
	start := 0
	for at := 0; at < len(text); {
		n := strings.IndexByte(text[at:], ' ')
		if n < 0 {
			break
		}
		s.read(text[at : at+n])
		at += n + 1
		if rest := text[at:]; s.ended && s.canStart(rest) && !s.joins(rest) {
			sentences = append(sentences, text[start:at-1])
			start = at
			s = splitter{first: true}
		}
	}
	if start < len(text) {
		sentences = append(sentences, text[start:])
	}
	return sentences
}

// splitter is the state at the end of a word.
type splitter struct {
	first  bool   // no word was read yet
	quoted bool   // an odd number of straight quotation marks was read
	ended  bool   // a sentence may end here
	word   string // what stands before the full stop; "" after any other stop
	before string // the word before
	opens  bool   // the word with the stop is the first one
	last   string // the word just read
}

// read takes the next word. Closing signs that stand alone, as in French, leave
// the sentence as ended as it was.
func (s *splitter) read(word string) {
	closing := s.closes(word)
	if strings.Count(word, `"`)%2 == 1 {
		s.quoted = !s.quoted
	}
	if closing && s.ended {
		return
	}
	core := strings.TrimRight(word, closers)
	stem := strings.TrimRight(core, stops)
	s.ended = core != stem
	s.word, s.before, s.opens = "", s.last, s.first
	if core[len(stem):] == "." {
		s.word = strings.TrimLeft(stem, openers)
	}
	s.first, s.last = false, word
}

// closes reports whether the next word is nothing but closing signs.
func (s *splitter) closes(word string) bool {
	switch word {
	case "«", "‹", "“":
		return false
	case `"`:
		return s.quoted
	}
	return strings.Trim(word, closers) == ""
}

// joins reports whether the full stop just read belongs to an abbreviation, an
// initial or an ordinal number, so that the sentence goes on with rest.
func (s *splitter) joins(rest string) bool {
	if s.word == "" {
		return false
	}
	next := firstWord(rest)
	lower := strings.ToLower(s.word)
	switch {
	case titles[lower]:
		return true
	case numbered[lower] && unicode.IsDigit(firstRune(rest)):
		return true
	case isShortNumber(s.word):
		return s.ordinal(next)
	case utf8.RuneCountInString(s.word) == 1 && unicode.IsLower(firstRune(s.word)):
		return true // z. B., d. h., i. e.
	case endings[lower], isInitials(s.word):
		return !starters[next]
	}
	return false
}

// ordinal reports whether the number just read is one of a list ("1. Install")
// or a German ordinal, judging by the words around it.
func (s *splitter) ordinal(next string) bool {
	before := strings.ToLower(strings.TrimLeft(s.before, openers))
	return s.opens || months[next] || germanDeterminers[before] && !starters[next]
}

// canStart reports whether text can be the start of a sentence: a capital letter,
// a digit or a letter of a script without case, after opening signs.
func (s *splitter) canStart(text string) bool {
	const most = 8 // opening signs and spaces looked at
	n := 0
	for i, r := range text {
		if r == ' ' && n > 0 && s.closes(text[:i]) {
			return false // it still belongs to the sentence before
		}
		if n++; n > most {
			return false
		}
		if r == ' ' || strings.ContainsRune(openers, r) {
			continue
		}
		return unicode.IsUpper(r) || unicode.IsTitle(r) || unicode.IsDigit(r) ||
			unicode.IsLetter(r) && !unicode.IsLower(r)
	}
	return false
}

// firstWord returns the letters that text starts with, opening signs left out.
func firstWord(text string) string {
	text = strings.TrimLeft(text[:min(len(text), 64)], openers+" ")
	for i, r := range text {
		if !unicode.IsLetter(r) && r != '\'' && r != '’' {
			return text[:i]
		}
	}
	return text
}

func firstRune(text string) rune {
	r, _ := utf8.DecodeRuneInString(text)
	return r
}

// isShortNumber reports one to three digits: years end sentences, ordinals are
// small.
func isShortNumber(word string) bool {
	return len(word) > 0 && len(word) <= 3 && strings.Trim(word, "0123456789") == ""
}

// isInitials reports single letters between full stops or hyphens: J, U.S, J.-P.
func isInitials(word string) bool {
	if len(word) > 16 {
		return false
	}
	for _, part := range strings.FieldsFunc(word, func(r rune) bool { return r == '.' || r == '-' }) {
		if utf8.RuneCountInString(part) != 1 || !unicode.IsLetter(firstRune(part)) {
			return false
		}
	}
	return true
}
