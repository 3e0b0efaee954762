package kerneltest

import (
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// testChain runs the decode steps of a small network as chains, and by Chaining on the
// same device: both must choose the same from the same candidates.
func testChain(s *suite) {
	d, ok := s.d.(kernels.Chains)
	if !ok {
		s.t.Skip("not a device that runs chains")
	}
	for name, c := range map[string]struct {
		beams []int
		steps int
		ends  float32 // how likely outputs are to end
		count int     // outputs that have ended before
		stops int     // searches, at least
	}{
		"greedy":                     {[]int{1}, 8, 0, 0, 0},
		"greedy to the end":          {[]int{1, 1, 1}, 12, 30, 0, 3},
		"a beam":                     {[]int{4}, 8, 0, 0, 0},
		"one step":                   {[]int{2, 1}, 1, 0, 0, 0},
		"beams that end":             {[]int{4, 2}, 9, 30, 0, 2},
		"beams that have long ended": {[]int{4, 2, 8}, 9, 22, 3, 2},
		"all kinds":                  {[]int{1, 3, 1, 4, 16, 1}, 5, 22, 0, 1},
	} {
		s.t.Run(name, func(t *testing.T) {
			n := newChained(newSuite(t, s.d), c.beams, c.steps, c.ends, c.count)
			want, got := n.run(Chaining{s.d}), n.run(d)
			if got.Steps != want.Steps {
				t.Fatalf("%d steps, want %d", got.Steps, want.Steps)
			}
			if stopped := n.stopped(want); stopped < c.stops {
				t.Fatalf("%d searches stop, want a case in which %d do", stopped, c.stops)
			}
			for i := range got.Steps {
				n.compare(got, want, i)
			}
			if again := n.run(d); !slices.Equal(again.Tokens[:again.Steps*n.rows], got.Tokens[:got.Steps*n.rows]) {
				t.Error("the same chain again takes other tokens")
			}
		})
	}
}

// chained is a network of one attention layer and the start of some searches.
type chained struct {
	s                   *suite
	beams               []int
	rows, steps, before int
	ends, logs          []float64
	table, out          kernels.Weight
	bias, cos, sin      matrix
	x, cache, logits    matrix
}

const (
	chainWidth, chainVocabulary, chainEnd = 64, 301, 7
	chainPast                             = 5 // rows that a hypothesis has
)

func newChained(s *suite, beams []int, steps int, ends float32, count int) *chained {
	n := &chained{s: s, beams: beams, steps: steps, before: count}
	for _, b := range beams {
		n.rows += b
	}
	n.table, n.out = s.weight(kernels.I8, 1, chainVocabulary, chainWidth).Weight, s.weight(kernels.I8, 1, chainVocabulary, chainWidth).Weight
	bias := make([]float32, n.rows*chainVocabulary)
	for r := range n.rows {
		bias[r*chainVocabulary+chainEnd] = ends
	}
	n.bias = s.matrix(n.rows, chainVocabulary, bias)
	n.cos, n.sin = s.normal(64, 8), s.normal(64, 8)
	n.x, n.logits = s.empty(n.rows, chainWidth), s.empty(n.rows, chainVocabulary)
	n.cache = s.normal(n.rows*(chainPast+steps), chainWidth)
	for range n.rows {
		n.logs = append(n.logs, -10*s.rng.Float64())
	}
	for i := range len(beams) * (steps + 1) {
		n.ends = append(n.ends, 1/(1+float64(i%(steps+1))/8))
	}
	return n
}

// chain starts the searches.
func (n *chained) chain() *kernels.Chain {
	c := &kernels.Chain{Steps: n.steps, End: chainEnd, Searches: kernels.Segments{0}, Logs: slices.Clone(n.logs)}
	widest := 1
	for i, b := range n.beams {
		c.Searches = append(c.Searches, c.Searches[i]+int32(b))
		at := n.ends[i*(n.steps+1) : (i+1)*(n.steps+1)]
		c.Ends = append(c.Ends, kernels.Ends{Count: n.before, Best: math.Inf(-1), Factors: at[:n.steps], Longest: at[n.steps]})
		if b > 1 {
			widest = max(widest, 2*b)
		}
	}
	room := chainPast + n.steps + 1
	c.Paths.Slots = make([]int32, 2*room*n.rows)
	for r := range n.rows {
		c.Tokens = append(c.Tokens, int32(11*r%chainVocabulary))
		c.Positions = append(c.Positions, chainPast)
		c.Slots = append(c.Slots, int32(r*chainPast+chainPast-1))
		c.Paths.Start, c.Paths.Count = append(c.Paths.Start, int32(r*room)), append(c.Paths.Count, chainPast)
		for i := range chainPast {
			c.Paths.Slots[r*room+i] = int32(r*chainPast + i)
		}
	}
	for i := range (n.steps - 1) * n.rows {
		c.Fresh = append(c.Fresh, int32(n.rows*chainPast+i))
	}
	c.Candidates.Resize(n.rows, widest)
	return c
}

// run runs the chain on d, whose memory is that of the suite's device.
func (n *chained) run(d kernels.Chains) *kernels.Taken {
	c, allowed := n.chain(), make([]kernels.Allowed, n.rows)
	for i := range allowed {
		allowed[i].Limit = chainVocabulary
	}
	n.s.d.Write(n.cache.Tensor, n.cache.values)
	kernels.RunChain(d, c, func() {
		kernels.Embed(d, n.x.Tensor, n.table, c.Tokens, 1)
		kernels.Rope(d, n.x.Tensor, n.cos.Tensor, n.sin.Tensor, 4, c.Positions)
		kernels.StoreRows(d, n.cache.Tensor, n.x.Tensor, c.Slots)
		kernels.PathAttention(d, n.x.Tensor, n.x.Tensor, n.cache.Tensor, n.cache.Tensor, 2, c.Paths)
		kernels.Copy(d, n.logits.Tensor, n.bias.Tensor)
		kernels.MatMul(d, n.logits.Tensor, n.x.Tensor, n.out, true)
		kernels.TopK(d, c.Candidates, n.logits.Tensor, allowed)
	})
	return &c.Taken
}

// stopped counts the searches that stopped.
func (n *chained) stopped(t *kernels.Taken) (count int) {
	first := 0
	for _, b := range n.beams {
		if t.Tokens[(t.Steps-1)*n.rows+first] < 0 {
			count++
		}
		first += b
	}
	return count
}

// compare wants step i of both to be the same, of searches that have not stopped.
func (n *chained) compare(got, want *kernels.Taken, i int) {
	n.s.t.Helper()
	first := 0
	for search, b := range n.beams {
		lo, hi := first, first+b
		first = hi
		if i > 0 && want.Tokens[(i-1)*n.rows+lo] < 0 {
			continue
		}
		a, w := got.Step(i, n.rows, lo, hi), want.Step(i, n.rows, lo, hi)
		if !slices.Equal(a.IDs, w.IDs) {
			n.s.t.Fatalf("step %d, search %d: candidates %v, want %v", i, search, a.IDs, w.IDs)
		}
		n.s.same("log-probabilities", a.Logs, w.Logs)
		lo, hi = i*n.rows+lo, i*n.rows+hi
		if !slices.Equal(got.Tokens[lo:hi], want.Tokens[lo:hi]) {
			n.s.t.Fatalf("step %d, search %d: takes %v, want %v", i, search, got.Tokens[lo:hi], want.Tokens[lo:hi])
		}
		if want.Tokens[lo] >= 0 && !slices.Equal(got.From[lo:hi], want.From[lo:hi]) {
			n.s.t.Fatalf("step %d, search %d: goes on from rows %v, want %v", i, search, got.From[lo:hi], want.From[lo:hi])
		}
	}
}
