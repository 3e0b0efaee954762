package kernels

// Device runs the operations. Every device implements all of them and passes
// kerneltest.Run. Shapes were checked by the exported functions of this package,
// so implementations need not check them again. A Device's methods may be called
// by one goroutine at a time; separate Devices are independent.
type Device interface {
	// Name says what runs, for people: "cpu (avx512-vnni, 2 threads)".
	Name() string
	// Close frees the device's threads and memory.
	Close() error

	// Alloc makes a tensor of zeros (rows, cols).
	Alloc(rows, cols int) (Tensor, error)
	// Free gives a tensor's memory back; views of it die with it.
	Free(t Tensor)
	// Write copies host values, row-major, into t; Read copies t into dst.
	Write(t Tensor, src []float32)
	Read(dst []float32, t Tensor)
	// Pack lays out a weight; m.Rows is groups × Out rows.
	Pack(m Matrix, groups int) (Weight, error)
	// NewRouting makes room to route up to rows rows.
	NewRouting(rows, experts, top int) (*Routing, error)

	// Embed: dst[r] = scale · table[ids[r]].
	Embed(dst Tensor, table Weight, ids []int32, scale float32)
	// MatMul: dst = x·wᵀ, or dst += x·wᵀ with add. dst (T, Out), x (T, In).
	MatMul(dst, x Tensor, w Weight, add bool)
	// RMSNorm: dst[r] = x[r] / sqrt(mean(x[r]²) + eps) · gain.
	RMSNorm(dst, x, gain Tensor, eps float32)
	// Copy: dst = x.
	Copy(dst, x Tensor)
	// Add: dst += x.
	Add(dst, x Tensor)
	// Concat: dst[r] = [a[r] ; b[r]].
	Concat(dst, a, b Tensor)
	// SiLU: dst = x · sigmoid(x); dst may be x.
	SiLU(dst, x Tensor)
	// SwiGLU: dst (T, F) = SiLU(x[:, :F]) · x[:, F:]; x (T, 2F).
	SwiGLU(dst, x Tensor)
	// DepthwiseConv: dst[t] = Σ_k filter[k] · x[t + (k - K/2)·dilation], taps
	// outside t's segment left out. filter (K, C).
	DepthwiseConv(dst, x, filter Tensor, dilation int, segs Segments)
	// PathConv is its causal form over cached rows: with row r's path p of
	// length n, dst[r] = Σ_k filter[k] · cache[p[n-1 - (K-1-k)·dilation]].
	PathConv(dst, cache, filter Tensor, dilation int, paths Paths)
	// Unfold: with K = len(index) / rows of dst, dst[t] = [x[index[t·K]] ; … ;
	// x[index[t·K+K-1]]], zeros where an index is -1: a convolution of any
	// dimensions is Unfold, then MatMul. dst (T, K·C) is not x (N, C).
	Unfold(dst, x Tensor, index []int32)
	// GatherConv is the depthwise one: dst[t] = Σ_k filter[k] · x[index[t·K+k]],
	// k ascending, taps of index -1 left out. filter (K, C); dst (T, C) is not
	// x (N, C).
	GatherConv(dst, x, filter Tensor, index []int32)
	// Rope rotates the first heads·(2·cos.Cols) columns of x in place: in each
	// head the pair (i, i+half) by the angle whose cosine and sine stand in
	// row positions[r], column i of cos and sin.
	Rope(x, cos, sin Tensor, heads int, positions []int32)
	// Attention: for each segment, dst = softmax(q·kᵀ/√d)·v per head, queries
	// from qSegs, keys and values from the same-numbered segment of kSegs.
	// q, k, v, dst have heads·d columns.
	Attention(dst, q, k, v Tensor, heads int, qSegs, kSegs Segments)
	// PathAttention is the same for queries that each see a path of cached rows.
	PathAttention(dst, q, k, v Tensor, heads int, paths Paths)
	// StoreRows: cache[slots[r]] = x[r].
	StoreRows(cache, x Tensor, slots []int32)

	// Route picks each row's Top experts by logits (T, Experts), softmax over
	// the chosen ones as their gates.
	Route(r *Routing, logits Tensor)
	// GatherRows: dst (T·Top, D) = x's rows in routing order.
	GatherRows(dst, x Tensor, r *Routing)
	// GroupMatMul: like MatMul, each routed row with its expert's matrix.
	GroupMatMul(dst, x Tensor, w Weight, r *Routing)
	// ScatterRows: dst[row] += gate · x[i] over row's routed rows, in order of
	// expert. dst (T, D), x (T·Top, D).
	ScatterRows(dst, x Tensor, r *Routing)

	// TopK: log-softmax of each row of logits over its allowed ids, then the
	// c.K best; ties go to the lower id. allowed has one entry a row, with a limit
	// or ids.
	TopK(c Candidates, logits Tensor, allowed []Allowed)
}
