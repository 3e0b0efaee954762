package cpu

import "github.com/mm-runtime/mm/kernels"

// rowOps are the inner loops of one instruction set. Every function computes a
// row in an order that depends on that row alone.
type rowOps struct {
	rmsNorm func(dst, x view, gain []float32, eps float32)
	add     func(dst, x view)
	silu    func(dst, x view)
	swiGLU  func(dst, x view)
	rope    func(x, cos, sin view, heads int, positions []int32)
	// conv computes rows lo up to hi of one segment, which x and dst are.
	conv func(dst, x, filter view, dilation, lo, hi int)
	// pathConv computes rows lo up to hi.
	pathConv func(dst, cache, filter view, dilation int, paths kernels.Paths, lo, hi int)
	// gatherConv computes all rows of dst; index has filter.rows entries a row.
	gatherConv func(dst, x, filter view, index []int32)
	// attention computes units lo up to hi of one segment, unit u being head
	// u%heads of row u/heads. scores has room for a row of the keys, rounded up
	// to a multiple of 16.
	attention func(dst, q, k, v view, heads, lo, hi int, scores []float32)
	// pathAttention computes the same units of all rows.
	pathAttention func(dst, q, k, v view, heads int, paths kernels.Paths, lo, hi int, scores []float32)
	// scatter: dst[r] += Σ_i gates[where[r·top+i]] · x[where[r·top+i]].
	scatter func(dst, x view, where []int32, gates []float32, top int)
	topK    func(ids []int32, logs, logits []float32, allowed kernels.Allowed)
}

// goOps are the loops in pure Go, to be read as the definition of the others.
func goOps() *rowOps {
	return &rowOps{
		rmsNorm: rmsNorm, add: add, silu: silu, swiGLU: swiGLU, rope: rope,
		conv: conv, pathConv: pathConv, gatherConv: gatherConv,
		attention: attention, pathAttention: pathAttention,
		scatter: scatter, topK: topK,
	}
}
