package kerneltest

import (
	"math"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

// Chaining makes a Chains of any device: the host runs the steps and chooses between
// them, as the plainest reading of kernels.Chain has it.
type Chaining struct{ kernels.Device }

// Chain runs the steps one by one.
func (d Chaining) Chain(c *kernels.Chain, step func()) {
	rows, k := len(c.Tokens), c.Candidates.K
	stopped := make([]bool, len(c.Ends))
	for t := &c.Taken; t.Steps < c.Steps && slices.Contains(stopped, false); t.Steps++ {
		step()
		copy(t.Candidates.IDs[t.Steps*rows*k:], c.Candidates.IDs[:rows*k])
		copy(t.Candidates.Logs[t.Steps*rows*k:], c.Candidates.Logs[:rows*k])
		for i := range stopped {
			if !stopped[i] {
				stopped[i] = !advance(c, i)
			}
			lo, hi := c.Searches[i], c.Searches[i+1]
			for r := int(lo); r < int(hi) && stopped[i]; r++ {
				t.Tokens[t.Steps*rows+r] = -1
			}
		}
	}
}

// continuation is a token that may follow a row.
type continuation struct {
	row, token int32
	log        float64
}

// advance lets search i choose; false where it stops.
func advance(c *kernels.Chain, i int) bool {
	lo, hi := c.Searches[i], c.Searches[i+1]
	n, look := int(hi-lo), 1
	if n > 1 {
		look = 2 * n
	}
	var all []continuation
	for r := lo; r < hi; r++ {
		for at := int(r) * c.Candidates.K; at < int(r)*c.Candidates.K+look; at++ {
			if id := c.Candidates.IDs[at]; id >= 0 {
				all = append(all, continuation{r, id, c.Logs[r] + float64(c.Candidates.Logs[at])})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b continuation) int {
		if a.log > b.log {
			return -1
		} else if a.log < b.log {
			return 1
		}
		return 0
	})
	var next []continuation
	for rank, a := range all {
		switch {
		case a.token == c.End && rank < n:
			c.Ends[i].Count++
			c.Ends[i].Best = math.Max(c.Ends[i].Best, a.log*c.Ends[i].Factors[c.Taken.Steps])
		case a.token != c.End && len(next) < n:
			next = append(next, a)
		}
	}
	if len(next) < n {
		return false
	}
	if e := c.Ends[i]; n > 1 && e.Count >= n && (e.Best >= next[0].log*e.Longest || e.Count >= 2*n) {
		return false
	}
	follow(c, int(lo), next)
	return true
}

// follow makes the next step's rows, from row lo on, of what was chosen.
func follow(c *kernels.Chain, lo int, next []continuation) {
	rows, step := len(c.Tokens), c.Taken.Steps
	paths := make([][]int32, len(next))
	for j, a := range next {
		r := lo + j
		c.Taken.Tokens[step*rows+r], c.Taken.From[step*rows+r] = a.token, a.row
		paths[j] = slices.Clone(c.Paths.Path(int(a.row)))
	}
	if step+1 == c.Steps {
		return
	}
	for j, a := range next {
		r := lo + j
		c.Tokens[r], c.Logs[r], c.Slots[r] = a.token, a.log, c.Fresh[step*rows+r]
		c.Positions[r]++
		c.Paths.Count[r]++
		copy(c.Paths.Slots[c.Paths.Start[r]:], append(paths[j], c.Slots[r]))
	}
}
