//go:build linux && cgo

package cuda

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// The arguments of the kernels of rows.cu, rms_norm.cu and rope.cu.
type (
	pairArgs   struct{ dst, x view }
	concatArgs struct{ dst, left, right view }
	normArgs   struct {
		dst, x, gain view
		eps          float32
		_            int32
	}
	ropeArgs struct {
		x, cos, sin view
		positions   driver.Pointer
		heads       int32
		_           int32
	}
)

// Copy copies element by element.
func (d *Device) Copy(dst, x kernels.Tensor) {
	d.elementwise(kernelCopy, dst.Rows, dst.Cols, unsafe.Pointer(&pairArgs{d.view(dst), d.view(x)}))
}

// Add adds element by element.
func (d *Device) Add(dst, x kernels.Tensor) {
	d.elementwise(kernelAdd, dst.Rows, dst.Cols, unsafe.Pointer(&pairArgs{d.view(dst), d.view(x)}))
}

// SiLU runs element by element.
func (d *Device) SiLU(dst, x kernels.Tensor) {
	d.elementwise(kernelSiLU, dst.Rows, dst.Cols, unsafe.Pointer(&pairArgs{d.view(dst), d.view(x)}))
}

// SwiGLU runs element by element over the two halves of each row.
func (d *Device) SwiGLU(dst, x kernels.Tensor) {
	d.elementwise(kernelSwiGLU, dst.Rows, dst.Cols, unsafe.Pointer(&pairArgs{d.view(dst), d.view(x)}))
}

// Concat copies rows side by side.
func (d *Device) Concat(dst, a, b kernels.Tensor) {
	d.elementwise(kernelConcat, dst.Rows, dst.Cols, unsafe.Pointer(&concatArgs{d.view(dst), d.view(a), d.view(b)}))
}

// RMSNorm has a warp for a row.
func (d *Device) RMSNorm(dst, x, gain kernels.Tensor, eps float32) {
	if x.Cols == 0 {
		return
	}
	d.rowwise(kernelRMSNorm, x.Rows, unsafe.Pointer(&normArgs{dst: d.view(dst), x: d.view(x), gain: d.view(gain), eps: eps}))
}

// Rope has a warp for a row.
func (d *Device) Rope(x, cos, sin kernels.Tensor, heads int, positions []int32) {
	if cos.Cols == 0 {
		return
	}
	d.rowwise(kernelRope, x.Rows, unsafe.Pointer(&ropeArgs{
		x: d.view(x), cos: d.view(cos), sin: d.view(sin), positions: d.lists.send(positions), heads: int32(heads)}))
}
