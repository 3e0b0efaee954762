package tree

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Ids of the tests: pieces of words are below 100.
const (
	end     = 100
	closing = 101
	np      = 102
	vp      = 103
	dt      = 110
	nn      = 111
)

const plenty = 1 << 20 // a budget that never binds

func symbols(t testing.TB) *Symbols {
	t.Helper()
	s, err := NewSymbols(end, closing, map[string]int32{"NP": np, "VP": vp}, map[string]int32{"DT": dt, "NN": nn})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func grammar(t testing.TB, pieces [][]int32, budget int) *Grammar {
	t.Helper()
	g, err := NewGrammar(symbols(t), pieces, budget)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// sentence makes n words of one to three pieces each.
func sentence(n int) (words []string, pieces [][]int32, flat int) {
	for i := range n {
		words = append(words, fmt.Sprint("w", i))
		pieces = append(pieces, slices.Repeat([]int32{int32(i % 100)}, 1+i%3))
		flat += len(pieces[i]) + 1
	}
	return words, pieces, flat
}

// walk drives g with pick until the end and returns the tokens.
func walk(t testing.TB, g *Grammar, pick func(ids []int32) int32) []int32 {
	t.Helper()
	tokens := slices.Clone(g.Start())
	for range 10000 {
		ids := g.Allowed().IDs
		if len(ids) == 0 || !slices.IsSorted(ids) {
			t.Fatalf("after %v: allowed %v, want some in order", tokens, ids)
		}
		token := pick(ids)
		if token == end {
			return tokens
		}
		tokens = append(append(tokens, token), g.Accept(token)...)
	}
	t.Fatal("the walk does not end")
	return nil
}

// check wants tokens to be a tree over exactly words.
func check(t testing.TB, tokens []int32, words []string) *Node {
	t.Helper()
	root, err := symbols(t).Build(tokens, words)
	if err != nil {
		t.Fatalf("%v: %v", tokens, err)
	}
	var leaves []string
	var visit func(n *Node)
	visit = func(n *Node) {
		if (n.Word == "") == (len(n.Children) == 0) {
			t.Fatalf("%v: node %q has %d children and the word %q", tokens, n.Label, len(n.Children), n.Word)
		}
		if n.Word != "" {
			leaves = append(leaves, n.Word)
		}
		for _, c := range n.Children {
			visit(c)
		}
	}
	visit(root)
	if !slices.Equal(leaves, words) {
		t.Fatalf("%v: leaves %v, want %v", tokens, leaves, words)
	}
	if ptb := root.PTB(); strings.Count(ptb, "(") != strings.Count(ptb, ")") || !strings.HasPrefix(ptb, "(ROOT (") {
		t.Fatalf("%q is not a bracketing", ptb)
	}
	return root
}

// TestAllowed follows one tree: the rules of train/reference.py.
func TestAllowed(t *testing.T) {
	_, pieces, _ := sentence(2)
	for _, budget := range []int{plenty, 11} { // as much as the tree has
		g := grammar(t, pieces, budget)
		for i, step := range []struct {
			allowed []int32
			take    int32
			forced  []int32
		}{
			{[]int32{np, vp, dt, nn}, np, nil},
			{[]int32{np, vp, dt, nn}, dt, pieces[1]},
			{[]int32{closing, np, vp, dt, nn}, vp, nil},
			{[]int32{np, vp, dt, nn}, vp, nil},
			{[]int32{dt, nn}, nn, nil},
			{[]int32{closing}, closing, nil},
			{[]int32{closing}, closing, nil},
			{[]int32{closing}, closing, nil},
			{[]int32{end}, end, nil},
		} {
			want := step.allowed
			if i == 4 && budget == plenty {
				want = []int32{np, vp, dt, nn}
			}
			if got := g.Allowed().IDs; !slices.Equal(got, want) {
				t.Fatalf("budget %d, step %d: allowed %v, want %v", budget, i, got, want)
			}
			if step.take == end {
				break
			}
			if got := g.Accept(step.take); !slices.Equal(got, step.forced) {
				t.Fatalf("budget %d, step %d: forced %v, want %v", budget, i, got, step.forced)
			}
		}
	}
}

func TestLimitsOfNesting(t *testing.T) {
	_, pieces, _ := sentence(80)
	g := grammar(t, pieces, plenty)
	for range maxOpen {
		g.Accept(np)
	}
	if got := g.Allowed().IDs; !slices.Equal(got, []int32{dt, nn}) {
		t.Errorf("after %d brackets in a row: allowed %v, want tags", maxOpen, got)
	}
	for g.depth < maxDepth {
		g.Accept(dt)
		g.Accept(np)
	}
	g.Accept(dt)
	if got := g.Allowed().IDs; !slices.Equal(got, []int32{closing, dt, nn}) {
		t.Errorf("in %d brackets: allowed %v, want a closing or tags", maxDepth, got)
	}
}

func TestCloneIsIndependent(t *testing.T) {
	words, pieces, flat := sentence(3)
	g := grammar(t, pieces, flat+2)
	first := append(slices.Clone(g.Start()), np)
	g.Accept(np)
	c := g.Clone(nil).(*Grammar)
	lowest := func(ids []int32) int32 { return ids[0] }
	highest := func(ids []int32) int32 { return ids[len(ids)-1] }
	rest := func(g *Grammar, pick func([]int32) int32) []int32 { return walk(t, g, pick)[len(g.Start()):] }
	check(t, append(slices.Clone(first), rest(c, highest)...), words)
	if got := g.Allowed().IDs; !slices.Equal(got, []int32{dt, nn}) {
		t.Errorf("after its clone ended: allowed %v, want tags", got)
	}
	check(t, append(slices.Clone(first), rest(g, lowest)...), words)
}

func TestNewGrammarErrors(t *testing.T) {
	for _, c := range []struct {
		pieces [][]int32
		budget int
		want   string
	}{
		{nil, plenty, "no words"},
		{[][]int32{{1}, {}}, plenty, "word 1 has no pieces"},
		{[][]int32{{1}, {2, 3}}, 4, "2 words with their tags are 5 tokens, want at most 4"},
	} {
		if _, err := NewGrammar(symbols(t), c.pieces, c.budget); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	if _, err := NewGrammar(symbols(t), [][]int32{{1}, {2, 3}}, 5); err != nil {
		t.Errorf("the smallest budget: %v", err)
	}
}

func TestNewSymbolsErrors(t *testing.T) {
	one := func(name string, id int32) map[string]int32 { return map[string]int32{name: id} }
	for _, c := range []struct {
		labels, tags map[string]int32
		want         string
	}{
		{nil, one("NN", nn), "0 labels and 1 tags"},
		{one("NP", np), nil, "1 labels and 0 tags"},
		{one("NP", end), one("NN", nn), `id 100 stands for the end and for label "NP"`},
		{one("NP", np), one("NN", closing), `id 101 stands for the closing bracket and for tag "NN"`},
		{one("NP", np), one("NN", np), `id 102 stands for label NP and for tag "NN"`},
	} {
		if _, err := NewSymbols(end, closing, c.labels, c.tags); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	_, err := NewSymbols(end, end, one("NP", np), one("NN", nn))
	if want := "id 100 stands for the end and for the closing bracket"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
