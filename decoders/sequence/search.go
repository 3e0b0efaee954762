// Package sequence makes token sequences out of next-token scores: greedy and
// beam search as a state machine that a batch drives step by step. It runs no
// network: whoever owns the batch asks what to run (Live), runs it together with
// everybody else's rows, and hands the scores back (Advance).
package sequence

import (
	"cmp"
	"math"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

// Grammar says what may come next. Text is any text; decoders/tree has the one
// that only well-formed trees satisfy.
type Grammar interface {
	// Start returns the tokens to place before the first decision.
	Start() []int32
	// Allowed restricts the next decision.
	Allowed() kernels.Allowed
	// Forbidden appends to ids tokens that Allowed has and that may yet not follow
	// the ones written: hardly ever any, and never the end.
	Forbidden(ids, written []int32) []int32
	// Weigh returns the log-probability of a decision to which the network gives log:
	// log itself, where nothing else has a say. Neither is above 0.
	Weigh(token int32, log float64) float64
	// Accept takes a decision and returns tokens that must follow it, which are
	// not decisions. They may be read until the next call.
	Accept(token int32) []int32
	// Clone returns an independent copy in the same state, in the place of old, which
	// nobody needs any more, where that can be: a copy or nil.
	Clone(old Grammar) Grammar
}

// Options of a search.
type Options struct {
	Command int32 // first token of every output, given to the network, not returned
	End     int32 // the token that ends an output
	Beam    int   // hypotheses kept; 1 is greedy
	// MaxTokens is the longest output; longer ones are cut there and reported.
	MaxTokens int
	// LengthPenalty α divides a finished hypothesis' log-probability by
	// ((5+n)/6)^α for n tokens (Wu et al. 2016, equation 14).
	LengthPenalty float64
	// Wider is how many candidates more are weighed for each hypothesis, where the
	// grammar may prefer others than the network.
	Wider int
}

// Hypothesis is one output so far.
type Hypothesis struct {
	Tokens []int32 // decided and forced, without command and end
	Logp   float64 // of the decisions
	// Next are the tokens to run now; the scores of the last one are wanted.
	Next []int32
	// Path are the cache slots of the rows run so far. The batch appends to it
	// as it runs Next.
	Path      []int32
	grammar   Grammar
	forbidden []int32 // for the decision that follows Next
	steps     int     // decisions made, the end among them
}

// Decisions is the number of tokens that were chosen rather than forced, the end
// among them.
func (h *Hypothesis) Decisions() int { return h.steps }

// Allowed restricts the decision that follows Next.
func (h *Hypothesis) Allowed() kernels.Allowed { return h.grammar.Allowed() }

// Search is one output being made. A step allocates only where an output ends or
// something grows beyond what New reserved.
type Search struct {
	opts     Options
	live     []*Hypothesis
	next     []*Hypothesis // empty between steps, as long as live
	free     []*Hypothesis // to be overwritten
	picks    []pick
	finished []*Hypothesis
	long     []*Hypothesis // cut at MaxTokens
	cut      bool
}

// pick is a candidate continuation: token after live hypothesis from.
type pick struct {
	from  int
	token int32
	logp  float64
}

// New starts a search under g.
func New(opts Options, g Grammar) *Search {
	s := &Search{opts: opts}
	s.picks = make([]pick, 0, opts.Beam*s.wanted())
	h := s.blank()
	h.grammar = g
	h.Next = append(h.Next, opts.Command)
	h.force(g.Start())
	s.live = append(make([]*Hypothesis, 0, opts.Beam), h)
	if opts.Beam > 1 { // as many as there are and as many as come from them
		s.next = make([]*Hypothesis, 0, opts.Beam)
		for range 2*opts.Beam - 1 {
			s.free = append(s.free, s.blank())
		}
	}
	return s
}

// blank is a hypothesis with room for the longest output.
func (s *Search) blank() *Hypothesis {
	return &Hypothesis{
		Tokens:    make([]int32, 0, s.opts.MaxTokens+1),
		Path:      make([]int32, 0, s.opts.MaxTokens+2),
		Next:      make([]int32, 0, 16),
		forbidden: make([]int32, 0, 8),
	}
}

// Live returns the hypotheses whose Next rows are to be run. It is empty when
// the search is done.
func (s *Search) Live() []*Hypothesis { return s.live }

// Width is the number of candidates that Advance wants for each live hypothesis:
// as many more as are forbidden, so that they never crowd out the others.
func (s *Search) Width() int {
	forbidden := 0
	for _, h := range s.live {
		forbidden = max(forbidden, len(h.forbidden))
	}
	return s.wanted() + forbidden
}

// wanted is how many continuations of a hypothesis are looked at.
func (s *Search) wanted() int {
	if s.opts.Beam == 1 {
		return 1 + s.opts.Wider
	}
	return 2*s.opts.Beam + s.opts.Wider // so that ends never crowd out continuations
}

// Advance takes the best next tokens of the live hypotheses, in their order; it
// may get more candidates than Width a row. Forbidden ones are passed over; the
// others keep their log-probabilities, which are among all that Allowed has.
func (s *Search) Advance(c kernels.Candidates) {
	s.gather(c)
	switch {
	case len(s.picks) == 0:
		s.stop(c)
	case s.opts.Beam == 1:
		s.greedy(s.picks[0])
	default:
		s.spread()
	}
	s.prune()
}

// stop ends a search without continuations: as the output is where all were
// forbidden; with a score of -Inf, which nothing found before may hide, where
// there was no candidate at all, which scores that are no numbers give.
func (s *Search) stop(c kernels.Candidates) {
	h, logp := s.live[0], s.live[0].Logp
	if c.IDs[0] < 0 {
		s.finished, logp = s.finished[:0], math.Inf(-1)
	}
	s.finish(h, logp)
	s.live = s.live[:0]
}

func (s *Search) greedy(p pick) {
	h := s.live[0]
	if p.token == s.opts.End {
		s.finish(h, p.logp)
		s.live = s.live[:0]
		return
	}
	h.take(p.token, p.logp)
}

// spread lets the best continuations live and the best ends finish.
func (s *Search) spread() {
	for rank, p := range s.picks {
		if p.token == s.opts.End {
			if rank < s.opts.Beam {
				s.finish(s.fork(s.live[p.from]), p.logp)
			}
			continue
		}
		if len(s.next) < s.opts.Beam {
			h := s.fork(s.live[p.from])
			h.take(p.token, p.logp)
			s.next = append(s.next, h)
		}
	}
	s.free = append(s.free, s.live...)
	s.live, s.next = s.next, s.live[:0]
}

// gather collects the continuations of all live hypotheses, best first; equal
// ones in order of hypothesis and token, so that results never depend on luck.
func (s *Search) gather(c kernels.Candidates) {
	s.picks = s.picks[:0]
	for i, h := range s.live {
		left := s.wanted()
		for k := i * c.K; k < (i+1)*c.K && left > 0; k++ {
			if id := c.IDs[k]; id >= 0 && !slices.Contains(h.forbidden, id) {
				s.picks = append(s.picks, pick{i, id, h.Logp + h.grammar.Weigh(id, float64(c.Logs[k]))})
				left--
			}
		}
	}
	slices.SortStableFunc(s.picks, func(a, b pick) int { return cmp.Compare(b.logp, a.logp) })
}

// prune cuts hypotheses that reached the length limit and ends the search when no
// live one can still win.
func (s *Search) prune() {
	s.shorten()
	if len(s.finished) < s.opts.Beam || len(s.live) == 0 {
		return
	}
	// Log-probabilities only fall; the longest output has the kindest divisor.
	bound := s.live[0].Logp / s.penalty(s.opts.MaxTokens)
	if best := s.Best(); s.score(best) >= bound || len(s.finished) >= 2*s.opts.Beam {
		s.live = s.live[:0]
	}
}

// shorten takes hypotheses at the length limit out. Where a grammar forces
// tokens, some reach it before others. Only if nothing else is left are they the
// output.
func (s *Search) shorten() {
	kept := s.live[:0]
	for _, h := range s.live {
		if len(h.Tokens) < s.opts.MaxTokens {
			kept = append(kept, h)
		} else {
			s.long = append(s.long, h)
		}
	}
	s.live = kept
	if len(s.live) == 0 && len(s.finished) == 0 {
		s.finished, s.cut = append(s.finished, s.long...), true
	}
}

// finish takes a hypothesis whose last decision was to end.
func (s *Search) finish(h *Hypothesis, logp float64) {
	h.Logp = logp
	h.steps++
	s.finished = append(s.finished, h)
}

func (s *Search) penalty(steps int) float64 {
	return math.Pow((5+float64(steps))/6, s.opts.LengthPenalty)
}

func (s *Search) score(h *Hypothesis) float64 { return h.Logp / s.penalty(h.steps) }

// Best is the finished hypothesis of the highest normalized score, nil before
// any has finished.
func (s *Search) Best() *Hypothesis {
	var best *Hypothesis
	for _, h := range s.finished {
		if best == nil || s.score(h) > s.score(best) {
			best = h
		}
	}
	return best
}

// Cut says whether the output was cut at MaxTokens.
func (s *Search) Cut() bool { return s.cut }

// take decides token: it and what the grammar forces run next.
func (h *Hypothesis) take(token int32, logp float64) {
	h.Logp = logp
	h.steps++
	h.Tokens = append(h.Tokens, token)
	h.Next = append(h.Next[:0], token)
	h.force(h.grammar.Accept(token))
}

func (h *Hypothesis) force(tokens []int32) {
	h.Tokens = append(h.Tokens, tokens...)
	h.Next = append(h.Next, tokens...)
	h.forbidden = h.grammar.Forbidden(h.forbidden[:0], h.Tokens)
}

// fork returns a copy of h, which has not run its next tokens.
func (s *Search) fork(h *Hypothesis) *Hypothesis {
	var c *Hypothesis
	if n := len(s.free); n > 0 {
		c, s.free = s.free[n-1], s.free[:n-1]
	} else {
		c = s.blank()
	}
	c.Tokens, c.Path = append(c.Tokens[:0], h.Tokens...), append(c.Path[:0], h.Path...)
	c.Next, c.forbidden = c.Next[:0], c.forbidden[:0]
	c.Logp, c.steps, c.grammar = h.Logp, h.steps, h.grammar.Clone(c.grammar)
	return c
}
