//go:build linux && cgo

package cuda

import (
	"math"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// attentionArgs is AttentionArgs of attention.cu.
type attentionArgs struct {
	dst, q, k, v         view
	first, second, slots driver.Pointer
	segments, heads      int32
	scale                float32
	_                    int32
}

// Sizes of attention.cu. A plain block keeps its rows' sums in shared memory: heads
// may be plainShared / 16 columns wide.
const (
	attentionWarps = 4
	plainShared    = 64 << 10
)

// Attention has a warp for each head of each row.
func (d *Device) Attention(dst, q, k, v kernels.Tensor, heads int, qSegs, kSegs kernels.Segments) {
	if q.Rows == 0 || q.Cols == 0 {
		return
	}
	d.attend(q, heads, &attentionArgs{
		dst: d.view(dst), q: d.view(q), k: d.view(k), v: d.view(v),
		first: d.lists.send(qSegs), second: d.lists.send(kSegs), segments: int32(len(qSegs) - 1)})
}

// PathAttention has a warp for each head of each row.
func (d *Device) PathAttention(dst, q, k, v kernels.Tensor, heads int, paths kernels.Paths) {
	if q.Rows == 0 || q.Cols == 0 {
		return
	}
	d.attend(q, heads, &attentionArgs{
		dst: d.view(dst), q: d.view(q), k: d.view(k), v: d.view(v),
		first: d.lists.send(paths.Start), second: d.lists.send(paths.Count), slots: d.lists.send(paths.Slots)})
}

func (d *Device) attend(q kernels.Tensor, heads int, args *attentionArgs) {
	width := q.Cols / heads
	args.heads, args.scale = int32(heads), float32(1/math.Sqrt(float64(width)))
	d.launch(kernelAttentionPlain, ceil(q.Rows*heads, attentionWarps), 1, attentionWarps*32, 4*attentionWarps*width, unsafe.Pointer(args))
}
