//go:build linux && cgo

package cuda

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// The arguments of the kernels of gather.cu, conv.cu and embed.cu.
type (
	indexArgs struct { // UnfoldArgs and StoreArgs
		to, from view
		index    driver.Pointer
	}
	routedArgs struct {
		dst, x      view
		rows, gates driver.Pointer
		top         int32
		_           int32
	}
	segmentConvArgs struct {
		dst, x, filter  view
		segs            driver.Pointer
		count, dilation int32
	}
	pathConvArgs struct {
		dst, cache, filter  view
		slots, start, count driver.Pointer
		dilation            int32
		_                   int32
	}
	gatherConvArgs struct {
		dst, x, filter view
		index          driver.Pointer
	}
	embedArgs struct {
		dst   view
		table weightArgs
		ids   driver.Pointer
		scale float32
		_     int32
	}
)

// Embed looks up one row an id.
func (d *Device) Embed(dst kernels.Tensor, table kernels.Weight, ids []int32, scale float32) {
	d.elementwise(kernelEmbed, dst.Rows, dst.Cols, unsafe.Pointer(&embedArgs{
		dst: d.view(dst), table: weightOf(table), ids: d.lists.send(ids), scale: scale}))
}

// Unfold copies row by row.
func (d *Device) Unfold(dst, x kernels.Tensor, index []int32) {
	d.elementwise(kernelUnfold, len(index), x.Cols, unsafe.Pointer(&indexArgs{d.sized(dst), d.sized(x), d.lists.send(index)}))
}

// StoreRows copies as if in order: of two rows for one slot the later stays.
func (d *Device) StoreRows(cache, x kernels.Tensor, slots []int32) {
	d.elementwise(kernelStoreRows, x.Rows, x.Cols, unsafe.Pointer(&indexArgs{d.view(cache), d.view(x), d.lists.send(slots)}))
}

// DepthwiseConv finds each row's segment by bisection.
func (d *Device) DepthwiseConv(dst, x, filter kernels.Tensor, dilation int, segs kernels.Segments) {
	d.elementwise(kernelDepthwiseConv, x.Rows, x.Cols, unsafe.Pointer(&segmentConvArgs{
		dst: d.view(dst), x: d.view(x), filter: d.view(filter),
		segs: d.lists.send(segs), count: int32(len(segs) - 1), dilation: int32(dilation)}))
}

// PathConv runs row by row.
func (d *Device) PathConv(dst, cache, filter kernels.Tensor, dilation int, paths kernels.Paths) {
	d.lists.ensure(len(paths.Slots), len(paths.Start), len(paths.Count))
	d.elementwise(kernelPathConv, dst.Rows, dst.Cols, unsafe.Pointer(&pathConvArgs{
		dst: d.view(dst), cache: d.view(cache), filter: d.view(filter),
		slots: d.lists.send(paths.Slots), start: d.lists.send(paths.Start), count: d.lists.send(paths.Count),
		dilation: int32(dilation)}))
}

// GatherConv runs row by row.
func (d *Device) GatherConv(dst, x, filter kernels.Tensor, index []int32) {
	d.elementwise(kernelGatherConv, dst.Rows, dst.Cols, unsafe.Pointer(&gatherConvArgs{
		d.view(dst), d.view(x), d.view(filter), d.lists.send(index)}))
}
