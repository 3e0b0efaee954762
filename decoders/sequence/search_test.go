package sequence

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

const (
	command = 90
	end     = 3 // of the toy vocabulary: 0, 1, 2 and the end
)

// toy is a model over a vocabulary of end+1 tokens with a log-probability for
// every token after every prefix. slots is its cache: the token of each row run.
type toy struct {
	slots []int32
	logit func(prefix []int32, token int32) float64
	more  int // candidates than are wanted
}

// hashed gives logits that depend on the whole prefix and look random.
func hashed(seed int) func([]int32, int32) float64 {
	return func(prefix []int32, token int32) float64 {
		h := fnv.New64a()
		fmt.Fprint(h, seed, prefix, token)
		return 3 * float64(h.Sum64()%1000) / 1000
	}
}

// logs are the log-probabilities of the allowed tokens.
func (m *toy) logs(prefix []int32, allowed []int32) []float64 {
	logs, sum := make([]float64, len(allowed)), 0.0
	for i, token := range allowed {
		logs[i] = m.logit(prefix, token)
		sum += math.Exp(logs[i])
	}
	for i := range logs {
		logs[i] = float64(float32(logs[i] - math.Log(sum)))
	}
	return logs
}

func ids(a kernels.Allowed) []int32 {
	list := slices.Clone(a.IDs)
	for id := int32(0); len(a.IDs) == 0 && id < a.Limit; id++ {
		list = append(list, id)
	}
	return list
}

// run drives s to its end as the batch does.
func (m *toy) run(t *testing.T, s *Search) *Hypothesis {
	t.Helper()
	for range 1000 {
		live := s.Live()
		if len(live) == 0 {
			return s.Best()
		}
		var c kernels.Candidates
		c.Resize(len(live), s.Width()+m.more)
		for i, h := range live {
			for _, token := range h.Next {
				h.Path = append(h.Path, int32(len(m.slots)))
				m.slots = append(m.slots, token)
			}
			prefix := m.prefix(t, h)
			allowed := ids(h.Allowed())
			m.fill(c, i, allowed, m.logs(prefix, allowed))
		}
		s.Advance(c)
	}
	t.Fatal("the search does not end")
	return nil
}

// prefix reads the path of h, which must be the command and its tokens.
func (m *toy) prefix(t *testing.T, h *Hypothesis) []int32 {
	t.Helper()
	var read []int32
	for _, slot := range h.Path {
		read = append(read, m.slots[slot])
	}
	if want := append([]int32{command}, h.Tokens...); !slices.Equal(read, want) {
		t.Fatalf("path holds %v, want %v", read, want)
	}
	return read[1:]
}

// fill makes row i: best first, ties to the lower id, absent ones -1.
func (m *toy) fill(c kernels.Candidates, i int, allowed []int32, logs []float64) {
	order := make([]int, len(allowed))
	for k := range order {
		order[k] = k
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(logs[b], logs[a]) })
	for k := range c.K {
		c.IDs[i*c.K+k] = -1
		if k < len(order) {
			c.IDs[i*c.K+k], c.Logs[i*c.K+k] = allowed[order[k]], float32(logs[order[k]])
		}
	}
}

// brute returns the best output of fewer than most tokens by trying all.
func (m *toy) brute(most int, alpha float64) (best []int32, score float64) {
	score = math.Inf(-1)
	var try func(prefix []int32, logp float64)
	try = func(prefix []int32, logp float64) {
		logs := m.logs(prefix, []int32{0, 1, 2, end})
		n := float64(len(prefix) + 1)
		if s := (logp + logs[end]) / math.Pow((5+n)/6, alpha); s > score {
			best, score = slices.Clone(prefix), s
		}
		for token := int32(0); token < end && len(prefix)+1 < most; token++ {
			try(append(slices.Clip(prefix), token), logp+logs[token])
		}
	}
	try([]int32{}, 0)
	return best, score
}

func text(beam, most int, alpha float64) *Search {
	return New(Options{Command: command, End: end, Beam: beam, MaxTokens: most, LengthPenalty: alpha}, &Text{Limit: end + 1})
}

func TestWideBeamIsExact(t *testing.T) {
	for seed := range 20 {
		for _, alpha := range []float64{0, 0.6, 2} {
			m := &toy{logit: hashed(seed)}
			want, score := m.brute(5, alpha)
			s := text(400, 5, alpha)
			best := m.run(t, s)
			if !slices.Equal(best.Tokens, want) || math.Abs(s.score(best)-score) > 1e-9 || s.Cut() {
				t.Errorf("seed %d, alpha %v: %v with %v, want %v with %v", seed, alpha, best.Tokens, s.score(best), want, score)
			}
			if got, want := best.Decisions(), len(best.Tokens)+1; got != want {
				t.Errorf("seed %d: %d decisions, want %d", seed, got, want)
			}
		}
	}
}

