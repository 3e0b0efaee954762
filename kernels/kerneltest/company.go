package kerneltest

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// items is how many rows or segments the largest batch has: enough for a device to
// share it among its threads. width is odd.
const items, width = 150, 257

// operation is one operation on a choice of items. Its inputs come from the item's
// number alone, so that an item meets the operation in any company.
type operation struct {
	name  string
	build func(s *suite, pick []int) (run func(), results func() [][]float32)
}

// testCompany runs each operation on all items, and on each alone and some in other
// orders: an item's result must be the same to the bit.
func testCompany(s *suite) {
	all := make([]int, items)
	for i := range all {
		all[i] = i
	}
	for _, op := range operations() {
		s.t.Run(op.name, func(t *testing.T) {
			full := results(newSuite(t, s.d), op, all)
			for i := 0; i < items; i += 7 {
				for _, pick := range [][]int{{i}, {i, (i + 5) % items}, {(i + 1) % items, 0, (i + 9) % items, i}} {
					for j, got := range results(newSuite(t, s.d), op, pick) {
						newSuite(t, s.d).same(fmt.Sprintf("item %d among %v, against all", pick[j], pick), got, full[pick[j]])
					}
				}
			}
		})
	}
}

func results(s *suite, op operation, pick []int) [][]float32 {
	run, results := op.build(s, pick)
	run()
	return results()
}

// testAllocations runs each operation again and again, for one item and for many.
// Of three tries the best counts: on a busy machine the runtime starts a thread now
// and then, and that allocates.
func testAllocations(s *suite) {
	all := make([]int, items)
	for i := range all {
		all[i] = i
	}
	for _, op := range operations() {
		for _, pick := range [][]int{{0}, all} {
			run, _ := op.build(s, pick)
			n := testing.AllocsPerRun(5, run)
			for try := 1; n != 0 && try < 3; try++ {
				n = testing.AllocsPerRun(5, run)
			}
			if n != 0 {
				s.t.Errorf("%s of %d items: %v allocations, want none", op.name, len(pick), n)
			}
		}
	}
}

// forItems makes count(item) rows for each picked item, the same whenever the item
// is picked; salt tells an operation's inputs apart.
func (s *suite) forItems(pick []int, salt uint64, cols int, count func(item int) int) (matrix, kernels.Segments) {
	segs, values := kernels.Segments{0}, []float32(nil)
	for _, item := range pick {
		rng := rand.New(rand.NewPCG(salt, uint64(item)))
		for range count(item) * cols {
			values = append(values, float32(rng.NormFloat64()))
		}
		segs = append(segs, int32(len(values)/max(cols, 1)))
	}
	return s.matrix(len(values)/cols, cols, values), segs
}

func one(int) int { return 1 }

// parts cuts a result into its segments.
func (s *suite) parts(m matrix, segs kernels.Segments) [][]float32 {
	got, parts := s.read(m), make([][]float32, len(segs)-1)
	for i := range parts {
		parts[i] = got[int(segs[i])*m.Cols : int(segs[i+1])*m.Cols]
	}
	return parts
}
