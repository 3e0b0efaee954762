//go:build linux && cgo

package cuda

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// memory is an allocation; n is 0 once freed.
type memory struct {
	at driver.Pointer
	n  int // float32 elements
}

func (m *memory) Len() int { return m.n }

// Alloc makes a tensor of zeros (rows, cols).
func (d *Device) Alloc(rows, cols int) (kernels.Tensor, error) {
	if rows < 0 || cols < 0 || max(rows, cols) > math.MaxInt32 || cols > 0 && rows > math.MaxInt/8/cols {
		return kernels.Tensor{}, fmt.Errorf("cuda: tensor of shape [%d %d]", rows, cols)
	}
	m, err := d.take(4*rows*cols, rows*cols)
	if err != nil {
		return kernels.Tensor{}, fmt.Errorf("cuda: tensor of shape [%d %d]: %w", rows, cols, err)
	}
	if m.n > 0 {
		if err := d.stream.Fill(m.at, 0, 4*int64(m.n)); err != nil {
			return kernels.Tensor{}, fmt.Errorf("cuda: tensor of shape [%d %d]: %w", rows, cols, err)
		}
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Mem: m}, nil
}

// take allocates bytes, if any, that Close frees.
func (d *Device) take(bytes, elements int) (*memory, error) {
	m := &memory{n: elements}
	if d.failed != nil {
		return nil, d.failed.Err
	}
	if bytes == 0 {
		return m, nil
	}
	at, err := d.stream.Alloc(int64(bytes))
	if err != nil {
		return nil, err
	}
	m.at = at
	d.owned[m] = struct{}{}
	return m, nil
}

// Free gives the memory back after the work that was queued before.
func (d *Device) Free(t kernels.Tensor) {
	m, ok := t.Mem.(*memory)
	if !ok || d.failed != nil {
		return
	}
	if _, mine := d.owned[m]; mine {
		d.journal.flush()
		delete(d.owned, m)
		at := m.at
		*m = memory{}
		d.check(d.stream.Free(at))
	}
	m.n = 0
}

// Write copies host values, row-major, into t. It waits: where the GPU reads the
// program's memory by itself, src would have to stay as it is until then.
func (d *Device) Write(t kernels.Tensor, src []float32) {
	if t.Rows == 0 || t.Cols == 0 {
		return
	}
	d.journal.flush()
	d.check(d.stream.UploadRows(d.view(t).data, 4*t.Stride, raw(src[:t.Rows*t.Cols]), 4*t.Cols))
	d.wait()
}

// Read waits for the work so far and copies t into dst, row-major.
func (d *Device) Read(dst []float32, t kernels.Tensor) {
	if t.Rows == 0 || t.Cols == 0 {
		return
	}
	d.journal.flush()
	d.check(d.stream.DownloadRows(raw(dst[:t.Rows*t.Cols]), 4*t.Cols, d.view(t).data, 4*t.Stride))
	d.wait()
}

// raw is the memory of values as bytes.
func raw[T any](values []T) []byte {
	var one T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(one)))
}

// view is a matrix as kernels get it; the twin of View in common.cuh.
type view struct {
	data               driver.Pointer
	rows, cols, stride int32
	_                  int32
}

func (d *Device) view(t kernels.Tensor) view {
	v := view{rows: int32(t.Rows), cols: int32(t.Cols), stride: int32(t.Stride)}
	if t.Rows > 0 && t.Cols > 0 {
		m := t.Mem.(*memory)
		if end := t.Offset + (t.Rows-1)*t.Stride + t.Cols; t.Offset < 0 || end > m.n {
			d.check(fmt.Errorf("tensor of shape [%d %d] ends at element %d of an allocation of %d", t.Rows, t.Cols, end, m.n))
		}
		v.data = m.at + driver.Pointer(4*t.Offset)
	}
	return v
}
