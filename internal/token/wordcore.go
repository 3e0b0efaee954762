package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// whole are words of signs that nothing is peeled off.
var whole = set(`'s 'm 'd 'll 're 've n't ’s ’m ’d ’ll ’re ’ve n’t [...] […] :) :-) :( :-( ;) ;-) :D :P <3 '' ’’ !! ?? !? ?!`)

// elided are words that start with an apostrophe, written without it.
var elided = set(`em tis twas til till cause bout round n s m d ll re ve`)

// prefixes keep their hyphen in the English Web Treebank's guidelines and in the
// treebanks of the training set.
var prefixes = set(`
	anti non co pre post sub inter mid cross auto multi over pro re semi pseudo hetero micro intra pan extra mini counter ex e
	ultra un trans neo bi tri de hyper super meta macro mega mono poly quasi vice infra peri`)

// suffixes keep theirs.
var suffixes = set(`fold most ray rays shirt shirts mail`)

// fused are words that the treebanks cut in two, with the length of the first.
var fused = map[string]int{"cannot": 3, "gonna": 3, "wanna": 3, "gotta": 3, "gimme": 3, "lemme": 3}

// clitics end a word.
var clitics = []string{"n't", "'s", "'m", "'d", "'ll", "'re", "'ve"}

// appendCore cuts a field without signs at its ends: at signs inside, and before
// clitics.
func appendCore(words []string, core string) []string {
	if core == "" {
		return words
	}
	if whole[core] || isAddress(core) || isDashedNumber(core) {
		return append(words, core)
	}
	start := 0
	for at := 0; at < len(core); {
		n := separator(core, start, at)
		if n == 0 {
			_, n = utf8.DecodeRuneInString(core[at:])
			at += n
			continue
		}
		words = appendClitics(words, core[start:at])
		words = append(words, core[at:at+n])
		at += n
		start = at
	}
	return appendClitics(words, core[start:])
}

// separator returns the length of the sign at core[at:] that stands alone, 0 for
// none; the word that it would end begins at start.
func separator(core string, start, at int) int {
	r, n := utf8.DecodeRuneInString(core[at:])
	left, right := core[start:at], core[at+n:]
	before, _ := utf8.DecodeLastRuneInString(left)
	after := firstRune(right)
	digits := unicode.IsDigit(before) && unicode.IsDigit(after)
	if r == '-' || r == '.' {
		if run := len(core[at:]) - len(strings.TrimLeft(core[at:], core[at:at+1])); run > 1 {
			return run
		}
	}
	switch {
	case r == '°' && at == 0:
		return 0 // °C
	case strings.ContainsRune("–—−…=<>~±×≥≤→°%\"“”„;!?", r):
		return n
	case (r == ',' || r == ':') && !digits, r == '/' && !(digits && isNumber(left)):
		return n
	case (r == '+' || r == '-') && (after == '/' || at > 0 && core[at-1] == '/'):
		return n
	case r == '-' && at > start && right != "" && !keepsHyphen(left, right):
		return n
	}
	return 0
}

// keepsHyphen reports whether the hyphen between left and right is part of a
// word: in e-mail, but not in E-cadherin.
func keepsHyphen(left, right string) bool {
	return prefixes[strings.ToLower(left)] && left != "E" || suffixes[strings.ToLower(right)]
}

// isAddress reports an address of the web, of mail or of a publication.
func isAddress(word string) bool {
	if at := strings.IndexByte(word, '@'); at > 0 && strings.Contains(word[at:], ".") {
		return true
	}
	return strings.Contains(word, "://") || strings.HasPrefix(word, "www.") || strings.HasPrefix(word, "doi:")
}

// isDashedNumber reports a date or a telephone number: digits with at least two
// hyphens.
func isDashedNumber(word string) bool {
	return strings.Count(word, "-") >= 2 && strings.Trim(word, "0123456789-+") == ""
}

// appendClitics cuts clitics and fused words; a word of several clitics
// ("I'd've") is cut from its end.
func appendClitics(words []string, word string) []string {
	if word == "" {
		return words
	}
	if n, ok := fused[strings.ToLower(word)]; ok {
		return append(words, word[:n], word[n:])
	}
	plain := strings.ReplaceAll(strings.ToLower(word), "’", "'")
	for _, clitic := range clitics {
		if stem, ok := strings.CutSuffix(plain, clitic); ok && stem != "" && !isNumber(stem) {
			n := len(clitic)
			if !strings.Contains(word[len(word)-n:], "'") {
				n += len("’") - len("'")
			}
			words = appendClitics(words, word[:len(word)-n])
			return append(words, word[len(word)-n:])
		}
	}
	return append(words, word)
}
