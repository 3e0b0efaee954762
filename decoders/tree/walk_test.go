package tree

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/kernels"
)

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
