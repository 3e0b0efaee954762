package kerneltest

import (
	"github.com/mm-runtime/mm/kernels"
)

// operations are all of them, as functions of the picked items.
func operations() []operation {
	ops := []operation{
		rowwise("RMSNorm", width, func(s *suite, dst, x kernels.Tensor) func() {
			gain := s.normal(1, width)
			return func() { kernels.RMSNorm(s.d, dst, x, gain.Tensor, 1e-6) }
		}),
		rowwise("Copy", width, func(s *suite, dst, x kernels.Tensor) func() {
			return func() { kernels.Copy(s.d, dst, x) }
		}),
		rowwise("Concat", 2*width, func(s *suite, dst, x kernels.Tensor) func() {
			return func() { kernels.Concat(s.d, dst, x, x) }
		}),
		rowwise("SiLU", width, func(s *suite, dst, x kernels.Tensor) func() {
			return func() { kernels.SiLU(s.d, dst, x) }
		}),
		rowwise("SwiGLU", width/2, func(s *suite, dst, x kernels.Tensor) func() {
			even := x.Columns(0, width/2*2)
			return func() { kernels.SwiGLU(s.d, dst, even) }
		}),
		rowwise("Add", width, func(s *suite, dst, x kernels.Tensor) func() {
			kernels.Copy(s.d, dst, x)
			return func() { kernels.Add(s.d, dst, x) }
		}),
		{"Embed", buildEmbed}, {"Rope", buildRope}, {"StoreRows", buildStoreRows},
		{"DepthwiseConv", buildDepthwiseConv}, {"PathConv", buildPathConv},
		{"Unfold", buildUnfold}, {"GatherConv", buildGatherConv},
		{"Attention", buildAttention}, {"PathAttention", buildPathAttention},
		{"TopK", buildTopK},
	}
	for _, dtype := range dtypes() {
		ops = append(ops,
			rowwise("MatMul "+dtype.String(), 65, func(s *suite, dst, x kernels.Tensor) func() {
				w := s.weight(dtype, 1, 65, width)
				return func() { kernels.MatMul(s.d, dst, x, w.Weight, false) }
			}),
			operation{"Experts " + dtype.String(), func(s *suite, pick []int) (func(), func() [][]float32) {
				return buildExperts(s, pick, dtype)
			}})
	}
	return ops
}

// rowwise is an operation from one row of width columns to one of cols.
func rowwise(name string, cols int, build func(s *suite, dst, x kernels.Tensor) func()) operation {
	return operation{name, func(s *suite, pick []int) (func(), func() [][]float32) {
		x, segs := s.forItems(pick, 1, width, one)
		dst := s.empty(len(pick), cols)
		return build(s, dst.Tensor, x.Tensor), func() [][]float32 { return s.parts(dst, segs) }
	}}
}

// numbers makes one number an item.
func numbers(pick []int, limit int) []int32 {
	ids := make([]int32, len(pick))
	for i, item := range pick {
		ids[i] = int32(item * 31 % limit)
	}
	return ids
}

func buildEmbed(s *suite, pick []int) (func(), func() [][]float32) {
	table, ids := s.weight(kernels.I8, 1, 37, width), numbers(pick, 37)
	dst, segs := s.forItems(pick, 1, width, one)
	return func() { kernels.Embed(s.d, dst.Tensor, table.Weight, ids, 16) },
		func() [][]float32 { return s.parts(dst, segs) }
}

func buildRope(s *suite, pick []int) (func(), func() [][]float32) {
	cos, sin := s.normal(19, 31), s.normal(19, 31)
	x, segs := s.forItems(pick, 1, width, one)
	positions := numbers(pick, 19)
	return func() { kernels.Rope(s.d, x.Tensor, cos.Tensor, sin.Tensor, 4, positions) },
		func() [][]float32 { return s.parts(x, segs) }
}

func buildStoreRows(s *suite, pick []int) (func(), func() [][]float32) {
	x, segs := s.forItems(pick, 1, width, one)
	cache, slots := s.empty(len(pick), width), make([]int32, len(pick))
	for i := range slots {
		slots[i] = int32(i)
	}
	return func() { kernels.StoreRows(s.d, cache.Tensor, x.Tensor, slots) },
		func() [][]float32 { return s.parts(cache, segs) }
}

