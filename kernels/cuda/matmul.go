//go:build linux && cgo

package cuda

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// matMulArgs is MatMulArgs of matmul.cu.
type matMulArgs struct {
	dst, x       view
	w            weightArgs
	offsets      driver.Pointer
	experts, add int32
}

// Sizes of matmul.cu.
const (
	narrowThreads = 128
	wideThreads   = 256
	wideOut       = 8 * tileOut
	wideRows      = 64
	plainOut      = 8
	plainRows     = 8
	// wideSharedI8: two tiles of rows in two parts of two bytes.
	wideSharedI8   = 2 * 2 * wideRows * tileIn * 2
	wideSharedBF16 = 2 * 3 * wideRows * tileIn * 2
)

// variant is one kernel for matrix products.
type variant struct {
	kernel                kernel
	threads, rows, shared int
	out                   int // outputs of a block
}

// variants are the kernels for a type of weights, by the rows of a block. They all
// compute the same to the bit: matmul.cu says how.
var variants = map[kernels.DType][]variant{
	kernels.F32: {{kernelMatMulF32, plainOut * 32, plainRows, 0, plainOut}},
	kernels.BF16: {
		{kernelMatMulBF16Narrow8, narrowThreads, 8, 0, tileOut},
		{kernelMatMulBF16Narrow16, narrowThreads, 16, 0, tileOut},
		{kernelMatMulBF16Narrow32, narrowThreads, 32, 0, tileOut},
		{kernelMatMulBF16Wide, wideThreads, wideRows, wideSharedBF16, wideOut},
	},
	kernels.I8: {
		{kernelMatMulI8Narrow8, narrowThreads, 8, 0, tileOut},
		{kernelMatMulI8Narrow16, narrowThreads, 16, 0, tileOut},
		{kernelMatMulI8Narrow32, narrowThreads, 32, 0, tileOut},
		{kernelMatMulI8Wide, wideThreads, wideRows, wideSharedI8, wideOut},
	},
}

// Sizes of matmul_hopper.cu.
const (
	hopperThreads = 3 * 128
	hopperRows    = 128
	hopperOut     = 8 * tileOut
)

// hopperShared is what so many stages take, 192 KiB, and their barriers.
func hopperShared(stages int) int { return 192<<10 + 2*8*stages }

// hopperVariants are the kernels for Hopper alone, which no product takes yet: whether
// they leave the bits of the others, only a GPU can say (TestHopper).
var hopperVariants = map[kernels.DType]variant{
	kernels.BF16: {kernelMatMulBF16Hopper, hopperThreads, hopperRows, hopperShared(4), hopperOut},
	kernels.I8:   {kernelMatMulI8Hopper, hopperThreads, hopperRows, hopperShared(6), hopperOut},
}

// variantFor is the smallest kernel that takes so many rows in one block, or the
// largest.
func variantFor(t kernels.DType, rows int) variant {
	all := variants[t]
	for _, v := range all[:len(all)-1] {
		if rows <= v.rows {
			return v
		}
	}
	return all[len(all)-1]
}

// MatMul multiplies all rows by one matrix.
func (d *Device) MatMul(dst, x kernels.Tensor, w kernels.Weight, add bool) {
	if dst.Cols > 0 {
		d.matMul(variantFor(w.DType, x.Rows), dst, x, w, add)
	}
}

func (d *Device) matMul(v variant, dst, x kernels.Tensor, w kernels.Weight, add bool) {
	args := matMulArgs{dst: d.view(dst), x: d.sized(x), w: weightOf(w)}
	if add {
		args.add = 1
	}
	d.launch(v.kernel, ceil(w.Out, v.out), ceil(x.Rows, v.rows), v.threads, v.shared, unsafe.Pointer(&args))
}

// GroupMatMul multiplies each routed row by its expert's matrix. How many rows an
// expert has only the device knows: there are blocks for the worst case, and those
// that find no rows end at once.
func (d *Device) GroupMatMul(dst, x kernels.Tensor, w kernels.Weight, r *kernels.Routing) {
	if dst.Cols == 0 || x.Rows == 0 {
		return
	}
	args := matMulArgs{dst: d.view(dst), x: d.sized(x), w: weightOf(w),
		offsets: r.State.(*routing).offsets, experts: int32(r.Experts)}
	v := variantFor(w.DType, ceil(x.Rows, r.Experts))
	d.launch(v.kernel, ceil(w.Out, v.out), x.Rows/v.rows+r.Experts, v.threads, v.shared, unsafe.Pointer(&args))
}

// sized is a view whose shape counts even where it has no elements.
func (d *Device) sized(t kernels.Tensor) view {
	v := d.view(t)
	v.rows, v.cols = int32(t.Rows), int32(t.Cols)
	return v
}
