package tree

import (
	"fmt"
	"strings"
	"unicode"
)

// Node is a constituent (Label and Children) or a leaf (Label is the word's tag,
// Word the word).
type Node struct {
	Label    string  `json:"label"`
	Word     string  `json:"word,omitempty"`
	Children []*Node `json:"children,omitempty"`
}

// Build makes the tree of a decided sequence over words, under a ROOT. tokens
// are as the Grammar produced them, forced pieces included.
func (s *Symbols) Build(tokens []int32, words []string) (*Node, error) {
	root := &Node{Label: "ROOT"}
	stack := []*Node{root}
	next := 0
	for i, t := range tokens {
		top := stack[len(stack)-1]
		if label, ok := s.labels[t]; ok {
			n := &Node{Label: label}
			top.Children = append(top.Children, n)
			stack = append(stack, n)
		} else if tag, ok := s.tags[t]; ok {
			if next == len(words) {
				return nil, fmt.Errorf("tree: token %d: tag %s after the last of %d words", i, tag, len(words))
			}
			top.Children = append(top.Children, &Node{Label: tag, Word: words[next]})
			next++
		} else if t == s.Close {
			if len(stack) == 1 || len(top.Children) == 0 {
				return nil, fmt.Errorf("tree: token %d closes no bracket or an empty one", i)
			}
			stack = stack[:len(stack)-1]
		}
	}
	if len(stack) != 1 || next != len(words) {
		return nil, fmt.Errorf("tree: %d brackets left open and %d of %d words placed, want 0 and all", len(stack)-1, next, len(words))
	}
	return root, nil
}

// escapes are the Penn Treebank's names for brackets as words.
var escapes = strings.NewReplacer("(", "-LRB-", ")", "-RRB-")

// leaf is word as a leaf can hold it; white space, which ends a leaf, becomes an
// underscore.
func leaf(word string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, escapes.Replace(word))
}

// PTB writes the tree on one line in Penn Treebank brackets.
func (n *Node) PTB() string {
	var b strings.Builder
	n.ptb(&b)
	return b.String()
}

func (n *Node) ptb(b *strings.Builder) {
	b.WriteByte('(')
	b.WriteString(n.Label)
	if n.Word != "" {
		b.WriteByte(' ')
		b.WriteString(leaf(n.Word))
	}
	for _, c := range n.Children {
		b.WriteByte(' ')
		c.ptb(b)
	}
	b.WriteByte(')')
}

// Draw writes the tree indented with lines, one constituent or word a line.
func (n *Node) Draw() string {
	var b strings.Builder
	n.draw(&b, "", "")
	return strings.TrimSuffix(b.String(), "\n")
}

func (n *Node) draw(b *strings.Builder, first, rest string) {
	b.WriteString(first + n.Label)
	if n.Word != "" {
		b.WriteString(" " + n.Word)
	}
	b.WriteByte('\n')
	for i, c := range n.Children {
		if i == len(n.Children)-1 {
			c.draw(b, rest+"└─ ", rest+"   ")
		} else {
			c.draw(b, rest+"├─ ", rest+"│  ")
		}
	}
}
