package kernels

// The functions below are what the layers call: each checks the shapes, ids and
// offsets of one operation and hands it to the device, so that devices can index
// without looking. Device's methods document what each computes.

// Embed sets dst (T, D) to scale · table[ids[r]]; table (V, D).
func Embed(d Device, dst Tensor, table Weight, ids []int32, scale float32) {
	if dst.Rows != len(ids) || dst.Cols != table.In || table.Groups != 1 {
		fail("Embed", "dst %s, table %s, %d ids", shape(dst), weightShape(table), len(ids))
	}
	checkIndices("Embed", "id", ids, table.Out)
	d.Embed(dst, table, ids, scale)
}

// MatMul sets dst (T, Out) to x·wᵀ, or adds it; x (T, In).
func MatMul(d Device, dst, x Tensor, w Weight, add bool) {
	if dst.Rows != x.Rows || dst.Cols != w.Out || x.Cols != w.In || w.Groups != 1 {
		fail("MatMul", "dst %s, x %s, weight %s", shape(dst), shape(x), weightShape(w))
	}
	d.MatMul(dst, x, w, add)
}

// RMSNorm normalises the rows of x (T, D) by their root mean square; gain (1, D).
func RMSNorm(d Device, dst, x, gain Tensor, eps float32) {
	same("RMSNorm", dst, x)
	if gain.Rows != 1 || gain.Cols != x.Cols {
		fail("RMSNorm", "x %s, gain %s", shape(x), shape(gain))
	}
	d.RMSNorm(dst, x, gain, eps)
}

// Copy sets dst to x, both (T, D).
func Copy(d Device, dst, x Tensor) {
	same("Copy", dst, x)
	d.Copy(dst, x)
}

// Add adds x to dst, both (T, D).
func Add(d Device, dst, x Tensor) {
	same("Add", dst, x)
	d.Add(dst, x)
}

// Concat sets dst (T, A+B) to the columns of a (T, A) followed by those of b (T, B).
func Concat(d Device, dst, a, b Tensor) {
	if dst.Rows != a.Rows || dst.Rows != b.Rows || dst.Cols != a.Cols+b.Cols {
		fail("Concat", "dst %s, a %s, b %s", shape(dst), shape(a), shape(b))
	}
	d.Concat(dst, a, b)
}

// SiLU sets dst to x · sigmoid(x); dst may be x.
func SiLU(d Device, dst, x Tensor) {
	same("SiLU", dst, x)
	d.SiLU(dst, x)
}

// SwiGLU sets dst (T, F) to SiLU(x[:, :F]) · x[:, F:]; x (T, 2F).
func SwiGLU(d Device, dst, x Tensor) {
	if dst.Rows != x.Rows || 2*dst.Cols != x.Cols {
		fail("SwiGLU", "dst %s, x %s", shape(dst), shape(x))
	}
	d.SwiGLU(dst, x)
}

// DepthwiseConv convolves each column of x (T, C) with its own filter column
// inside each segment; filter (K, C).
func DepthwiseConv(d Device, dst, x, filter Tensor, dilation int, segs Segments) {
	same("DepthwiseConv", dst, x)
	checkFilter("DepthwiseConv", x, filter, dilation)
	checkSegments("DepthwiseConv", segs, x.Rows)
	d.DepthwiseConv(dst, x, filter, dilation, segs)
}

// PathConv is DepthwiseConv's causal form over cached rows; dst (T, C), cache
// (slots, C), filter (K, C), one path a row of dst.
func PathConv(d Device, dst, cache, filter Tensor, dilation int, paths Paths) {
	checkFilter("PathConv", dst, filter, dilation)
	if dst.Cols != cache.Cols {
		fail("PathConv", "dst %s, cache %s", shape(dst), shape(cache))
	}
	checkPaths("PathConv", paths, dst.Rows)
	for r := range paths.Start {
		path := paths.Path(r)
		for k, at := 0, len(path)-1; k < filter.Rows && at >= 0; k, at = k+1, at-dilation {
			checkIndex("PathConv", "slot", path[at], cache.Rows)
		}
	}
	d.PathConv(dst, cache, filter, dilation, paths)
}

// Unfold sets each row of dst (T, K·C) to the K rows of x (N, C) that its part of
// index names, side by side, zeros for -1; index has T·K entries.
func Unfold(d Device, dst, x Tensor, index []int32) {
	if x.Cols < 1 || dst.Cols%x.Cols != 0 || len(index) != dst.Rows*(dst.Cols/x.Cols) {
		fail("Unfold", "dst %s, x %s, %d indices", shape(dst), shape(x), len(index))
	}
	checkTaps("Unfold", index, x.Rows)
	d.Unfold(dst, x, index)
}

// GatherConv sets each row of dst (T, C) to the sum of filter (K, C) times the K
// rows of x (N, C) that its part of index names, -1 for none; index has T·K
// entries.
func GatherConv(d Device, dst, x, filter Tensor, index []int32) {
	if dst.Cols != x.Cols || len(index) != dst.Rows*filter.Rows {
		fail("GatherConv", "dst %s, x %s, filter %s, %d indices", shape(dst), shape(x), shape(filter), len(index))
	}
	checkFilter("GatherConv", x, filter, 1)
	checkTaps("GatherConv", index, x.Rows)
	d.GatherConv(dst, x, filter, index)
}

