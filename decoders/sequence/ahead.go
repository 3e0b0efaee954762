package sequence

import (
	"math"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

// A device that runs steps by itself (kernels.Chain) chooses between them as a search
// over free text does, save for what Repeats forbids, which is rare. The search is told
// afterwards, step by step, and stays the judge: where it chooses otherwise, what the
// device did next counts for nothing.

// Foreseeable is how many steps, this one included, a device may run before the search
// hears of the first. It is 1 where the device would not know what may follow.
func (s *Search) Foreseeable() int {
	if len(s.live) != s.opts.Beam || s.opts.Beam > kernels.MostBeam {
		return 1
	}
	for _, h := range s.live {
		if _, free := h.grammar.(*Text); !free || len(h.Next) != 1 || len(h.Path) != len(s.live[0].Path) {
			return 1
		}
	}
	return s.opts.MaxTokens - len(s.live[0].Tokens)
}

// Join adds the live hypotheses, as the next rows, to a chain of c.Steps.
func (s *Search) Join(c *kernels.Chain) {
	c.End = s.opts.End
	for _, h := range s.live {
		c.Logs = append(c.Logs, h.Logp)
	}
	c.Searches = append(c.Searches, int32(len(c.Logs)))
	n := len(c.Ends)
	c.Ends = slices.Grow(c.Ends, 1)[:n+1]
	e := &c.Ends[n] // with the factors' memory of the chain before
	e.Count, e.Best, e.Longest, e.Factors = len(s.finished), math.Inf(-1), 1/s.penalty(s.opts.MaxTokens), e.Factors[:0]
	if best := s.Best(); best != nil {
		e.Best = s.score(best)
	}
	for i := range c.Steps {
		e.Factors = append(e.Factors, 1/s.penalty(s.live[0].steps+1+i))
	}
}

// Agrees says whether the live hypotheses go on with tokens, each behind the row whose
// cache slot stands in slots.
func (s *Search) Agrees(tokens, slots []int32) bool {
	if len(s.live) != len(tokens) {
		return false
	}
	for j, h := range s.live {
		if len(h.Next) != 1 || h.Next[0] != tokens[j] || h.Path[len(h.Path)-1] != slots[j] {
			return false
		}
	}
	return true
}
