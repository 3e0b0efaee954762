//go:build cgo

package cpu

// #cgo LDFLAGS: -lm
// #cgo noescape mm_rms_norm
// #cgo nocallback mm_rms_norm
// #cgo noescape mm_add
// #cgo nocallback mm_add
// #cgo noescape mm_silu
// #cgo nocallback mm_silu
// #cgo noescape mm_swiglu
// #cgo nocallback mm_swiglu
// #cgo noescape mm_rope
// #cgo nocallback mm_rope
// #cgo noescape mm_conv
// #cgo nocallback mm_conv
// #cgo noescape mm_path_conv
// #cgo nocallback mm_path_conv
// #cgo noescape mm_gather_conv
// #cgo nocallback mm_gather_conv
// #cgo noescape mm_scatter
// #cgo nocallback mm_scatter
// #cgo noescape mm_attention
// #cgo nocallback mm_attention
// #cgo noescape mm_path_attention
// #cgo nocallback mm_path_attention
// #cgo noescape mm_top_k
// #cgo nocallback mm_top_k
// #cgo noescape mm_pause
// #cgo nocallback mm_pause
// #include "rowops_amd64.h"
import "C"

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
)

// cOps are the row operations in C for one instruction set. C is given pointers
// to plain numbers only, and keeps none.
type cOps struct{ isa C.int }

// The device makes room for as many rows' scores as attention in C keeps.
var _ = [1]struct{}{}[attentionTile-C.TILE]

func rowOpsFor(path string) *rowOps {
	if path == "go" {
		return goOps()
	}
	c := cOps{isa: C.MM_AVX2}
	if path == "avx512" {
		c.isa = C.MM_AVX512
	}
	return &rowOps{
		rmsNorm: c.rmsNorm, add: c.add, silu: c.silu, swiGLU: c.swiGLU, rope: c.rope,
		conv: c.conv, pathConv: c.pathConv, gatherConv: c.gatherConv,
		attention: c.attention, pathAttention: c.pathAttention,
		scatter: c.scatter, topK: c.topK,
	}
}

func pause() { C.mm_pause() }

func floats(f []float32) *C.float { return (*C.float)(unsafe.SliceData(f)) }

func ints(i []int32) *C.int32_t { return (*C.int32_t)(unsafe.SliceData(i)) }

func size(n int) C.int64_t { return C.int64_t(n) }

func (c cOps) rmsNorm(dst, x view, gain []float32, eps float32) {
	C.mm_rms_norm(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride),
		floats(gain), C.float(eps), size(x.rows), size(x.cols))
}

func (c cOps) add(dst, x view) {
	C.mm_add(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), size(x.rows), size(x.cols))
}

func (c cOps) silu(dst, x view) {
	C.mm_silu(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), size(x.rows), size(x.cols))
}

func (c cOps) swiGLU(dst, x view) {
	C.mm_swiglu(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), size(x.rows), size(dst.cols))
}

func (c cOps) rope(x, cos, sin view, heads int, positions []int32) {
	C.mm_rope(c.isa, floats(x.data), size(x.stride), floats(cos.data), size(cos.stride),
		floats(sin.data), size(sin.stride), ints(positions), size(x.rows), size(heads), size(cos.cols))
}

func (c cOps) conv(dst, x, filter view, dilation, lo, hi int) {
	C.mm_conv(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), floats(filter.data),
		size(filter.stride), size(filter.rows), size(dilation), size(lo), size(hi), size(x.rows), size(x.cols))
}

func (c cOps) pathConv(dst, cache, filter view, dilation int, paths kernels.Paths, lo, hi int) {
	C.mm_path_conv(c.isa, floats(dst.data), size(dst.stride), floats(cache.data), size(cache.stride),
		floats(filter.data), size(filter.stride), size(filter.rows), size(dilation), ints(paths.Slots),
		ints(paths.Start), ints(paths.Count), size(lo), size(hi), size(dst.cols))
}

func (c cOps) gatherConv(dst, x, filter view, index []int32) {
	C.mm_gather_conv(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), floats(filter.data),
		size(filter.stride), size(filter.rows), ints(index), size(dst.rows), size(dst.cols))
}

func (c cOps) scatter(dst, x view, where []int32, gates []float32, top int) {
	C.mm_scatter(c.isa, floats(dst.data), size(dst.stride), floats(x.data), size(x.stride), ints(where),
		floats(gates), size(top), size(dst.rows), size(dst.cols))
}

func (c cOps) attention(dst, q, k, v view, heads, lo, hi int, scores []float32) {
	C.mm_attention(c.isa, floats(dst.data), size(dst.stride), floats(q.data), size(q.stride), floats(k.data),
		size(k.stride), floats(v.data), size(v.stride), size(k.rows), size(heads), size(q.cols/heads),
		size(lo), size(hi), floats(scores))
}

func (c cOps) pathAttention(dst, q, k, v view, heads int, paths kernels.Paths, lo, hi int, scores []float32) {
	C.mm_path_attention(c.isa, floats(dst.data), size(dst.stride), floats(q.data), size(q.stride),
		floats(k.data), size(k.stride), floats(v.data), size(v.stride), ints(paths.Slots), ints(paths.Start),
		ints(paths.Count), size(heads), size(q.cols/heads), size(lo), size(hi), floats(scores))
}

func (c cOps) topK(ids []int32, logs, logits []float32, allowed kernels.Allowed) {
	n := int(allowed.Limit)
	var list *C.int32_t
	if len(allowed.IDs) > 0 {
		n, list = len(allowed.IDs), ints(allowed.IDs)
	}
	sum := C.mm_top_k(c.isa, ints(ids), floats(logs), size(len(ids)), floats(logits), list, size(n))
	if ids[0] >= 0 {
		toLogs(logs, float32(sum))
	}
}
