package mm

import (
	"context"
	"fmt"
	"strings"

	"github.com/mm-runtime/mm/decoders/tree"
	"github.com/mm-runtime/mm/internal/token"
)

func (m *Model) prepareTrees(ctx context.Context, c *call) error {
	if len(c.in.Words) > 0 {
		return m.addTree(ctx, c, c.in.Words)
	}
	if _, err := m.tok.Encode(c.in.Text); err != nil { // before the text is cut up
		return err
	}
	for _, sentence := range token.Sentences(token.Normalize(c.in.Text)) {
		if err := m.addTree(ctx, c, token.Words(sentence)); err != nil {
			return err
		}
	}
	return nil
}

// addTree makes the request for one sentence. One that is longer than the model's
// positions is parsed in parts, whose trees come under one root.
func (m *Model) addTree(ctx context.Context, c *call, words []string) error {
	s, err := m.tokenized(words)
	if err != nil {
		return err
	}
	limit := m.ckpt.Config.Model.MaxPositions - 1 // the command has a position too
	parts, err := s.cut(limit)
	if err != nil {
		return err
	}
	if len(parts) > 1 {
		c.notices = append(c.notices, fmt.Sprintf("a sentence of %d words is %d tokens: it was parsed in %d parts of at most %d",
			len(s.words), s.tokens(), len(parts), limit))
	}
	for i, p := range parts {
		g, err := tree.NewGrammar(m.symbols, p.pieces, m.engine.mixer.Positions()-1)
		if err != nil {
			return err
		}
		var ids []int32
		for _, piece := range p.pieces {
			ids = append(ids, piece...)
		}
		r := newRequest(ctx, c.task, ids...)
		m.search(r, c.in, g, g.MaxTokens()+1) // out of reach: a tree is never cut
		c.parts = append(c.parts, part{request: r, words: p.words, joins: i > 0})
	}
	return nil
}

// wordList is a sentence's words with the tokens of each.
type wordList struct {
	words  []string
	pieces [][]int32
}

// tokenized leaves out words that hold nothing visible.
func (m *Model) tokenized(words []string) (wordList, error) {
	var s wordList
	for _, w := range words {
		p, err := m.tok.Encode(w)
		if err != nil {
			return s, err
		}
		if len(p) == 0 {
			continue
		}
		if w = token.Normalize(w); strings.Contains(w, " ") {
			return s, fmt.Errorf("word %q has white space in it, want single words", w)
		}
		s.words, s.pieces = append(s.words, w), append(s.pieces, p)
	}
	return s, nil
}

func (s wordList) tokens() int {
	n := 0
	for _, p := range s.pieces {
		n += len(p)
	}
	return n
}

// cut returns the words in parts of at most limit tokens, each as long as it can
// be or ending at a comma, semicolon or colon in its second half; none for no
// words.
func (s wordList) cut(limit int) ([]wordList, error) {
	var parts []wordList
	for len(s.words) > 0 {
		n, size := 0, 0
		for n < len(s.words) && size+len(s.pieces[n]) <= limit {
			size += len(s.pieces[n])
			n++
		}
		if n == 0 {
			return nil, fmt.Errorf("a word of %d bytes is %d tokens, want at most %d", len(s.words[0]), len(s.pieces[0]), limit)
		}
		if n < len(s.words) {
			for at := n; at > n/2; at-- {
				if strings.Contains(",;:", s.words[at-1]) {
					n = at
					break
				}
			}
		}
		parts = append(parts, wordList{s.words[:n], s.pieces[:n]})
		s = wordList{s.words[n:], s.pieces[n:]}
	}
	return parts, nil
}
