package kerneltest

import (
	"math"
	"sort"

	"github.com/mm-runtime/mm/kernels"
)

// pair is a row, an expert and the row's gate for it.
type pair struct {
	row, expert int
	gate        float64
}

// route is Route by sorting: the pairs in routing order.
func route(logits matrix, top int) []pair {
	var pairs []pair
	for r := range logits.Rows {
		row := logits.row(r)
		order := make([]int, len(row))
		for e := range order {
			order[e] = e
		}
		sort.SliceStable(order, func(i, j int) bool { return row[order[i]] > row[order[j]] })
		sum := 0.0
		for _, e := range order[:top] {
			sum += math.Exp(float64(row[e]) - float64(row[order[0]]))
		}
		for _, e := range order[:top] {
			pairs = append(pairs, pair{r, e, math.Exp(float64(row[e])-float64(row[order[0]])) / sum})
		}
	}
	sort.SliceStable(pairs, func(i, j int) bool { return pairs[i].expert < pairs[j].expert })
	return pairs
}

func testRouting(s *suite) {
	for _, c := range []struct{ experts, top int }{{1, 1}, {8, 2}, {8, 1}, {5, 5}} {
		routing, err := s.d.NewRouting(40, c.experts, c.top)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, rows := range rowCounts() {
			for _, cols := range []int{1, 31, 256} {
				s.route(routing, rows, cols)
			}
		}
	}
}

// route checks the four routed operations on logits with ties, and, of eight
// experts, two that nobody chooses.
func (s *suite) route(routing *kernels.Routing, rows, cols int) {
	logits := s.normal(rows, routing.Experts)
	for i := range logits.values {
		logits.values[i] = float32(math.Round(float64(logits.values[i]) * 2))
		if e := i % routing.Experts; routing.Experts == 8 && (e == 2 || e == 7) {
			logits.values[i] = -100
		}
	}
	s.d.Write(logits.Tensor, logits.values)
	kernels.Route(s.d, routing, logits.Tensor)
	pairs := route(logits, routing.Top)
	if routing.Rows != rows {
		s.t.Fatalf("routed %d rows, routing says %d", rows, routing.Rows)
	}

	x, gathered := s.normal(rows, cols), s.empty(len(pairs), cols)
	kernels.GatherRows(s.d, gathered.Tensor, x.Tensor, routing)
	got := s.read(gathered)
	for i, p := range pairs {
		s.same("gathered row", got[i*cols:(i+1)*cols], x.row(p.row))
	}

	for _, dtype := range dtypes() {
		s.groupMatMul(s.weight(dtype, routing.Experts, 33, cols), routing, pairs)
	}

	dst, y := s.normal(rows, cols), s.normal(len(pairs), cols)
	kernels.ScatterRows(s.d, dst.Tensor, y.Tensor, routing)
	for i, got := range s.read(dst) {
		want, scale := float64(dst.values[i]), math.Abs(float64(dst.values[i]))
		for j, p := range pairs {
			if p.row == i/cols {
				term := p.gate * float64(y.row(j)[i%cols])
				want, scale = want+term, scale+math.Abs(term)
			}
		}
		s.near(got, want, scale, "scattered")
	}
}

func (s *suite) groupMatMul(w weight, routing *kernels.Routing, pairs []pair) {
	x, dst, tol := s.normal(len(pairs), w.In), s.empty(len(pairs), w.Out), tolerances(w.DType)
	kernels.GroupMatMul(s.d, dst.Tensor, x.Tensor, w.Weight, routing)
	for i, got := range s.read(dst) {
		in, matrix := x.row(i/w.Out), w.row(pairs[i/w.Out].expert, i%w.Out)
		s.within(got, dot(in, matrix), tol.epsilon*tol.norm(in)*norm(matrix), "group product of %v", w.DType)
	}
}
