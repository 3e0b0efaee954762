// Package tree decodes constituency trees: a grammar automaton under which a
// sequence of decisions can only be a well-formed tree over the given words, and
// the tree itself with its printed forms.
//
// A tree is written as decisions with the words copied in between (after Vinyals
// et al. 2015, "Grammar as a Foreign Language"):
//
//	w1 (S (NP DT w2 NN w3 ) (VP VBD w4 ) . )
//
// The pieces of the first word stand at the start and each tag is followed by
// the pieces of the next word, so the network always sees the word that it is
// about to place. The outermost ROOT is left out.
package tree

import (
	"fmt"
	"slices"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/kernels"
)

// Symbols are the tree tokens of a vocabulary.
type Symbols struct {
	Close, End int32
	labels     map[int32]string // opening brackets
	tags       map[int32]string
	// allowed[m] are the ids of the kinds of decision in bit set m.
	allowed [16][]int32
}

// Kinds of decision, bits of a set.
const (
	mayOpen = 1 << iota
	mayTag
	mayClose
	mayEnd
)

// NewSymbols builds the table from label and tag names to ids.
func NewSymbols(end, closing int32, labels, tags map[string]int32) (*Symbols, error) {
	if len(labels) == 0 || len(tags) == 0 {
		return nil, fmt.Errorf("tree symbols: %d labels and %d tags, want at least one of each", len(labels), len(tags))
	}
	if end == closing {
		return nil, fmt.Errorf("tree symbols: id %d stands for the end and for the closing bracket, want one", end)
	}
	s := &Symbols{Close: closing, End: end, labels: map[int32]string{}, tags: map[int32]string{}}
	seen := map[int32]string{end: "the end", closing: "the closing bracket"}
	for _, kind := range []struct {
		name string
		from map[string]int32
		to   map[int32]string
	}{{"label", labels, s.labels}, {"tag", tags, s.tags}} {
		for name, id := range kind.from {
			if other, ok := seen[id]; ok {
				return nil, fmt.Errorf("tree symbols: id %d stands for %s and for %s %q, want one", id, other, kind.name, name)
			}
			seen[id] = kind.name + " " + name
			kind.to[id] = name
		}
	}
	for set := range s.allowed {
		s.allowed[set] = s.ids(set)
	}
	return s, nil
}

func (s *Symbols) ids(set int) []int32 {
	var ids []int32
	if set&mayOpen != 0 {
		for id := range s.labels {
			ids = append(ids, id)
		}
	}
	if set&mayTag != 0 {
		for id := range s.tags {
			ids = append(ids, id)
		}
	}
	if set&mayClose != 0 {
		ids = append(ids, s.Close)
	}
	if set&mayEnd != 0 {
		ids = append(ids, s.End)
	}
	slices.Sort(ids)
	return ids
}

// Limits that keep every output finite; no tree of the training sets exceeds
// them.
const (
	maxOpen  = 8  // brackets opened in a row
	maxDepth = 64 // brackets open at once
	// maxConstituents a word, and a few more: what an output's places are kept for.
	maxConstituents, moreConstituents = 2, 8
)

// Grammar is the automaton over one sentence: every word gets exactly one tag,
// in order; brackets balance and none is empty; the end comes when both are so,
// within a budget of tokens. It implements sequence.Grammar.
type Grammar struct {
	symbols *Symbols
	pieces  [][]int32 // of each word
	word    int       // words tagged so far
	depth   int
	opened  int // brackets opened since the last tag or closing
	// spare are the tokens of the budget that the rest of the output (words, tags,
	// brackets to close) does not need. Only opening a bracket spends them.
	spare int
}

// bracket is the cost in tokens of a constituent: its opening and its closing.
const bracket = 2

// NewGrammar starts the automaton for words given as token pieces; there must be
// at least one, and each needs at least one piece. No output has more than
// budget tokens, the end not counted: brackets that would leave no room for the
// rest are not allowed. A budget that does not even hold the words and their
// tags is an error.
func NewGrammar(s *Symbols, pieces [][]int32, budget int) (*Grammar, error) {
	if len(pieces) == 0 {
		return nil, fmt.Errorf("tree: no words, want at least one")
	}
	flat := 0
	for i, p := range pieces {
		if len(p) == 0 {
			return nil, fmt.Errorf("tree: word %d has no pieces, want at least one", i)
		}
		flat += len(p) + 1
	}
	if flat > budget {
		return nil, fmt.Errorf("tree: %d words with their tags are %d tokens, want at most %d", len(pieces), flat, budget)
	}
	spare := bracket * (maxConstituents*len(pieces) + moreConstituents)
	return &Grammar{symbols: s, pieces: pieces, spare: min(spare, budget-flat)}, nil
}

// Start is the pieces of the first word.
func (g *Grammar) Start() []int32 { return g.pieces[0] }

// Allowed lists the decisions that keep the output completable.
func (g *Grammar) Allowed() kernels.Allowed {
	set := 0
	if g.word < len(g.pieces) {
		set |= mayTag
		if g.opened < maxOpen && g.depth < maxDepth && g.spare >= bracket {
			set |= mayOpen
		}
	}
	if g.depth > 0 && g.opened == 0 {
		set |= mayClose
	}
	if g.depth == 0 && g.word == len(g.pieces) {
		set |= mayEnd
	}
	return kernels.Allowed{IDs: g.symbols.allowed[set]}
}

// Forbidden adds nothing: Allowed says it all.
func (g *Grammar) Forbidden(ids, _ []int32) []int32 { return ids }

// Weigh leaves the network's word.
func (g *Grammar) Weigh(_ int32, log float64) float64 { return log }

// Accept takes an allowed decision; after a tag it forces the next word.
func (g *Grammar) Accept(token int32) []int32 {
	_, opens := g.symbols.labels[token]
	switch {
	case token == g.symbols.Close:
		g.depth--
		g.opened = 0
	case opens:
		g.depth++
		g.opened++
		g.spare -= bracket
	default: // a tag
		g.word++
		g.opened = 0
		if g.word < len(g.pieces) {
			return g.pieces[g.word]
		}
	}
	return nil
}

// Clone copies the automaton's state; the words are shared.
func (g *Grammar) Clone(old sequence.Grammar) sequence.Grammar {
	c, ok := old.(*Grammar)
	if !ok {
		c = new(Grammar)
	}
	*c = *g
	return c
}

// MaxTokens bounds the length of any output from the start, the end not counted.
// It is the budget or less; call it before the first Accept.
func (g *Grammar) MaxTokens() int {
	n := g.spare
	for _, p := range g.pieces {
		n += len(p) + 1
	}
	return n
}