// Rope rotates the first heads·(2·cos.Cols) columns of x (T, C) in place; cos and
// sin (positions, d/2).
func Rope(d Device, x, cos, sin Tensor, heads int, positions []int32) {
	same("Rope", cos, sin)
	if heads < 1 || heads*2*cos.Cols > x.Cols || len(positions) != x.Rows {
		fail("Rope", "x %s, cos %s, %d heads, %d positions", shape(x), shape(cos), heads, len(positions))
	}
	checkIndices("Rope", "position", positions, cos.Rows)
	d.Rope(x, cos, sin, heads, positions)
}

// Attention sets dst to softmax(q·kᵀ/√d)·v per head and segment; dst, q (ΣTq,
// H·d), k, v (ΣTk, H·d). A query whose segment has no keys gets zeros.
func Attention(d Device, dst, q, k, v Tensor, heads int, qSegs, kSegs Segments) {
	checkHeads("Attention", dst, q, k, v, heads)
	if len(qSegs) != len(kSegs) {
		fail("Attention", "%d query offsets, %d key offsets", len(qSegs), len(kSegs))
	}
	checkSegments("Attention", qSegs, q.Rows)
	checkSegments("Attention", kSegs, k.Rows)
	d.Attention(dst, q, k, v, heads, qSegs, kSegs)
}

// PathAttention is Attention for queries that each see a path of cached rows;
// dst, q (T, H·d), k, v (slots, H·d).
func PathAttention(d Device, dst, q, k, v Tensor, heads int, paths Paths) {
	checkHeads("PathAttention", dst, q, k, v, heads)
	checkPaths("PathAttention", paths, q.Rows)
	for r := range paths.Start {
		checkIndices("PathAttention", "slot", paths.Path(r), k.Rows)
	}
	d.PathAttention(dst, q, k, v, heads, paths)
}

// StoreRows sets cache[slots[r]] to x[r]; cache (slots, D), x (T, D).
func StoreRows(d Device, cache, x Tensor, slots []int32) {
	if cache.Cols != x.Cols || len(slots) != x.Rows {
		fail("StoreRows", "cache %s, x %s, %d slots", shape(cache), shape(x), len(slots))
	}
	checkIndices("StoreRows", "slot", slots, cache.Rows)
	d.StoreRows(cache, x, slots)
}

// Route picks each row's experts by logits (T, Experts) and sets r.Rows to T,
// which must not exceed the rows that r was made for.
func Route(d Device, r *Routing, logits Tensor) {
	if logits.Cols != r.Experts {
		fail("Route", "logits %s, %d experts", shape(logits), r.Experts)
	}
	d.Route(r, logits)
}

// GatherRows sets dst (T·Top, D) to the rows of x (T, D) in routing order.
func GatherRows(d Device, dst, x Tensor, r *Routing) {
	if x.Rows != r.Rows || dst.Rows != r.Rows*r.Top || dst.Cols != x.Cols {
		fail("GatherRows", "dst %s, x %s, %d rows routed to %d", shape(dst), shape(x), r.Rows, r.Top)
	}
	d.GatherRows(dst, x, r)
}

// GroupMatMul sets dst (T·Top, Out) to x (T·Top, In) times each row's expert's
// matrix; w has one group an expert.
func GroupMatMul(d Device, dst, x Tensor, w Weight, r *Routing) {
	if dst.Rows != x.Rows || dst.Cols != w.Out || x.Cols != w.In {
		fail("GroupMatMul", "dst %s, x %s, weight %s", shape(dst), shape(x), weightShape(w))
	}
	if x.Rows != r.Rows*r.Top || w.Groups != r.Experts {
		fail("GroupMatMul", "x %s, weight %s, %d rows routed to %d of %d experts",
			shape(x), weightShape(w), r.Rows, r.Top, r.Experts)
	}
	d.GroupMatMul(dst, x, w, r)
}

// ScatterRows adds the gated rows of x (T·Top, D) back to dst (T, D).
func ScatterRows(d Device, dst, x Tensor, r *Routing) {
	if dst.Rows != r.Rows || x.Rows != r.Rows*r.Top || dst.Cols != x.Cols {
		fail("ScatterRows", "dst %s, x %s, %d rows routed to %d", shape(dst), shape(x), r.Rows, r.Top)
	}
	d.ScatterRows(dst, x, r)
}

// TopK fills c with the c.K best of each row of logits (T, V) and their
// log-probabilities among the ids that Allowed says; c.IDs and c.Logs hold at least
// T·K.
func TopK(d Device, c Candidates, logits Tensor, allowed []Allowed) {
	if c.K < 1 || len(c.IDs) < logits.Rows*c.K || len(c.Logs) < logits.Rows*c.K || len(allowed) != logits.Rows {
		fail("TopK", "logits %s, K %d, room for %d ids and %d logs, %d allowed",
			shape(logits), c.K, len(c.IDs), len(c.Logs), len(allowed))
	}
	listed := false
	for i := range allowed {
		checkIndices("TopK", "allowed id", allowed[i].IDs, logits.Cols)
		if limit := allowed[i].Limit; limit < 0 || int(limit) > logits.Cols {
			fail("TopK", "logits %s, limit %d of row %d", shape(logits), limit, i)
		}
		if allowed[i].both() {
			listed = true
			checkIndices("TopK", "allowed id", allowed[i].IDs, int(allowed[i].Limit))
		}
	}
	if listed {
		topKListed(d, c, logits, allowed)
	} else {
		d.TopK(c, logits, allowed)
	}
}
