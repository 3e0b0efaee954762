//go:build linux && cgo

package driver

// #include "shim.h"
import "C"

import "fmt"

// TensorMap describes a matrix in device memory to the GPU's tensor copy engine
// (compute capability 9.0 and later); kernels get it by value, at 128 bytes.
type TensorMap [16]uint64

// ElementType is a CUtensorMapDataType.
type ElementType int

// The element types that mm copies.
const (
	Bytes    ElementType = 0 // CU_TENSOR_MAP_DATA_TYPE_UINT8
	Float32  ElementType = 7 // CU_TENSOR_MAP_DATA_TYPE_FLOAT32
	BFloat16 ElementType = 9 // CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
)

func (t ElementType) size() int {
	switch t {
	case Float32:
		return 4
	case BFloat16:
		return 2
	}
	return 1
}

// Swizzle is how the engine shuffles 16-byte pieces within rows of shared memory,
// so that a column's pieces fall into different banks.
type Swizzle int

// Swizzles by the width of a row in shared memory.
const (
	NoSwizzle  Swizzle = 0 // CU_TENSOR_MAP_SWIZZLE_NONE
	Swizzle32  Swizzle = 1 // CU_TENSOR_MAP_SWIZZLE_32B
	Swizzle64  Swizzle = 2 // CU_TENSOR_MAP_SWIZZLE_64B
	Swizzle128 Swizzle = 3 // CU_TENSOR_MAP_SWIZZLE_128B
)

const promoteL2To256 = 3 // CU_TENSOR_MAP_L2_PROMOTION_L2_256B: bytes that a miss brings in

// NewTensorMap describes rows × cols elements at p, rows stride elements apart,
// copied in boxes of boxRows × boxCols; what lies outside the matrix reads as zero.
func (c *Context) NewTensorMap(t ElementType, p Pointer, rows, cols, stride, boxRows, boxCols int, s Swizzle) (TensorMap, error) {
	var m TensorMap
	sizes := [2]C.uint64_t{C.uint64_t(cols), C.uint64_t(rows)}
	box := [2]C.uint32_t{C.uint32_t(boxCols), C.uint32_t(boxRows)}
	code := C.mm_encode(c.library.calls, c.handle, (*C.uint64_t)(&m[0]), C.int(t), C.mm_pointer(p),
		&sizes[0], C.uint64_t(stride*t.size()), &box[0], C.int(s), promoteL2To256)
	if err := c.library.check("cuTensorMapEncodeTiled", code); err != nil {
		return TensorMap{}, fmt.Errorf("tensor map of [%d %d], stride %d, box [%d %d]: %w", rows, cols, stride, boxRows, boxCols, err)
	}
	return m, nil
}
