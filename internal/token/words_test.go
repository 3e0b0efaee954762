package token

import (
	"slices"
	"strings"
	"testing"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"The cat sat.":                        "The cat sat .",
		"Don't say they'll, can't or won’t!":  "Do n't say they 'll , ca n't or wo n’t !",
		"John's dogs' I'm we're I've he'd.":   "John 's dogs ' I 'm we 're I 've he 'd .",
		"I'd've gonna cannot":                 "I 'd 've gon na can not",
		"Mr. Smith paid $1,000.50, i.e. 5%.":  "Mr. Smith paid $ 1,000.50 , i.e. 5 % .",
		"See Fig. 3 (and e.g. No. 5).":        "See Fig. 3 ( and e.g. No. 5 ) .",
		"He lives in the U.S.":                "He lives in the U.S.",
		"Pens, paper, etc., are here, etc.":   "Pens , paper , etc. , are here , etc .",
		`"I went." he said`:                   `" I went . " he said`,
		`He said "so," and left.”`:            `He said " so , " and left . ”`,
		"It ended.[14]":                       "It ended.[14 ]",
		"It ended. [14]":                      "It ended . [ 14 ]",
		"a full-time, non-zero e-mail":        "a full - time , non-zero e-mail",
		"E-cadherin and 2-fold X-rays":        "E - cadherin and 2-fold X-rays",
		"and/or 1/2 of Pygo1/2 in 2001-05-12": "and / or 1/2 of Pygo1 / 2 in 2001-05-12",
		"Wnt4-/- and +/+ mice":                "Wnt4 - / - and + / + mice",
		"at 2:30 p.m. on 1990–1995":           "at 2:30 p.m. on 1990 – 1995",
		"n=6, p<0.05 at 37 °C":                "n = 6 , p < 0.05 at 37 °C",
		"see http://a.b/c?d=1, or me@x.org.":  "see http://a.b/c?d=1 , or me@x.org .",
		"wait--no... yes—well":                "wait -- no ... yes — well",
		"'Tis the '80s, 'he said'":            "'Tis the '80s , ' he said '",
		"word(s) (a) f(x)":                    "word(s) ( a ) f(x)",
		"O'Brien's 5 o'clock":                 "O'Brien 's 5 o'clock",
		"the 1930’s -5 US$ AT&T":              "the 1930’s -5 US$ AT&T",
		"What?! Really?":                      "What ? ! Really ?",
		"":                                    "",
		".":                                   ".",
		`""`:                                  `" "`,
	} {
		got := Words(text)
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q\n got %q\nwant %q", text, got, strings.Fields(want))
		}
		if again := Words(strings.Join(got, " ")); text != `"I went." he said` && !slices.Equal(again, got) {
			t.Errorf("%q: words %q, cut again %q", text, got, again)
		}
		checkWords(t, text)
	}
}

func checkWords(t *testing.T, text string) {
	t.Helper()
	words := Words(text)
	if slices.Contains(words, "") || strings.Join(words, "") != strings.Join(strings.Fields(text), "") {
		t.Fatalf("Words(%q) = %q: something is lost or empty", text, words)
	}
}
