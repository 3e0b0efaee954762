package checkpoint

import (
	"encoding/binary"
	"math"
	"unsafe"
)

// littleEndian says whether values in a file can be used where they lie.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// floats returns data as float32 values: in place where the machine's byte order
// and the alignment allow it, else a copy.
func floats(data []byte) []float32 {
	n := len(data) / 4
	if n == 0 {
		return nil
	}
	if first := unsafe.Pointer(unsafe.SliceData(data)); littleEndian && uintptr(first)%4 == 0 {
		return unsafe.Slice((*float32)(first), n)
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return out
}

// halves is the same for the 16-bit patterns of bfloat16 values.
func halves(data []byte) []uint16 {
	n := len(data) / 2
	if n == 0 {
		return nil
	}
	if first := unsafe.Pointer(unsafe.SliceData(data)); littleEndian && uintptr(first)%2 == 0 {
		return unsafe.Slice((*uint16)(first), n)
	}
	out := make([]uint16, n)
	for i := range out {
		out[i] = binary.LittleEndian.Uint16(data[2*i:])
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
