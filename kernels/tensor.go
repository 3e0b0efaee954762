// Package kernels is the arithmetic below the model: a concrete Tensor, a Device
// interface of the operations that the model really uses, and one exported
// function per operation that checks shapes and calls the device.
//
// Activations are packed rows: a batch of requests is one matrix (ΣT, D) with
// segment offsets, never padded. Every operation is row-wise reproducible: what
// it writes into a row does not depend on which other rows share the call.
package kernels

import "fmt"

// DType is an element type. Activations are F32; weights may be any.
type DType uint8

const (
	F32  DType = iota // IEEE float32
	BF16              // bfloat16, accumulated in float32
	I8                // int8 with one float32 scale a row, accumulated in int32 or float32
)

func (d DType) String() string {
	switch d {
	case F32:
		return "f32"
	case BF16:
		return "bf16"
	case I8:
		return "i8"
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Tensor is a matrix of float32 rows in a device's memory, or a view of one: a
// range of rows, of columns, or both. The zero Tensor is empty. Tensors are
// small values; copying one does not copy the memory.
type Tensor struct {
	Rows, Cols int
	Stride     int // elements from one row to the next
	Offset     int // of the first element in Mem
	Mem        Memory
}

// Memory is a device's allocation; only the device that made it looks inside.
type Memory interface {
	Len() int // float32 elements
}

// Slice returns the view of rows lo up to hi.
func (t Tensor) Slice(lo, hi int) Tensor {
	if lo < 0 || hi < lo || hi > t.Rows {
		panic(fmt.Sprintf("kernels: rows %d:%d of a tensor with %d", lo, hi, t.Rows))
	}
	t.Offset += lo * t.Stride
	t.Rows = hi - lo
	return t
}

// Columns returns the view of columns lo up to hi.
func (t Tensor) Columns(lo, hi int) Tensor {
	if lo < 0 || hi < lo || hi > t.Cols {
		panic(fmt.Sprintf("kernels: columns %d:%d of a tensor with %d", lo, hi, t.Cols))
	}
	t.Offset += lo
	t.Cols = hi - lo
	return t
}

// Matrix is a weight as a checkpoint holds it, in host memory: Rows × Cols
// (outputs × inputs) elements, row-major, in exactly one of the data fields.
type Matrix struct {
	Rows, Cols int
	DType      DType
	F32        []float32
	BF16       []uint16
	I8         []int8
	Scales     []float32 // I8: element (r, c) stands for I8[r*Cols+c] * Scales[r]
}

// Weight is a matrix (Groups stacked matrices of Out × In) in the layout that a
// device wants for its matrix products. It is immutable and safe to share.
type Weight struct {
	Groups, Out, In int
	DType           DType
	Packed          any // the device's own
}

// Segments are the offsets of packed segments: segment i is the rows
// Segments[i] up to Segments[i+1]; the last offset is the number of rows.
type Segments []int32

// Paths say which rows of a cache each query row sees, in order: row r sees the
// cache rows Slots[Start[r] : Start[r]+Count[r]], the last of which is its own.
// Hypotheses of a beam search share the slots of their common past.
type Paths struct {
	Slots        []int32
	Start, Count []int32
}

// Path returns row r's cache rows, oldest first.
func (p Paths) Path(r int) []int32 {
	return p.Slots[p.Start[r] : p.Start[r]+p.Count[r]]
}

// Routing is a device's record of which experts each row goes to: rows × Top
// pairs, sorted by expert and within an expert by row. Made by Device.NewRouting
// for a largest number of rows, filled by Route.
type Routing struct {
	Rows, Experts, Top int
	State              any // the device's own
}

// Candidates are the best next tokens of each row with their log-probabilities:
// row r's are IDs[r*K : r*K+K], best first; where fewer than K tokens were
// allowed the rest have ID -1 and -Inf.
type Candidates struct {
	K    int
	IDs  []int32
	Logs []float32
}

// Resize makes room for rows rows of k candidates.
func (c *Candidates) Resize(rows, k int) {
	if n := rows * k; cap(c.IDs) < n {
		c.IDs, c.Logs = make([]int32, n), make([]float32, n)
	}
	c.K, c.IDs, c.Logs = k, c.IDs[:rows*k], c.Logs[:rows*k]
}

// Allowed restricts a row's next token: to IDs when there are any, else to
// 0 ≤ id < Limit. Probabilities are among what is allowed or, with both, when the
// ids must be below the limit, among the latter: to list some is then not to make
// them likelier.
type Allowed struct {
	IDs   []int32
	Limit int32
}

func (a Allowed) both() bool { return len(a.IDs) > 0 && a.Limit > 0 }
