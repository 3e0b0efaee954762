package kernels

// Chains is a Device that runs decode steps one after another by itself: each starts
// from what the one before chose, which the device decides as a search would, and the
// host hears of all of them together instead of once a token.
type Chains interface {
	Device
	// Chain calls step, which is to run one decode step on the lists of c and to end
	// with TopK for c.Candidates, and repeats it on the device. RunChain says more.
	Chain(c *Chain, step func())
}

// MostBeam is the widest beam of a Chain.
const MostBeam = 64

// Chain is a run of decode steps of R rows, each a hypothesis of some search. Between
// two steps every search goes on with the best of what TopK offered it: a search of one
// row with the first token (greedy), one of B rows with the best B continuations among
// the first 2·B of each row that are not the end (beam search), ordered by the sum of
// Logs and the candidate's log-probability, then by row, then by rank. It stops for good
// where a greedy one chose End, where continuations are lacking, or when enough outputs
// have ended, as Ends says.
type Chain struct {
	Steps    int      // at most
	Searches Segments // rows of each search
	End      int32    // the token that ends an output
	Logs     []float64
	Ends     []Ends // of each search
	// What the step's operations get, one a row; the device changes its copies from
	// step to step. The paths of a search are of one length. Each must have room for
	// Steps-1 slots more behind its end, and the same once more half of Paths.Slots
	// further on, where a beam writes the paths of every other step.
	Tokens, Positions, Slots []int32
	Paths                    Paths
	Fresh                    []int32 // (Steps-1, R): the slots of the rows of the steps after the first

	Candidates Candidates // of the step
	Taken      Taken
}

// Ends says when the outputs that a beam has ended are enough: from as many as its rows
// on, when the best of them is at least as good as the best row can become, or when they
// are twice as many. A hypothesis' score is its log-probability times a factor.
type Ends struct {
	Count int     // so far
	Best  float64 // score so far, -Inf for none
	// Factors of outputs that end in each step (Steps), and of the longest output.
	Factors []float64
	Longest float64
}

// Taken is what the steps of a Chain were and chose, a row after the other and a step
// after the other.
type Taken struct {
	Steps      int        // that ran, at least one
	Candidates Candidates // (Steps, R, K)
	// Tokens (Steps, R) are what each row of the next step starts from, -1 where the
	// search has stopped; From are the rows of the step that they follow.
	Tokens, From []int32
}

// RunChain runs up to c.Steps decode steps on d and fills c.Taken. The lists of c may
// have changed afterwards.
func RunChain(d Chains, c *Chain, step func()) {
	rows, searches := len(c.Tokens), len(c.Searches)-1
	if c.Steps < 1 || rows < 1 || len(c.Positions) != rows || len(c.Slots) != rows || len(c.Logs) != rows || len(c.Fresh) != (c.Steps-1)*rows {
		fail("RunChain", "%d steps of %d tokens, %d positions, %d slots and %d log-probabilities, %d fresh slots",
			c.Steps, rows, len(c.Positions), len(c.Slots), len(c.Logs), len(c.Fresh))
	}
	if searches < 1 || len(c.Ends) != searches || c.Candidates.K < 1 || len(c.Candidates.IDs) < rows*c.Candidates.K {
		fail("RunChain", "%d searches, %d ends, room for %d candidates of %d rows, %d each",
			searches, len(c.Ends), len(c.Candidates.IDs), rows, c.Candidates.K)
	}
	checkSegments("RunChain", c.Searches, rows)
	checkPaths("RunChain", c.Paths, rows)
	half := len(c.Paths.Slots) / 2
	for i := range searches {
		lo, hi := c.Searches[i], c.Searches[i+1]
		if n := hi - lo; n < 1 || n > MostBeam || n > 1 && c.Candidates.K < 2*int(n) || len(c.Ends[i].Factors) != c.Steps {
			fail("RunChain", "search %d has %d rows with %d candidates each and %d factors for %d steps", i, n, c.Candidates.K, len(c.Ends[i].Factors), c.Steps)
		}
		for r := lo; r < hi; r++ {
			if end := int(c.Paths.Start[r]) + int(c.Paths.Count[r]) + c.Steps - 1; end > half || c.Paths.Count[r] != c.Paths.Count[lo] {
				fail("RunChain", "path of row %d may come to end at %d, want at most %d, and has %d slots, its search's first %d",
					r, end, half, c.Paths.Count[r], c.Paths.Count[lo])
			}
		}
	}
	c.Taken.resize(c.Steps, rows, c.Candidates.K)
	d.Chain(c, step)
}

// resize makes room for steps of rows with k candidates each.
func (t *Taken) resize(steps, rows, k int) {
	t.Steps = 0
	t.Candidates.Resize(steps*rows, k)
	if n := steps * rows; cap(t.Tokens) < n {
		t.Tokens, t.From = make([]int32, n), make([]int32, n)
	}
	t.Tokens, t.From = t.Tokens[:steps*rows], t.From[:steps*rows]
}

// Step returns the candidates of step i for rows lo up to hi of rows.
func (t *Taken) Step(i, rows, lo, hi int) Candidates {
	k := t.Candidates.K
	lo, hi = (i*rows+lo)*k, (i*rows+hi)*k
	return Candidates{K: k, IDs: t.Candidates.IDs[lo:hi], Logs: t.Candidates.Logs[lo:hi]}
}
