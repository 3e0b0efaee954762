package kerneltest

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// suite is one test's device and its source of inputs.
type suite struct {
	t   *testing.T
	d   kernels.Device
	rng *rand.Rand
}

func newSuite(t *testing.T, d kernels.Device) *suite {
	return &suite{t: t, d: d, rng: rand.New(rand.NewPCG(1, 2))}
}

// Guards stand around every view that the suite makes: NaN, so that an operation
// that reads outside its view spoils its result, and with a mark in its bits, so
// that one that writes outside is found out.
const (
	guardBits  = 0x7fc0beef
	guardLeft  = 3
	guardRight = 2
)

// matrix is a strided view in the device's memory with guards on all sides.
type matrix struct {
	kernels.Tensor
	whole  kernels.Tensor
	values []float32 // what was written, (Rows, Cols)
}

// row is row r as it was written.
func (m matrix) row(r int) []float32 { return m.values[r*m.Cols : (r+1)*m.Cols] }

// normal makes a matrix of normal deviates.
func (s *suite) normal(rows, cols int) matrix {
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(s.rng.NormFloat64())
	}
	return s.matrix(rows, cols, values)
}

// empty makes a matrix of NaNs, which an operation is to overwrite.
func (s *suite) empty(rows, cols int) matrix {
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(math.NaN())
	}
	return s.matrix(rows, cols, values)
}

// matrix makes a matrix of the given values.
func (s *suite) matrix(rows, cols int, values []float32) matrix {
	s.t.Helper()
	width := guardLeft + cols + guardRight
	whole, err := s.d.Alloc(rows+2, width)
	if err != nil {
		s.t.Fatalf("alloc %d rows of %d: %v", rows+2, width, err)
	}
	s.t.Cleanup(func() { s.d.Free(whole) })
	guards := make([]float32, (rows+2)*width)
	for i := range guards {
		guards[i] = math.Float32frombits(guardBits)
	}
	s.d.Write(whole, guards)
	m := matrix{Tensor: whole.Slice(1, 1+rows).Columns(guardLeft, guardLeft+cols), whole: whole, values: values}
	s.d.Write(m.Tensor, values)
	return m
}

// read returns the matrix as it is now, having checked its guards.
func (s *suite) read(m matrix) []float32 {
	s.t.Helper()
	all := make([]float32, m.whole.Rows*m.whole.Cols)
	s.d.Read(all, m.whole)
	for i, v := range all {
		r, c := i/m.whole.Cols-1, i%m.whole.Cols-guardLeft
		inside := r >= 0 && r < m.Rows && c >= 0 && c < m.Cols
		if !inside && math.Float32bits(v) != guardBits {
			s.t.Fatalf("wrote %g outside a view of shape [%d %d], at row %d, column %d", v, m.Rows, m.Cols, r, c)
		}
	}
	got := make([]float32, m.Rows*m.Cols)
	s.d.Read(got, m.Tensor)
	return got
}

// same fails the test unless got is want to the bit.
func (s *suite) same(what string, got, want []float32) {
	s.t.Helper()
	if len(got) != len(want) {
		s.t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			s.t.Fatalf("%s: element %d is %g, want exactly %g", what, i, got[i], want[i])
		}
	}
}

// indices makes n numbers below limit.
func (s *suite) indices(n, limit int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = s.rng.Int32N(int32(limit))
	}
	return ids
}

// permutation makes n different numbers below limit.
func (s *suite) permutation(n, limit int) []int32 {
	ids := make([]int32, n)
	for i, v := range s.rng.Perm(limit)[:n] {
		ids[i] = int32(v)
	}
	return ids
}

func testMemory(s *suite) {
	eachShape(func(rows, cols int) {
		m := s.normal(rows, cols)
		s.same("read after write", s.read(m), m.values)
		fresh, err := s.d.Alloc(rows, cols)
		if err != nil {
			s.t.Fatal(err)
		}
		got := make([]float32, rows*cols)
		s.d.Read(got, fresh)
		s.same("fresh memory", got, make([]float32, rows*cols))
		s.d.Free(fresh)
	})
	if _, err := s.d.Alloc(-1, 4); err == nil {
		s.t.Error("a tensor of -1 rows was made")
	}
	if _, err := s.d.Alloc(math.MaxInt/2, math.MaxInt/2); err == nil {
		s.t.Error("a tensor larger than memory was made")
	}
	for _, bad := range [][3]int{{-1, 4, 2}, {8, 4, 0}, {8, 4, 5}} {
		if _, err := s.d.NewRouting(bad[0], bad[1], bad[2]); err == nil {
			s.t.Errorf("routing of %d rows to %d experts, top %d, was made", bad[0], bad[1], bad[2])
		}
	}
}
