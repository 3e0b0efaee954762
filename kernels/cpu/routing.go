package cpu

import (
	"fmt"
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// routing is the state of a kernels.Routing: pairs of a row and an expert, sorted
// by expert and then by row.
type routing struct {
	capacity int       // rows
	offsets  []int32   // (Experts+1): expert e has the pairs offsets[e] up to offsets[e+1]
	rows     []int32   // of each pair
	gates    []float32 // of each pair
	where    []int32   // (rows, Top): each row's pairs, by expert
	chosen   []int32   // (rows, Top): each row's experts, ascending
	weights  []float32 // (rows, Top): their gates
}

// NewRouting makes room to route up to rows rows to top of the experts each.
func (d *Device) NewRouting(rows, experts, top int) (*kernels.Routing, error) {
	if rows < 0 || top < 1 || top > experts || rows > math.MaxInt32/top {
		return nil, fmt.Errorf("cpu: routing of %d rows to %d of %d experts", rows, top, experts)
	}
	pairs := rows * top
	s := &routing{
		capacity: rows,
		offsets:  make([]int32, experts+1),
		rows:     make([]int32, pairs), gates: make([]float32, pairs), where: make([]int32, pairs),
		chosen: make([]int32, pairs), weights: make([]float32, pairs),
	}
	return &kernels.Routing{Experts: experts, Top: top, State: s}, nil
}

// Route chooses each row's experts, then sorts the pairs by counting.
func (d *Device) Route(r *kernels.Routing, logits kernels.Tensor) {
	s, v := r.State.(*routing), of(logits)
	if v.rows > s.capacity {
		panic(fmt.Sprintf("cpu: Route: %d rows, room for %d", v.rows, s.capacity))
	}
	r.Rows = v.rows
	clear(s.offsets)
	for row := range v.rows {
		at, end := row*r.Top, (row+1)*r.Top
		choose(s.chosen[at:end], s.weights[at:end], v.row(row))
		for _, e := range s.chosen[at:end] {
			s.offsets[e+1]++
		}
	}
	for e := range r.Experts {
		s.offsets[e+1] += s.offsets[e]
	}
	// offsets[e] serves as e's next free pair; afterwards it stands at e's end.
	for i, e := range s.chosen[:v.rows*r.Top] {
		pair := s.offsets[e]
		s.offsets[e]++
		s.rows[pair], s.gates[pair], s.where[i] = int32(i/r.Top), s.weights[i], pair
	}
	copy(s.offsets[1:], s.offsets[:r.Experts])
	s.offsets[0] = 0
}

// choose fills experts with the ids of the largest logits, the lower id first
// among equals, then orders them by id, with the softmax over them as gates.
func choose(experts []int32, gates, logits []float32) {
	for i := range experts {
		experts[i] = -1
	}
	for n := range experts {
		best := -1
		for e, v := range logits {
			if (best < 0 || v > logits[best]) && !contains(experts[:n], int32(e)) {
				best = e
			}
		}
		experts[n] = int32(best)
	}
	top, sum := logits[experts[0]], float32(0)
	for i := 1; i < len(experts); i++ {
		for j := i; j > 0 && experts[j] < experts[j-1]; j-- {
			experts[j], experts[j-1] = experts[j-1], experts[j]
		}
	}
	for i, e := range experts {
		gates[i] = exp(logits[e] - top)
		sum += gates[i]
	}
	for i := range gates {
		gates[i] /= sum
	}
}

func contains(ids []int32, id int32) bool {
	for _, v := range ids {
		if v == id {
			return true
		}
	}
	return false
}

// GatherRows copies rows in routing order.
func (d *Device) GatherRows(dst, x kernels.Tensor, r *kernels.Routing) {
	t := &d.task
	t.dst, t.x, t.routing = of(dst), of(x), r.State.(*routing)
	d.start(runGather, dst.Rows, dst.Rows*dst.Cols/4)
}

func runGather(t *task, _, lo, hi int) {
	for i := lo; i < hi; i++ {
		copy(t.dst.row(i), t.x.row(int(t.routing.rows[i])))
	}
}

// GroupMatMul runs expert by expert.
func (d *Device) GroupMatMul(dst, x kernels.Tensor, w kernels.Weight, r *kernels.Routing) {
	if dst.Cols == 0 {
		return
	}
	s, out, in := r.State.(*routing), of(dst), of(x)
	for e := range r.Experts {
		lo, hi := int(s.offsets[e]), int(s.offsets[e+1])
		if lo < hi {
			to, from := out.slice(lo, hi), in.slice(lo, hi)
			d.gemm.matmul(to.data, to.stride, from.data, from.stride, hi-lo, w, e, false)
		}
	}
}

// ScatterRows adds each row's pairs in order of expert.
func (d *Device) ScatterRows(dst, x kernels.Tensor, r *kernels.Routing) {
	t := &d.task
	t.dst, t.x, t.routing, t.top = of(dst), of(x), r.State.(*routing), r.Top
	d.start(runScatter, dst.Rows, x.Rows*x.Cols/4)
}

func runScatter(t *task, _, lo, hi int) {
	top := t.top
	t.ops.scatter(t.dst.slice(lo, hi), t.x, t.routing.where[lo*top:hi*top], t.routing.gates, top)
}
