// Package token turns text into token ids and back: byte-level byte-pair
// encoding (Sennrich et al. 2016, over bytes as in Radford et al. 2019), and the
// splitting of raw text into sentences and into words.
package token

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pkoukk/tiktoken-go"
)

// pattern cuts normalized text into words before byte pairs are merged. It is
// the twin of PATTERN in train/tokenizer.py.
const pattern = ` ?\p{L}+['’]?| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+`

// maxWord is the length in bytes at which a word of the pattern is cut, because
// merging takes time quadratic in it. Ordinary words never reach it.
const maxWord = 256

// Tokenizer encodes and decodes text. It is immutable and safe for concurrent
// use.
type Tokenizer struct {
	bpe    *tiktoken.Tiktoken
	pieces []string // by rank
}

// Load reads a .tiktoken table of exactly vocabulary.Ranks ranks.
func Load(table []byte, vocabulary Vocabulary) (*Tokenizer, error) {
	pieces, err := readTable(table, vocabulary.Ranks)
	if err != nil {
		return nil, err
	}
	ranks := make(map[string]int, len(pieces))
	for rank, piece := range pieces {
		ranks[piece] = rank
	}
	// The library misbehaves without any special token. This one is never
	// looked for: only EncodeOrdinary is called.
	special := map[string]int{"<end>": len(pieces)}
	core, err := tiktoken.NewCoreBPE(ranks, special, pattern)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	encoding := &tiktoken.Encoding{Name: "mm", PatStr: pattern, MergeableRanks: ranks, SpecialTokens: special}
	return &Tokenizer{bpe: tiktoken.NewTiktoken(core, encoding, map[string]any{"<end>": nil}), pieces: pieces}, nil
}

// Encode returns the ids of the normalized text, none for text that is only
// white space. A space is put in front, so that the first word looks like any
// other. Text that is not UTF-8 is an error that names the byte offset.
func (t *Tokenizer) Encode(text string) ([]int32, error) {
	if at := invalidUTF8(text); at >= 0 {
		return nil, fmt.Errorf("text is not UTF-8: byte %#02x at offset %d", text[at], at)
	}
	text = Normalize(text)
	if text == "" {
		return nil, nil
	}
	text = " " + text
	ids := make([]int32, 0, len(text)/3+1)
	for len(text) > 0 {
		n := beforeLongWord(text)
		for _, id := range t.bpe.EncodeOrdinary(text[:n]) {
			ids = append(ids, int32(id))
		}
		text = text[n:]
	}
	return ids, nil
}

// Decode returns the text of ids without white space at the ends. Ids that are
// not ranks are left out; bytes that are not UTF-8 become U+FFFD.
func (t *Tokenizer) Decode(ids []int32) string {
	s := t.Stream()
	var out strings.Builder
	for _, id := range ids {
		out.WriteString(s.Add(id))
	}
	out.WriteString(s.Flush())
	return out.String()
}

// Piece returns the bytes of a rank, which may be part of a rune, or "" for an
// id that is not a rank.
func (t *Tokenizer) Piece(id int32) string {
	if id < 0 || int(id) >= len(t.pieces) {
		return ""
	}
	return t.pieces[id]
}

// Pieces returns the bytes of all ranks, in order; they must not be changed.
func (t *Tokenizer) Pieces() []string { return t.pieces }

// invalidUTF8 returns the offset of the first byte that is not UTF-8, or -1.
func invalidUTF8(text string) int {
	if utf8.ValidString(text) {
		return -1
	}
	for at := 0; at < len(text); {
		r, n := utf8.DecodeRuneInString(text[at:])
		if r == utf8.RuneError && n == 1 {
			return at
		}
		at += n
	}
	return -1
}

// beforeLongWord returns the length of the longest prefix of text in which no
// run of letters, nor of other signs, has more than maxWord bytes; at least one
// rune. Cutting there leaves all words of ordinary text whole.
func beforeLongWord(text string) int {
	run, class := 0, byte(0)
	for at, r := range text {
		c := wordClass(r)
		if c != class {
			run, class = 0, c
		}
		run += utf8.RuneLen(r)
		if run > maxWord && c != 'N' {
			return at
		}
	}
	return len(text)
}

// wordClass is the part of the pattern that a rune belongs to.
func wordClass(r rune) byte {
	switch {
	case unicode.IsLetter(r):
		return 'L'
	case unicode.IsNumber(r):
		return 'N'
	case r == ' ':
		return ' '
	}
	return 'S'
}
