// Package nntest makes random weights on a device for tests of layers, and is the
// float64 arithmetic that these are compared with. Only tests import it.
package nntest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// Source is a device and where its random weights come from.
type Source struct {
	Dev   kernels.Device
	Scope *nn.Scope
	t     testing.TB
	rng   *rand.Rand
}

// OnEveryPath runs check on every path, with one thread and with two.
func OnEveryPath(t *testing.T, check func(t *testing.T, s *Source)) {
	for _, path := range cpu.Paths() {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s-%d", path, threads), func(t *testing.T) {
				dev, err := cpu.Open(cpu.Options{Path: path, Threads: threads})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { dev.Close() })
				check(t, &Source{dev, nn.NewScope(dev), t, rand.New(rand.NewPCG(17, 6))})
			})
		}
	}
}

// Values makes n normal deviates times scale.
func (s *Source) Values(n int, scale float64) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(scale * s.rng.NormFloat64())
	}
	return v
}

// Weight makes a declared weight and says what its values are.
func (s *Source) Weight(w *kernels.Weight) Matrix {
	s.t.Helper()
	m := Matrix{w.In, s.Values(w.Out*w.In, 1/math.Sqrt(float64(w.In)))}
	var err error
	if *w, err = s.Dev.Pack(kernels.Matrix{Rows: w.Out, Cols: w.In, F32: m.Values}, 1); err != nil {
		s.t.Fatal(err)
	}
	return m
}

// Tensor makes a declared tensor, or one of a shape, and says what its values are.
func (s *Source) Tensor(t *kernels.Tensor) Matrix {
	s.t.Helper()
	m := Matrix{t.Cols, s.Values(t.Rows*t.Cols, 1)}
	var err error
	if *t, err = s.Dev.Alloc(t.Rows, t.Cols); err != nil {
		s.t.Fatal(err)
	}
	s.Dev.Write(*t, m.Values)
	return m
}

// Rows makes a tensor to write to, full of NaNs.
func (s *Source) Rows(rows, cols int) kernels.Tensor {
	t := s.Scope.Take(rows, cols)
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(math.NaN())
	}
	s.Dev.Write(t, values)
	return t
}

// Read returns the values of a tensor.
func (s *Source) Read(t kernels.Tensor) []float32 {
	values := make([]float32, t.Rows*t.Cols)
	s.Dev.Read(values, t)
	return values
}

// Near wants rows within what float32 rounding over a few layers comes to.
func Near(t testing.TB, what string, got []float32, want [][]float64) {
	t.Helper()
	if len(want) == 0 {
		if len(got) != 0 {
			t.Errorf("%s: %d values, want none", what, len(got))
		}
		return
	}
	var flat []float32
	for _, row := range want {
		for _, v := range row {
			flat = append(flat, float32(v))
		}
	}
	const rtol = 1e-5
	if e := golden.Error(got, flat, len(want[0])); e > rtol {
		t.Errorf("%s: relative error %.2g, want at most %.0e", what, e, rtol)
	}
}

// Same wants values equal to the bit.
func Same(t testing.TB, what string, got, want []float32) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d values, want %d", what, len(got), len(want))
	}
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			t.Fatalf("%s: value %d is %v, want %v to the bit", what, i, got[i], want[i])
		}
	}
}
