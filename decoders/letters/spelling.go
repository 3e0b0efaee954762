package letters

import "strings"

// Spelling is the tokens that are spelled with some letters, as a tree: each node is
// a letter behind those of its parent. It is read-only.
type Spelling struct {
	alphabet string
	columns  int // of the logits: the blank and the letters
	nodes    []node
	letters  map[int32][]uint8 // columns of each token's letters
	longest  int               // token
}

// node is a beginning of tokens.
type node struct {
	letter   uint8   // its column; of the root 0
	token    int32   // that ends here, or -1
	children []int32 // nodes
}

// NewSpelling reads the bytes of the tokens, in order of their ids, and the
// letters, in order of their logits.
func NewSpelling(pieces []string, letters string) *Spelling {
	s := &Spelling{letters, 1 + len(letters), []node{{token: -1}}, map[int32][]uint8{}, 0}
	for id, piece := range pieces {
		spelled := make([]uint8, len(piece))
		known := piece != ""
		for i := range len(piece) {
			at := strings.IndexByte(letters, piece[i])
			known = known && at >= 0
			spelled[i] = uint8(1 + at)
		}
		if known {
			s.letters[int32(id)] = spelled
			s.longest = max(s.longest, len(spelled))
			s.nodes[s.find(spelled)].token = int32(id)
		}
	}
	return s
}

// find returns the node of some letters, made where it is not there.
func (s *Spelling) find(spelled []uint8) int {
	at := 0
next:
	for _, letter := range spelled {
		for _, child := range s.nodes[at].children {
			if s.nodes[child].letter == letter {
				at = int(child)
				continue next
			}
		}
		made := len(s.nodes)
		s.nodes = append(s.nodes, node{letter: letter, token: -1})
		s.nodes[at].children = append(s.nodes[at].children, int32(made))
		at = made
	}
	return at
}
