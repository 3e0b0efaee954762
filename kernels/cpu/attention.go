package cpu

import "github.com/mm-runtime/mm/kernels"

// Attention's unit of work is one head of one query row, which costs its number
// of keys. The threads get equal shares of the cost, not of the rows: one long
// segment among short ones would keep one of them waiting. Task units are
// therefore costs, and a share does the rows' heads whose first key lies in it.

// Attention runs segment by segment.
func (d *Device) Attention(dst, q, k, v kernels.Tensor, heads int, qSegs, kSegs kernels.Segments) {
	if q.Cols == 0 {
		return
	}
	cost, longest := 0, 0
	for i := range len(qSegs) - 1 {
		keys := int(kSegs[i+1] - kSegs[i])
		cost += int(qSegs[i+1]-qSegs[i]) * heads * (keys + 1)
		longest = max(longest, keys)
	}
	t := &d.task
	t.dst, t.x, t.y, t.z, t.heads = of(dst), of(q), of(k), of(v), heads
	t.segs, t.kSegs = qSegs, kSegs
	t.reserve(longest)
	d.start(runAttention, cost, cost*(q.Cols/heads)/8)
}

func runAttention(t *task, worker, lo, hi int) {
	base := 0
	for i := range len(t.segs) - 1 {
		q0, q1, k0, k1 := int(t.segs[i]), int(t.segs[i+1]), int(t.kSegs[i]), int(t.kSegs[i+1])
		units, each := (q1-q0)*t.heads, k1-k0+1
		from, to := firstUnit(lo-base, each, units), firstUnit(hi-base, each, units)
		if from < to {
			t.ops.attention(t.dst.slice(q0, q1), t.x.slice(q0, q1), t.y.slice(k0, k1), t.z.slice(k0, k1),
				t.heads, from, to, t.scores[worker])
		}
		base += units * each
	}
}

// firstUnit is the first of units, of the given cost each, that starts at or
// after cost at; units when none does.
func firstUnit(at, each, units int) int {
	if at <= 0 {
		return 0
	}
	return min((at+each-1)/each, units)
}

// PathAttention shares the heads of the rows between the threads in order.
func (d *Device) PathAttention(dst, q, k, v kernels.Tensor, heads int, paths kernels.Paths) {
	if q.Cols == 0 {
		return
	}
	keys, longest := 0, 0
	for _, n := range paths.Count {
		keys += int(n)
		longest = max(longest, int(n))
	}
	t := &d.task
	t.dst, t.x, t.y, t.z, t.heads, t.paths = of(dst), of(q), of(k), of(v), heads, paths
	t.reserve(longest)
	d.start(runPathAttention, q.Rows*heads, keys*q.Cols/8)
}

func runPathAttention(t *task, worker, lo, hi int) {
	t.ops.pathAttention(t.dst, t.x, t.y, t.z, t.heads, t.paths, lo, hi, t.scores[worker])
}

// attentionTile is the most query rows of which an implementation keeps scores at a time.
const attentionTile = 3

// reserve grows every worker's scores to hold some rows of n keys, rounded up to whole
// vectors.
func (t *task) reserve(n int) {
	const vector = 16
	n = (n + vector - 1) / vector * vector * attentionTile
	if len(t.scores[0]) >= n {
		return
	}
	for i := range t.scores {
		t.scores[i] = aligned(max(n, 2*len(t.scores[i])))
	}
}
