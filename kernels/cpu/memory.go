package cpu

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
)

// alignment of every allocation, in bytes: a cache line and an AVX-512 register.
const alignment = 64

// memory is an aligned allocation; f is nil once freed.
type memory struct{ f []float32 }

func (m *memory) Len() int { return len(m.f) }

// Alloc makes a tensor of zeros (rows, cols). It fails for negative sizes and for
// more elements than an address can reach.
func (d *Device) Alloc(rows, cols int) (kernels.Tensor, error) {
	if rows < 0 || cols < 0 || cols > 0 && rows > math.MaxInt/8/cols {
		return kernels.Tensor{}, fmt.Errorf("cpu: tensor of shape [%d %d]", rows, cols)
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Mem: &memory{f: aligned(rows * cols)}}, nil
}

// aligned makes n zeros whose first stands on a cache line.
func aligned(n int) []float32 {
	const extra = alignment / 4
	f := make([]float32, n+extra)
	skip := 0
	if past := uintptr(unsafe.Pointer(unsafe.SliceData(f))) % alignment; past != 0 {
		skip = int(alignment-past) / 4
	}
	return f[skip : skip+n : skip+n]
}

// slab is memory for weights, which stay together until the last has gone: pages of
// 2 MiB, where the system gives any, span several of them.
type slab struct{ left []byte }

// slabBytes is what a slab takes at a time: little beside a model, and room for many
// of its weights. The runtime puts as much on pages of its own.
const slabBytes = 4 << 20

// take makes n zeros whose first stands on a cache line.
func (s *slab) take(n int) []byte {
	room := (n + alignment - 1) / alignment * alignment
	if room > len(s.left) {
		s.left = make([]byte, max(room, slabBytes))
		adviseHuge(s.left)
	}
	p := s.left[:n:n]
	s.left = s.left[room:]
	return p
}

// Free lets the memory go; a later use of the tensor or a view of it panics.
func (d *Device) Free(t kernels.Tensor) {
	if m, ok := t.Mem.(*memory); ok {
		m.f = nil
	}
}

// Write copies host values, row-major, into t.
func (d *Device) Write(t kernels.Tensor, src []float32) {
	v := of(t)
	for r := range v.rows {
		copy(v.row(r), src[r*v.cols:(r+1)*v.cols])
	}
}

// Read copies t into dst, row-major.
func (d *Device) Read(dst []float32, t kernels.Tensor) {
	v := of(t)
	for r := range v.rows {
		copy(dst[r*v.cols:(r+1)*v.cols], v.row(r))
	}
}

// view is a tensor as the loops see it: data starts at the first element.
type view struct {
	data               []float32
	rows, cols, stride int
}

func of(t kernels.Tensor) view {
	if t.Rows == 0 || t.Cols == 0 {
		return view{rows: t.Rows, cols: t.Cols} // its rows are empty slices
	}
	f := t.Mem.(*memory).f
	end := t.Offset + (t.Rows-1)*t.Stride + t.Cols
	return view{data: f[t.Offset:end:end], rows: t.Rows, cols: t.Cols, stride: t.Stride}
}

// row is the columns of row r.
func (v view) row(r int) []float32 {
	at := r * v.stride
	return v.data[at : at+v.cols : at+v.cols]
}

// slice is the rows lo up to hi.
func (v view) slice(lo, hi int) view {
	if lo == hi {
		return view{cols: v.cols, stride: v.stride}
	}
	v.data = v.data[lo*v.stride : (hi-1)*v.stride+v.cols]
	v.rows = hi - lo
	return v
}
