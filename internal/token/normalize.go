package token

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// blank are the categories that normalization turns into a space: control and
// format characters, and every kind of separator.
var blank = []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp}

// Normalize returns text in NFC with control and format characters and white
// space of any kind as single spaces, none at the ends. text must be valid
// UTF-8. It is the twin of normalize in train/tokenizer.py.
func Normalize(text string) string {
	text = norm.NFC.String(text)
	var out strings.Builder
	out.Grow(len(text))
	gap := false // a space is due before the next rune
	for _, r := range text {
		if isBlank(r) {
			gap = out.Len() > 0
			continue
		}
		if gap {
			out.WriteByte(' ')
			gap = false
		}
		out.WriteRune(r)
	}
	return out.String()
}

func isBlank(r rune) bool {
	if r < 0x80 {
		return r <= ' ' || r == 0x7f
	}
	return unicode.In(r, blank...)
}