func buildDepthwiseConv(s *suite, pick []int) (func(), func() [][]float32) {
	filter := s.normal(5, width)
	x, segs := s.forItems(pick, 1, width, func(item int) int { return item % 20 })
	dst := s.empty(x.Rows, width)
	return func() { kernels.DepthwiseConv(s.d, dst.Tensor, x.Tensor, filter.Tensor, 2, segs) },
		func() [][]float32 { return s.parts(dst, segs) }
}

// itemPaths gives each item a past of its own in a cache that holds the picked
// items' rows one after the other.
func itemPaths(segs kernels.Segments) kernels.Paths {
	var p kernels.Paths
	for i := range len(segs) - 1 {
		p.Start = append(p.Start, int32(len(p.Slots)))
		p.Count = append(p.Count, segs[i+1]-segs[i])
		for slot := segs[i]; slot < segs[i+1]; slot++ {
			p.Slots = append(p.Slots, slot)
		}
	}
	return p
}

func history(item int) int { return 1 + item%40 }

func buildPathConv(s *suite, pick []int) (func(), func() [][]float32) {
	filter := s.normal(5, width)
	cache, pasts := s.forItems(pick, 1, width, history)
	dst, segs := s.forItems(pick, 2, width, one)
	paths := itemPaths(pasts)
	return func() { kernels.PathConv(s.d, dst.Tensor, cache.Tensor, filter.Tensor, 2, paths) },
		func() [][]float32 { return s.parts(dst, segs) }
}

func buildAttention(s *suite, pick []int) (func(), func() [][]float32) {
	q, qSegs := s.forItems(pick, 1, 256, func(item int) int { return item % 5 })
	k, kSegs := s.forItems(pick, 2, 256, history)
	v, _ := s.forItems(pick, 3, 256, history)
	dst := s.empty(q.Rows, 256)
	return func() { kernels.Attention(s.d, dst.Tensor, q.Tensor, k.Tensor, v.Tensor, 4, qSegs, kSegs) },
		func() [][]float32 { return s.parts(dst, qSegs) }
}

func buildPathAttention(s *suite, pick []int) (func(), func() [][]float32) {
	q, segs := s.forItems(pick, 1, 256, one)
	k, pasts := s.forItems(pick, 2, 256, history)
	v, _ := s.forItems(pick, 3, 256, history)
	dst, paths := s.empty(q.Rows, 256), itemPaths(pasts)
	return func() { kernels.PathAttention(s.d, dst.Tensor, q.Tensor, k.Tensor, v.Tensor, 4, paths) },
		func() [][]float32 { return s.parts(dst, segs) }
}

func buildTopK(s *suite, pick []int) (func(), func() [][]float32) {
	const k = 4
	logits, _ := s.forItems(pick, 1, 1000, one)
	c := kernels.Candidates{K: k, IDs: make([]int32, k*len(pick)), Logs: make([]float32, k*len(pick))}
	allowed := make([]kernels.Allowed, len(pick))
	for i, item := range pick {
		allowed[i].Limit = int32(999 - item)
		if item%3 == 0 {
			allowed[i] = kernels.Allowed{IDs: []int32{int32(item), 7, 999}}
		}
	}
	run := func() { kernels.TopK(s.d, c, logits.Tensor, allowed) }
	return run, func() [][]float32 {
		rows := make([][]float32, len(pick))
		for i := range rows {
			rows[i] = append(rows[i], c.Logs[i*k:(i+1)*k]...)
			for _, id := range c.IDs[i*k : (i+1)*k] {
				rows[i] = append(rows[i], float32(id))
			}
		}
		return rows
	}
}

// buildExperts is a mixture of experts' four routed operations in a row.
func buildExperts(s *suite, pick []int, dtype kernels.DType) (func(), func() [][]float32) {
	w := s.weight(dtype, 8, width, width)
	x, segs := s.forItems(pick, 1, width, one)
	logits, _ := s.forItems(pick, 2, 8, one)
	dst, _ := s.forItems(pick, 3, width, one)
	in, out := s.empty(2*len(pick), width), s.empty(2*len(pick), width)
	routing, err := s.d.NewRouting(len(pick), 8, 2)
	if err != nil {
		s.t.Fatal(err)
	}
	run := func() {
		kernels.Route(s.d, routing, logits.Tensor)
		kernels.GatherRows(s.d, in.Tensor, x.Tensor, routing)
		kernels.GroupMatMul(s.d, out.Tensor, in.Tensor, w.Weight, routing)
		kernels.ScatterRows(s.d, dst.Tensor, out.Tensor, routing)
	}
	return run, func() [][]float32 { return s.parts(dst, segs) }
}
