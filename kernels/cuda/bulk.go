//go:build linux && cgo

package cuda

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// cutArgs is CutArgs of matmul_bulk.cu.
type cutArgs struct {
	x            view
	parts        driver.Pointer
	count, tiles int32
}

// bulkArgs is BulkArgs of matmul_bulk.cu.
type bulkArgs struct {
	product  matMulArgs
	parts    driver.Pointer
	tiles, _ int32
}

// bulkVariant is a kernel of matmul_bulk.cu, which takes rows that were cut.
type bulkVariant struct {
	kernel             kernel
	parts, rows, count int // count: stages
}

// Like hopperVariants, these compute no product of a model: bulkExact not before
// TestHopper has compared its bits on a GPU, bulkRounded never.
var (
	bulkExact   = bulkVariant{kernelMatMulBF16Bulk, 3, 128, 3}
	bulkRounded = bulkVariant{kernelMatMulBF16Rounded, 1, 256, 4}
)

const cutThreads = 128

// cutRows is rows in parts: as many tiles of 16 rows as a kernel's blocks look at.
type cutRows struct {
	at    driver.Pointer
	tiles int
}

// cut makes a variant's parts of x. They last until the device closes.
func (d *Device) cut(v bulkVariant, x kernels.Tensor) (cutRows, error) {
	tiles, tilesIn := ceil(x.Rows, v.rows)*v.rows/tileOut, ceil(x.Cols, tileIn)
	m, err := d.take(v.parts*tiles*tilesIn*2*tileOut*tileIn, 0)
	if err != nil {
		return cutRows{}, err
	}
	c := cutRows{m.at, tiles}
	d.cutInto(v, x, c)
	return c, nil
}

// cutInto makes them anew where others of as many rows lie.
func (d *Device) cutInto(v bulkVariant, x kernels.Tensor, c cutRows) {
	tiles := ceil(x.Cols, tileIn)
	d.launch(kernelCutRows, c.tiles, tiles, cutThreads, 0,
		unsafe.Pointer(&cutArgs{x: d.sized(x), parts: c.at, count: int32(v.parts), tiles: int32(tiles)}))
}

// matMulBulk is MatMul for bfloat16 weights and rows that cut has cut.
func (d *Device) matMulBulk(v bulkVariant, dst, x kernels.Tensor, cut cutRows, w kernels.Weight, add bool) {
	args := bulkArgs{product: matMulArgs{dst: d.view(dst), x: d.sized(x), w: weightOf(w)}, parts: cut.at, tiles: int32(cut.tiles)}
	if add {
		args.product.add = 1
	}
	d.launch(v.kernel, ceil(w.Out, hopperOut), cut.tiles*tileOut/v.rows, hopperThreads, hopperShared(v.count), unsafe.Pointer(&args))
}
