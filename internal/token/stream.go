package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Stream decodes ids as they come. The strings of all Add calls and of Flush
// together are what Decode returns for the same ids, and no rune is ever cut.
// A Stream serves one goroutine.
type Stream struct {
	t       *Tokenizer
	pending []byte // the start of a rune whose other bytes have yet to come
	started bool   // something other than white space was returned
	space   []byte // white space seen since; dropped where the text ends
}

// Stream starts a decoder.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t} }

// Add returns the text that id completes, often none. Ids that are not ranks
// add nothing.
func (s *Stream) Add(id int32) string {
	s.pending = append(s.pending, s.t.Piece(id)...)
	return s.drain(false)
}

// Flush ends the text: what is left of an incomplete rune becomes U+FFFD. The
// Stream is then as new.
func (s *Stream) Flush() string {
	text := s.drain(true)
	*s = Stream{t: s.t}
	return text
}

// drain returns the complete runes of pending.
func (s *Stream) drain(end bool) string {
	var out strings.Builder
	rest := s.pending
	for len(rest) > 0 && (end || utf8.FullRune(rest)) {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			n = illFormed(rest)
		}
		s.write(&out, r)
		rest = rest[n:]
	}
	s.pending = s.pending[:copy(s.pending, rest)]
	return out.String()
}

// write holds white space back until more text follows.
func (s *Stream) write(out *strings.Builder, r rune) {
	if unicode.IsSpace(r) {
		if s.started {
			s.space = utf8.AppendRune(s.space, r)
		}
		return
	}
	out.Write(s.space)
	out.WriteRune(r)
	s.started, s.space = true, s.space[:0]
}

// illFormed returns how many bytes at the start of p one U+FFFD stands for: the
// longest start of a rune, or one byte (Unicode 15, section 3.9, "maximal
// subparts"; Python does the same).
func illFormed(p []byte) int {
	n := 1
	for n < len(p) && !utf8.FullRune(p[:n+1]) {
		n++
	}
	return n
}
