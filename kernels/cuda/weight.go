//go:build linux && cgo

package cuda

import (
	"fmt"
	"math"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// weightArgs is a weight as kernels get it; the twin of Weight in weight.cuh.
type weightArgs struct {
	data, scales           driver.Pointer
	dtype, out, in, tileIn int32
}

// A tile of a packed matrix; weight.cuh draws its layout.
const (
	tileOut = 16
	tileIn  = 64
	laneIn  = 16
)

func weightOf(w kernels.Weight) weightArgs { return *w.Packed.(*weightArgs) }

// Pack lays a weight out for MatMul, GroupMatMul and Embed, in device memory.
func (d *Device) Pack(m kernels.Matrix, groups int) (kernels.Weight, error) {
	if err := checkMatrix(m, groups); err != nil {
		return kernels.Weight{}, err
	}
	w := kernels.Weight{Groups: groups, Out: m.Rows / groups, In: m.Cols, DType: m.DType}
	p := &weightArgs{dtype: int32(m.DType), out: int32(w.Out), in: int32(w.In), tileIn: int32(ceil(w.In, tileIn))}
	var data []byte
	switch m.DType {
	case kernels.F32:
		data = raw(m.F32)
	case kernels.BF16:
		data = raw(tiles(m.BF16, groups, w.Out, w.In, bf16Place))
	case kernels.I8:
		data = raw(tiles(m.I8, groups, w.Out, w.In, i8Place))
	}
	var err error
	if p.data, err = d.upload(data); err == nil {
		p.scales, err = d.upload(raw(m.Scales))
	}
	if err != nil {
		return kernels.Weight{}, fmt.Errorf("cuda: pack: %v [%d %d]: %w", m.DType, m.Rows, m.Cols, err)
	}
	w.Packed = p
	return w, nil
}

// upload copies bytes to memory of their own, which lasts until Close.
func (d *Device) upload(data []byte) (driver.Pointer, error) {
	m, err := d.take(len(data), 0)
	if err != nil {
		return 0, err
	}
	if err := d.stream.Upload(m.at, data); err != nil {
		return 0, err
	}
	return m.at, d.stream.Synchronize()
}

// tiles orders the elements of a matrix by tile, zeros past its edges.
func tiles[T any](from []T, groups, out, in int, place func(o, i int) int) []T {
	tilesOut, tilesIn := ceil(out, tileOut), ceil(in, tileIn)
	to := make([]T, groups*tilesOut*tilesIn*tileOut*tileIn)
	for row := range groups * out {
		group, o := row/out, row%out
		first := (group*tilesOut + o/tileOut) * tilesIn
		for i, v := range from[row*in : (row+1)*in] {
			to[(first+i/tileIn)*tileOut*tileIn+place(o%tileOut, i%tileIn)] = v
		}
	}
	return to
}

// i8Place is where element (o, i) of a tile stands: a lane's 16 bytes are one load.
func i8Place(o, i int) int {
	lane := o%8*4 + i/laneIn
	return (o/8*32+lane)*laneIn + i%laneIn
}

// bf16Place: a core matrix of 8 outputs with 4 inputs of two lanes behind the other.
func bf16Place(o, i int) int {
	lane, at := i/laneIn, i%laneIn
	return (o/8*8+at/4*2+lane/2)*64 + o%8*8 + lane%2*4 + at%4
}

func checkMatrix(m kernels.Matrix, groups int) error {
	n := m.Rows * m.Cols
	want := map[kernels.DType][4]int{kernels.F32: {n, 0, 0, 0}, kernels.BF16: {0, n, 0, 0}, kernels.I8: {0, 0, n, m.Rows}}
	lengths, known := want[m.DType]
	switch {
	case !known:
		return fmt.Errorf("cuda: pack: %v, want f32, bf16 or i8", m.DType)
	case groups < 1 || m.Rows%groups != 0 || m.Rows < 0 || m.Cols < 0:
		return fmt.Errorf("cuda: pack: %d groups of a matrix [%d %d], want a divisor of the rows", groups, m.Rows, m.Cols)
	case [4]int{len(m.F32), len(m.BF16), len(m.I8), len(m.Scales)} != lengths:
		return fmt.Errorf("cuda: pack: %d f32, %d bf16, %d i8 values and %d scales for %v [%d %d], want %v",
			len(m.F32), len(m.BF16), len(m.I8), len(m.Scales), m.DType, m.Rows, m.Cols, lengths)
	case max(m.Rows, m.Cols) > math.MaxInt32-tileIn:
		return fmt.Errorf("cuda: pack: a matrix [%d %d], want at most %d either way", m.Rows, m.Cols, math.MaxInt32-tileIn)
	}
	return nil
}
