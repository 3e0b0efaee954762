package kerneltest

import (
	"fmt"
	"math"
	"sort"

	"github.com/mm-runtime/mm/kernels"
)

func testTopK(s *suite) {
	for _, cols := range []int{1, 3, 31, 64, 257, 8448} {
		for _, rows := range rowCounts() {
			for _, k := range []int{1, 2, 5, 8} {
				logits := s.normal(rows, cols)
				if k == 5 { // ties
					for i := range logits.values {
						logits.values[i] = float32(math.Round(float64(logits.values[i])))
					}
					s.d.Write(logits.Tensor, logits.values)
				}
				s.topK(logits, k, s.allowed(rows, cols))
			}
		}
	}
}

// allowed makes limits, all of them, some or none, and lists of few and many ids.
func (s *suite) allowed(rows, cols int) []kernels.Allowed {
	allowed := make([]kernels.Allowed, rows)
	for r := range allowed {
		switch r % 6 {
		case 0:
			allowed[r].Limit = int32(cols)
		case 1:
			allowed[r].Limit = int32(cols / 2)
		case 2:
			allowed[r].IDs = s.permutation(1, cols)
		case 3:
			allowed[r].IDs = s.permutation((cols+2)/3, cols)
		case 4:
			allowed[r].IDs, allowed[r].Limit = s.permutation((cols+3)/4, (cols+1)/2), int32(cols+1)/2
		}
	}
	return allowed
}

func (s *suite) topK(logits matrix, k int, allowed []kernels.Allowed) {
	c := kernels.Candidates{K: k, IDs: make([]int32, logits.Rows*k), Logs: make([]float32, logits.Rows*k)}
	kernels.TopK(s.d, c, logits.Tensor, allowed)
	for r := range logits.Rows {
		s.best(c.IDs[r*k:(r+1)*k], c.Logs[r*k:(r+1)*k], logits.row(r), allowed[r])
	}
}

// best checks one row's candidates against sorting all allowed ids.
func (s *suite) best(ids []int32, logs, row []float32, allowed kernels.Allowed) {
	s.t.Helper()
	order := append([]int32(nil), allowed.IDs...)
	if len(order) == 0 {
		for id := range allowed.Limit {
			order = append(order, id)
		}
	}
	sort.Slice(order, func(i, j int) bool {
		a, b := order[i], order[j]
		return row[a] > row[b] || row[a] == row[b] && a < b
	})
	among, sum := order, 0.0
	if len(allowed.IDs) > 0 && allowed.Limit > 0 {
		among = nil
		for id := range allowed.Limit {
			among = append(among, id)
		}
	}
	for _, id := range among {
		sum += math.Exp(float64(row[id]) - float64(row[order[0]]))
	}
	for i := range ids {
		what := fmt.Sprintf("candidate %d of %d among %d ids", i, len(ids), len(order))
		if i >= len(order) {
			if ids[i] != -1 || !math.IsInf(float64(logs[i]), -1) {
				s.t.Fatalf("%s: id %d, log %g, want -1 and -Inf", what, ids[i], logs[i])
			}
			continue
		}
		if ids[i] != order[i] {
			s.t.Fatalf("%s: id %d (logit %g), want %d (%g)", what, ids[i], row[max(ids[i], 0)], order[i], row[order[i]])
		}
		best, norm := float64(row[order[0]]), math.Log(sum)
		scale := 1 + math.Abs(best) + math.Abs(norm) + math.Abs(float64(row[ids[i]]))
		s.near(logs[i], float64(row[ids[i]])-best-norm, scale, "%s", what)
	}
}

// testTopKEdges has logits whose exponentials over- or underflow, and equal ones.
func testTopKEdges(s *suite) {
	rows := map[string]func(i int) float32{
		"all equal":  func(int) float32 { return 3 },
		"large":      func(i int) float32 { return 1e4 + float32(i%7) },
		"small":      func(i int) float32 { return -1e4 - float32(i%7) },
		"far apart":  func(i int) float32 { return float32(i*7919%100) * 1e3 },
		"ascending":  func(i int) float32 { return float32(i) / 16 },
		"descending": func(i int) float32 { return -float32(i) / 16 },
	}
	const cols = 1000
	for name, f := range rows {
		values := make([]float32, cols)
		for i := range values {
			values[i] = f(i)
		}
		s.t.Logf("logits %s", name)
		s.topK(s.matrix(1, cols, values), 8, []kernels.Allowed{{Limit: cols}})
		s.topK(s.matrix(1, cols, values), 8, []kernels.Allowed{{IDs: s.permutation(300, cols)}})
	}
}
