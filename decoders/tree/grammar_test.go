package tree

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/kernels"
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

// TestRandomWalks: whatever is decided, a tree over the words comes out, within
// the budget.
func TestRandomWalks(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		words, pieces, flat := sentence(1 + r.IntN(12))
		budget := flat + r.IntN(40)
		if r.IntN(4) == 0 {
			budget = plenty
		}
		g := grammar(t, pieces, budget)
		most := g.MaxTokens()
		opens := r.Float64()
		tokens := walk(t, g, func(ids []int32) int32 {
			if r.Float64() < opens && slices.Contains(ids, np) {
				return np
			}
			return ids[r.IntN(len(ids))]
		})
		if len(tokens) > budget || len(tokens) > most || most > budget {
			t.Fatalf("%d tokens, want at most %d (MaxTokens) within a budget of %d", len(tokens), most, budget)
		}
		check(t, tokens, words)
	}
}

// TestGreediestWalk: always opening reaches the bound exactly, and no budget
// leaves more than one token unused.
func TestGreediestWalk(t *testing.T) {
	most := func(ids []int32) int32 {
		for _, id := range []int32{np, closing, dt} {
			if slices.Contains(ids, id) {
				return id
			}
		}
		return end
	}
	words, pieces, flat := sentence(5)
	for _, budget := range []int{flat, flat + 1, flat + 2, flat + 3, flat + 17, plenty} {
		g := grammar(t, pieces, budget)
		bound := g.MaxTokens()
		tokens := walk(t, g, most)
		check(t, tokens, words)
		if len(tokens) != bound-(bound-flat)%bracket {
			t.Errorf("budget %d: %d tokens, want MaxTokens %d", budget, len(tokens), bound)
		}
	}
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
	c := g.Clone().(*Grammar)
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

// TestSearch: beam search under the grammar with arbitrary scores gives a whole
// tree at every budget, and is never cut when MaxTokens is out of reach.
func TestSearch(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		words, pieces, flat := sentence(1 + r.IntN(8))
		budget := flat + r.IntN(20)
		g := grammar(t, pieces, budget)
		s := sequence.New(sequence.Options{End: end, Beam: 1 + r.IntN(4), MaxTokens: g.MaxTokens() + 1, LengthPenalty: 1}, g)
		for len(s.Live()) > 0 {
			var c kernels.Candidates
			c.Resize(len(s.Live()), s.Width())
			for i, h := range s.Live() {
				h.Path = append(h.Path, h.Next...)
				ids := h.Allowed().IDs
				for k := range c.K {
					c.IDs[i*c.K+k] = -1
				}
				logp := float32(0)
				for k, at := range r.Perm(len(ids))[:min(c.K, len(ids))] {
					logp -= r.Float32()
					c.IDs[i*c.K+k], c.Logs[i*c.K+k] = ids[at], logp
				}
				if len(h.Path) > budget+1 {
					t.Fatalf("%d rows were run, want at most %d", len(h.Path), budget+1)
				}
			}
			s.Advance(c)
		}
		if s.Cut() {
			t.Fatal("the search was cut")
		}
		check(t, s.Best().Tokens, words)
	}
}

// FuzzGrammar drives the automaton by bytes: number of words, spare budget, then
// a decision each; when they run out, the first that is allowed.
func FuzzGrammar(f *testing.F) {
	f.Add([]byte{0, 0})
	f.Add([]byte{3, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add([]byte("\x0a\xff\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x03\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) < 2 {
			return
		}
		words, pieces, flat := sentence(1 + int(data[0])%32)
		budget := flat + int(data[1])
		data = data[2:]
		tokens := walk(t, grammar(t, pieces, budget), func(ids []int32) int32 {
			if len(data) == 0 {
				if slices.Contains(ids, dt) { // else nothing but brackets
					return dt
				}
				return ids[0]
			}
			id := ids[int(data[0])%len(ids)]
			data = data[1:]
			return id
		})
		if len(tokens) > budget {
			t.Fatalf("%d tokens, want at most %d", len(tokens), budget)
		}
		check(t, tokens, words)
	})
}