func TestNarrowBeamIsHonest(t *testing.T) {
	for seed := range 50 {
		m := &toy{logit: hashed(seed)}
		s := text(2, 8, 1)
		best := m.run(t, s)
		logp := 0.0
		for i, token := range append(slices.Clone(best.Tokens), end) {
			logp += m.logs(best.Tokens[:i], []int32{0, 1, 2, end})[token]
			if s.Cut() && i+1 == len(best.Tokens) {
				break
			}
		}
		if math.Abs(logp-best.Logp) > 1e-9 {
			t.Errorf("seed %d: %v scored %v, want %v", seed, best.Tokens, best.Logp, logp)
		}
	}
}

func TestGreedyTakesTheBest(t *testing.T) {
	for seed := range 20 {
		m := &toy{logit: hashed(seed)}
		var want []int32
		cut := true
		for len(want) < 12 {
			logs := m.logs(want, []int32{0, 1, 2, end})
			token := int32(slices.Index(logs, slices.Max(logs)))
			if token == end {
				cut = false
				break
			}
			want = append(want, token)
		}
		s := text(1, 12, 1)
		if got := m.run(t, s); !slices.Equal(got.Tokens, want) || s.Cut() != cut {
			t.Errorf("seed %d: %v, cut %v; want %v, %v", seed, got.Tokens, s.Cut(), want, cut)
		}
	}
}

// TestTies: among equals the lower token wins, of the hypothesis that stood
// before.
func TestTies(t *testing.T) {
	even := func([]int32, int32) float64 { return 0 }
	for beam, want := range map[int]string{1: "[0 0 0] true", 2: "[0 0 0] true", 3: "[0 0 0] true", 4: "[] false"} {
		for range 3 {
			s := text(beam, 3, 0)
			best := (&toy{logit: even}).run(t, s)
			if got := fmt.Sprint(best.Tokens, s.Cut()); got != want {
				t.Errorf("beam %d: %s, want %s", beam, got, want)
			}
		}
	}
}

func TestCut(t *testing.T) {
	never := func(_ []int32, token int32) float64 { return -float64(100*(token/end)) - float64(token) }
	for _, beam := range []int{1, 2} {
		s := text(beam, 5, 1)
		best := (&toy{logit: never}).run(t, s)
		if !s.Cut() || !slices.Equal(best.Tokens, []int32{0, 0, 0, 0, 0}) {
			t.Errorf("beam %d: %v, cut %v; want five zeros, cut", beam, best.Tokens, s.Cut())
		}
	}
	atOnce := func(_ []int32, token int32) float64 { return 100 * float64(token/end) }
	for _, beam := range []int{1, 4} {
		s := text(beam, 5, 1)
		if best := (&toy{logit: atOnce}).run(t, s); s.Cut() || len(best.Tokens) != 0 {
			t.Errorf("beam %d: %v, cut %v; want nothing, whole", beam, best.Tokens, s.Cut())
		}
	}
}

// TestNoCandidates: rows without any candidate end the search with a score that
// is no number, whatever was found before.
func TestNoCandidates(t *testing.T) {
	for _, beam := range []int{1, 3} {
		s := text(beam, 5, 1)
		var c kernels.Candidates
		if beam > 1 { // one output is finished, one goes on
			c.Resize(1, 2)
			copy(c.IDs, []int32{end, 0})
			copy(c.Logs, []float32{-1, -2})
			s.Advance(c)
		}
		c.Resize(len(s.Live()), s.Width())
		for i := range c.IDs {
			c.IDs[i], c.Logs[i] = -1, float32(math.Inf(-1))
		}
		s.Advance(c)
		if best := s.Best(); len(s.Live()) != 0 || best == nil || !math.IsInf(best.Logp, -1) {
			t.Errorf("beam %d: %d live, best %+v; want none and one of log-probability -Inf", beam, len(s.Live()), best)
		}
	}
}

func TestGreedyStepAllocatesNothing(t *testing.T) {
	s := text(1, 5000, 1)
	c := kernels.Candidates{K: 1, IDs: []int32{1}, Logs: []float32{-0.1}}
	step := func() {
		for _, h := range s.Live() {
			for range h.Next {
				h.Path = append(h.Path, 7)
			}
			_ = h.Allowed()
		}
		s.Advance(c)
	}
	if n := testing.AllocsPerRun(2000, step); n != 0 {
		t.Errorf("%v allocations a step, want 0", n)
	}
	if len(s.Live()) != 1 {
		t.Fatal("the search ended early")
	}
}
