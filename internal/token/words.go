package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words splits one normalized English sentence as the Penn Treebank and its
// successors write words: punctuation, brackets, quotation marks and clitics
// (n't, 's, 'll) stand alone; abbreviations, numbers and addresses stay whole;
// since OntoNotes, hyphens and slashes between words stand alone too, unless the
// part before is a prefix ("non-zero"). Nothing is rewritten: the words joined
// are the sentence without its spaces.
func Words(sentence string) []string {
	fields := fieldsOf(sentence)
	words := make([]string, 0, len(fields)+len(fields)/4+1)
	last := lastField(fields)
	for i, field := range fields {
		words = appendField(words, field, i >= last)
	}
	return words
}

// maxField is the length in bytes at which a run without spaces is cut, because
// finding words in it takes time quadratic in it.
const maxField = 512

// fieldsOf splits at white space, and what is longer than maxField between runes.
func fieldsOf(sentence string) []string {
	var fields []string
	for field := range strings.FieldsSeq(sentence) {
		for len(field) > maxField {
			at := maxField
			for at > maxField-utf8.UTFMax && !utf8.RuneStart(field[at]) {
				at--
			}
			fields = append(fields, field[:at])
			field = field[at:]
		}
		fields = append(fields, field)
	}
	return fields
}

// lastField is the index of the last field with a letter or digit in it that is
// no reference such as [14]; a full stop there or later ends the sentence.
func lastField(fields []string) int {
	for i := len(fields) - 1; i >= 0; i-- {
		reference := fields[i][0] == '[' && isNumber(strings.Trim(fields[i], "[]"))
		if !reference && strings.ContainsFunc(fields[i], isWordRune) {
			return i
		}
	}
	return 0
}

// appendField peels signs off both ends of a field and cuts what is between.
func appendField(words []string, field string, last bool) []string {
	for {
		n := leading(field)
		if n == 0 {
			break
		}
		words = append(words, field[:n])
		field = field[n:]
	}
	end := len(field)
	var tail []string // last sign first
	for {
		n := trailing(field[:end], field[end:], last)
		if n == 0 {
			break
		}
		tail = append(tail, field[end-n:end])
		end -= n
	}
	words = appendCore(words, field[:end])
	for i := len(tail) - 1; i >= 0; i-- {
		words = append(words, tail[i])
	}
	return words
}

// leading returns the length of the sign that text starts with, 0 for none.
func leading(text string) int {
	if text == "" || whole[text] {
		return 0
	}
	if n := len(text) - len(strings.TrimLeft(text, text[:1])); n > 1 && strings.Contains(".-", text[:1]) {
		return n // an ellipsis or a dash
	}
	r, n := utf8.DecodeRuneInString(text)
	rest := text[n:]
	switch {
	case strings.ContainsRune("([{)]}“”„«»‹›\"`$£€¥#&%—–−…,;:!?=<>~±×≥≤@/", r):
		return n
	case r == '\'' || r == '‘' || r == '’':
		word, _, _ := strings.Cut(strings.ToLower(rest), ",")
		if rest == "" || unicode.IsDigit(firstRune(rest)) || elided[strings.TrimRight(word, closers+stops+";:")] {
			return 0 // '80s, 'em
		}
		return n
	case (r == '-' || r == '+') && rest != "" && !unicode.IsDigit(firstRune(rest)) && rest[0] != '/':
		return n
	}
	return 0
}

// trailing returns the length of the sign that text ends with, 0 for none. after
// is what follows text in its field; last says that the sentence may end here.
func trailing(text, after string, last bool) int {
	if text == "" || whole[text] {
		return 0
	}
	end := text[len(text)-1:]
	if n := len(text) - len(strings.TrimRight(text, end)); n > 1 && strings.Contains(".-", end) {
		return n
	}
	r, n := utf8.DecodeLastRuneInString(text)
	stem := text[:len(text)-n]
	switch r {
	case '.':
		if keepsStop(stem, after, last) {
			return 0
		}
		return n
	case ')':
		if strings.Count(text, ")") <= strings.Count(text, "(") {
			return 0 // word(s)
		}
		return n
	case '$', '£', '€':
		if !isNumber(stem) {
			return 0 // US$
		}
		return n
	}
	if strings.ContainsRune(",;:!?%([{]}\"'’‘′″“”„«»‹›`…—–°=<>~±×≥≤™®", r) {
		return n
	}
	return 0
}

// keepsStop reports whether the full stop after stem belongs to the word. At the
// end of a sentence only a word with others inside keeps it ("in the U.S.").
func keepsStop(stem, after string, last bool) bool {
	lower := strings.ToLower(stem)
	known := titles[lower] || numbered[lower] || endings[lower] || isInitials(stem)
	if last {
		return known && strings.Contains(stem, ".")
	}
	return known || strings.Trim(after, ",;:") == ""
}

// isNumber reports digits, with points and commas among them.
func isNumber(word string) bool {
	return word != "" && strings.Trim(word, "0123456789.,") == ""
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }
