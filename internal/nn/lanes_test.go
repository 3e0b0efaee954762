package nn

import (
	"errors"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// marking fills the rows of x with the number of the part that has them.
type marking struct {
	x     kernels.Tensor
	panic any
}

func (m *marking) Do(s *Scope, part, parts int) {
	if m.panic != nil && part == parts-1 {
		panic(m.panic)
	}
	x := m.x.Slice(m.x.Rows*part/parts, m.x.Rows*(part+1)/parts)
	own := s.Take(x.Rows, x.Cols)
	values := make([]float32, x.Rows*x.Cols)
	for i := range values {
		values[i] = float32(part)
	}
	s.Dev.Write(own, values)
	kernels.Copy(s.Dev, x, own)
}

func TestSpread(t *testing.T) {
	dev, err := cpu.Open(cpu.Options{Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	s := NewScope(dev)
	x := s.Take(6, 5)
	for range 3 {
		s.Spread(&marking{x: x})
		got := make([]float32, 30)
		dev.Read(got, x)
		for i, v := range got {
			if want := float32(i / 10); v != want {
				t.Fatalf("element %d is part %v's, want %v's", i, v, want)
			}
		}
	}
	if s.Lanes() != 3 || s.Bytes() < 4*4*firstChunk {
		t.Errorf("%d lanes and %d bytes, want 3 lanes with a chunk each beside the scope's", s.Lanes(), s.Bytes())
	}
	spread := func(with any) (err error) {
		defer s.Recover(&err)
		s.Spread(&marking{x: x, panic: with})
		return nil
	}
	if err := spread(allocFailure{errFull}); !errors.Is(err, errFull) {
		t.Errorf("a part without memory: error %v, want %v", err, errFull)
	}
	if err := spread(nil); err != nil {
		t.Errorf("after it: %v", err)
	}
	s.Gated = func(*Experts, kernels.Tensor) {}
	if s.Lanes() != 1 {
		t.Errorf("%d lanes where somebody sees all gates, want 1", s.Lanes())
	}
}
