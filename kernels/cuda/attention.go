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
	attentionWarps   = 4
	attentionThreads = attentionWarps * 32
	plainShared      = 64 << 10
	tileQueries      = 32
)

// tileShared is the size of Tile<width>.
func tileShared(width int) int {
	return 4 * (tileQueries*width + 32*(width+4) + 32*width + attentionWarps*32*tileQueries/attentionWarps)
}

// attentionKernels are the faster kernels, for heads of these widths whose rows
// stand at multiples of 16 bytes.
var attentionKernels = map[int]struct{ split, tile kernel }{
	32:  {kernelAttentionSplit32, kernelAttentionTile32},
	64:  {kernelAttentionSplit64, kernelAttentionTile64},
	128: {kernelAttentionSplit128, kernelAttentionTile128},
}

func (v view) aligned() bool { return v.data%16 == 0 && v.stride%4 == 0 }

// attentionArguments fills in what all kernels want.
func (d *Device) attentionArguments(dst, q, k, v kernels.Tensor, heads int) (args attentionArgs, width int, aligned bool) {
	width = q.Cols / heads
	args = attentionArgs{dst: d.view(dst), q: d.view(q), k: d.view(k), v: d.view(v),
		heads: int32(heads), scale: float32(1 / math.Sqrt(float64(width)))}
	return args, width, args.dst.aligned() && args.q.aligned() && args.k.aligned() && args.v.aligned()
}

// Attention has a block for each head of 32 queries of a segment, or a warp for each
// head of each row.
func (d *Device) Attention(dst, q, k, v kernels.Tensor, heads int, qSegs, kSegs kernels.Segments) {
	if q.Rows == 0 || q.Cols == 0 {
		return
	}
	args, width, aligned := d.attentionArguments(dst, q, k, v, heads)
	tiles := d.tiles[:0]
	for i := range len(qSegs) - 1 {
		for first := qSegs[i]; first < qSegs[i+1]; first += tileQueries {
			tiles = append(tiles, int32(i), first)
		}
	}
	for len(tiles) < 2*(q.Rows/tileQueries+len(qSegs)) {
		tiles = append(tiles, -1, 0) // as many blocks for all segments of so many rows
	}
	d.tiles = tiles
	d.lists.ensure(len(qSegs), len(kSegs), len(tiles))
	args.first, args.second, args.segments = d.lists.send(qSegs), d.lists.send(kSegs), int32(len(qSegs)-1)
	fast, known := attentionKernels[width]
	if !known || !aligned {
		d.attendPlain(q.Rows*heads, width, &args)
		return
	}
	args.slots = d.lists.send(tiles)
	d.launch(fast.tile, len(tiles)/2, heads, attentionThreads, tileShared(width), unsafe.Pointer(&args))
}

// PathAttention has a block for each head of each row, or a warp.
func (d *Device) PathAttention(dst, q, k, v kernels.Tensor, heads int, paths kernels.Paths) {
	if q.Rows == 0 || q.Cols == 0 {
		return
	}
	args, width, aligned := d.attentionArguments(dst, q, k, v, heads)
	d.lists.ensure(len(paths.Start), len(paths.Count), len(paths.Slots))
	args.first, args.second, args.slots = d.lists.send(paths.Start), d.lists.send(paths.Count), d.lists.send(paths.Slots)
	fast, known := attentionKernels[width]
	if !known || !aligned {
		d.attendPlain(q.Rows*heads, width, &args)
		return
	}
	d.launch(fast.split, q.Rows*heads, 1, attentionThreads, 0, unsafe.Pointer(&args))
}

func (d *Device) attendPlain(units, width int, args *attentionArgs) {
	d.launch(kernelAttentionPlain, ceil(units, attentionWarps), 1, attentionThreads, 4*attentionWarps*width, unsafe.Pointer(args))
}
