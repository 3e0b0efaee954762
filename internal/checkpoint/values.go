package checkpoint

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says whether values in a file can be used where they lie.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// inPlace returns data as values: where they lie, if the machine's byte order and the
// alignment allow it, else a copy.
func inPlace[T uint8 | uint16 | uint32 | float32](data []byte) []T {
	var one T
	size := unsafe.Sizeof(one)
	n := len(data) / int(size)
	if n == 0 {
		return nil
	}
	if first := unsafe.Pointer(unsafe.SliceData(data)); littleEndian && uintptr(first)%size == 0 {
		return unsafe.Slice((*T)(first), n)
	}
	out := make([]T, n)
	if _, err := binary.Decode(data, binary.LittleEndian, out); err != nil {
		panic(err) // as many bytes as there are
	}
	return out
}

// codes returns data as int8 values, in place.
func codes(data []byte) []int8 {
	return unsafe.Slice((*int8)(unsafe.Pointer(unsafe.SliceData(data))), len(data))
}

// widened returns the float32 values of bfloat16 patterns: their upper halves.
func widened(patterns []uint16) []float32 {
	out := make([]float32, len(patterns))
	for i, p := range patterns {
		out[i] = math.Float32frombits(uint32(p) << 16)
	}
	return out
}
