//go:build linux && cgo

package cuda

import (
	"unsafe"
)

// kernel numbers the kernels of the .cu files.
type kernel int

const (
	kernelCopy kernel = iota
	kernelAdd
	kernelSiLU
	kernelSwiGLU
	kernelConcat
	kernelRMSNorm
	kernelRope
	kernelEmbed
	kernelUnfold
	kernelStoreRows
	kernelGatherRows
	kernelScatterRows
	kernelDepthwiseConv
	kernelPathConv
	kernelGatherConv
	kernelRoute
	kernelTopK
	kernelAdvance
	kernelAttentionPlain
	kernelAttentionSplit32
	kernelAttentionSplit64
	kernelAttentionSplit128
	kernelAttentionTile32
	kernelAttentionTile64
	kernelAttentionTile128
	kernelMatMulF32
	kernelMatMulI8Narrow8
	kernelMatMulI8Narrow16
	kernelMatMulI8Narrow32
	kernelMatMulI8Wide
	kernelMatMulBF16Narrow8
	kernelMatMulBF16Narrow16
	kernelMatMulBF16Narrow32
	kernelMatMulBF16Wide
	kernelProgram
	kernelSequence
	kernelCutRows
	kernelMatMulI8Hopper // the first of those for compute capability 9.0 alone
	kernelMatMulBF16Hopper
	kernelMatMulBF16Bulk
	kernelMatMulBF16Rounded
	kernelCount
)

// kernelTable says how each kernel is called and how large its argument is, which
// Open compares with what was compiled, and how much dynamic shared memory it may
// be given where that is more than the usual 48 KiB.
var kernelTable = [kernelCount]struct {
	name   string
	size   uintptr
	shared int
}{
	kernelCopy:               {"copy", unsafe.Sizeof(pairArgs{}), 0},
	kernelAdd:                {"add", unsafe.Sizeof(pairArgs{}), 0},
	kernelSiLU:               {"silu_rows", unsafe.Sizeof(pairArgs{}), 0},
	kernelSwiGLU:             {"swiglu", unsafe.Sizeof(pairArgs{}), 0},
	kernelConcat:             {"concat", unsafe.Sizeof(concatArgs{}), 0},
	kernelRMSNorm:            {"rms_norm", unsafe.Sizeof(normArgs{}), 0},
	kernelRope:               {"rope", unsafe.Sizeof(ropeArgs{}), 0},
	kernelEmbed:              {"embed", unsafe.Sizeof(embedArgs{}), 0},
	kernelUnfold:             {"unfold", unsafe.Sizeof(indexArgs{}), 0},
	kernelStoreRows:          {"store_rows", unsafe.Sizeof(indexArgs{}), 0},
	kernelGatherRows:         {"gather_rows", unsafe.Sizeof(routedArgs{}), 0},
	kernelScatterRows:        {"scatter_rows", unsafe.Sizeof(routedArgs{}), 0},
	kernelDepthwiseConv:      {"depthwise_conv", unsafe.Sizeof(segmentConvArgs{}), 0},
	kernelPathConv:           {"path_conv", unsafe.Sizeof(pathConvArgs{}), 0},
	kernelGatherConv:         {"gather_conv", unsafe.Sizeof(gatherConvArgs{}), 0},
	kernelRoute:              {"route", unsafe.Sizeof(routeArgs{}), 0},
	kernelTopK:               {"top_k", unsafe.Sizeof(topKArgs{}), 0},
	kernelAdvance:            {"advance", unsafe.Sizeof(chainArgs{}), 0},
	kernelAttentionPlain:     {"attention_plain", unsafe.Sizeof(attentionArgs{}), plainShared},
	kernelAttentionSplit32:   {"attention_split_32", unsafe.Sizeof(attentionArgs{}), 0},
	kernelAttentionSplit64:   {"attention_split_64", unsafe.Sizeof(attentionArgs{}), 0},
	kernelAttentionSplit128:  {"attention_split_128", unsafe.Sizeof(attentionArgs{}), 0},
	kernelAttentionTile32:    {"attention_tile_32", unsafe.Sizeof(attentionArgs{}), tileShared(32)},
	kernelAttentionTile64:    {"attention_tile_64", unsafe.Sizeof(attentionArgs{}), tileShared(64)},
	kernelAttentionTile128:   {"attention_tile_128", unsafe.Sizeof(attentionArgs{}), tileShared(128)},
	kernelMatMulF32:          {"matmul_f32", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulI8Narrow8:    {"matmul_i8_8", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulI8Narrow16:   {"matmul_i8_16", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulI8Narrow32:   {"matmul_i8_32", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulI8Wide:       {"matmul_i8_wide", unsafe.Sizeof(matMulArgs{}), wideSharedI8},
	kernelMatMulBF16Narrow8:  {"matmul_bf16_8", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulBF16Narrow16: {"matmul_bf16_16", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulBF16Narrow32: {"matmul_bf16_32", unsafe.Sizeof(matMulArgs{}), 0},
	kernelMatMulBF16Wide:     {"matmul_bf16_wide", unsafe.Sizeof(matMulArgs{}), wideSharedBF16},
	kernelSequence:           {"sequence", unsafe.Sizeof(sequenceArgs{}), 0},
	kernelCutRows:            {"cut_rows", unsafe.Sizeof(cutArgs{}), 0},
	kernelMatMulBF16Bulk:     {"matmul_bf16_bulk", unsafe.Sizeof(bulkArgs{}), hopperShared(3)},
	kernelMatMulBF16Rounded:  {"matmul_bf16_rounded", unsafe.Sizeof(bulkArgs{}), hopperShared(4)},
	kernelProgram:            {"program", unsafe.Sizeof(programArgs{}), programShared},
	kernelMatMulI8Hopper:     {"matmul_i8_hopper", unsafe.Sizeof(matMulArgs{}), hopperShared(6)},
	kernelMatMulBF16Hopper:   {"matmul_bf16_hopper", unsafe.Sizeof(matMulArgs{}), hopperShared(4)},
}

// launch gives the journal a kernel: x by y blocks. Where there are none, there is
// nothing to do.
func (d *Device) launch(k kernel, x, y, threads, shared int, argument unsafe.Pointer) {
	if d.failed != nil {
		panic(d.failed)
	}
	if x > 0 && y > 0 {
		d.journal.add(launch{kernel: k, x: uint32(x), y: uint32(y), threads: uint32(threads), shared: uint32(shared)}, argument)
	}
}

// Blocks of element-wise kernels, as in common.cuh.
const (
	rowsPerBlock = 8
	colsPerWarp  = 512
	rowThreads   = 256
)

// elementwise queues a kernel over all elements of a matrix.
func (d *Device) elementwise(k kernel, rows, cols int, argument unsafe.Pointer) {
	d.launch(k, ceil(rows, rowsPerBlock), ceil(cols, colsPerWarp), rowThreads, 0, argument)
}

// rowwise queues a kernel that has a warp for each row.
func (d *Device) rowwise(k kernel, rows int, argument unsafe.Pointer) {
	d.launch(k, ceil(rows, rowsPerBlock), 1, rowThreads, 0, argument)
}

func ceil(n, of int) int { return (n + of - 1) / of }
