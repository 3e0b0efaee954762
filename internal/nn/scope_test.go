package nn

import (
	"errors"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// limited is a device that counts what it makes and fails beyond a limit.
type limited struct {
	kernels.Device
	allocs, routings int
	left             int // elements
}

var errFull = errors.New("device memory is full")

func (d *limited) Alloc(rows, cols int) (kernels.Tensor, error) {
	if d.left -= rows * cols; d.left < 0 {
		return kernels.Tensor{}, errFull
	}
	d.allocs++
	return d.Device.Alloc(rows, cols)
}

func (d *limited) Free(t kernels.Tensor) {
	d.left += t.Rows * t.Cols
	d.Device.Free(t)
}

func (d *limited) NewRouting(rows, experts, top int) (*kernels.Routing, error) {
	if d.left < 0 {
		return nil, errFull
	}
	d.routings++
	return d.Device.NewRouting(rows, experts, top)
}

func newLimited(t testing.TB, elements int) *limited {
	t.Helper()
	dev, err := cpu.Open(cpu.Options{Path: "go", Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	return &limited{Device: dev, left: elements}
}

// fill writes v everywhere in x; check wants it there still.
func fill(s *Scope, x kernels.Tensor, v float32) {
	values := make([]float32, x.Rows*x.Cols)
	for i := range values {
		values[i] = v
	}
	s.Dev.Write(x, values)
}

func check(t *testing.T, s *Scope, x kernels.Tensor, want float32) {
	t.Helper()
	values := make([]float32, x.Rows*x.Cols)
	s.Dev.Read(values, x)
	for i, v := range values {
		if v != want {
			t.Fatalf("element %d of a tensor [%d %d]: %v, want %v", i, x.Rows, x.Cols, v, want)
		}
	}
}

func TestScopeIsAStack(t *testing.T) {
	s := NewScope(newLimited(t, 1<<20))
	a := s.Take(3, 5)
	mark := s.Mark()
	b, c := s.Take(7, 1), s.Take(2, 9)
	for i, x := range []kernels.Tensor{a, b, c} {
		if x.Offset%16 != 0 {
			t.Errorf("tensor %d starts at element %d, want a multiple of 16", i, x.Offset)
		}
		fill(s, x, float32(i))
	}
	for i, x := range []kernels.Tensor{a, b, c} {
		check(t, s, x, float32(i))
	}
	s.Release(mark)
	if again := s.Take(7, 1); again.Offset != b.Offset || again.Mem != b.Mem {
		t.Errorf("taken after the release at %d, want %d, where the first stood", again.Offset, b.Offset)
	}
	check(t, s, a, 0)
	if empty := s.Take(0, 8); empty.Rows != 0 || empty.Cols != 8 {
		t.Errorf("tensor of no rows: [%d %d]", empty.Rows, empty.Cols)
	}
}

// TestScopeGrows takes more than the first chunk holds: what was taken before
// stays, also after a release of a mark below the new chunk.
func TestScopeGrows(t *testing.T) {
	dev := newLimited(t, 1<<24)
	s := NewScope(dev)
	batch := func() {
		a := s.Take(1, firstChunk-32)
		fill(s, a, 1)
		mark := s.Mark()
		fill(s, s.Take(1, firstChunk), 2)
		s.Release(mark)
		b := s.Take(1, firstChunk/2)
		fill(s, b, 3)
		c := s.Take(1, 3*firstChunk)
		fill(s, c, 4)
		check(t, s, a, 1)
		check(t, s, b, 3)
		check(t, s, c, 4)
	}
	batch()
	held := s.Bytes()
	s.Reset()
	batch()
	if s.Bytes() != held || len(s.chunks) != 1 {
		t.Errorf("after Reset %d bytes in %d chunks, want the %d of all chunks in one", s.Bytes(), len(s.chunks), held)
	}
	made := dev.allocs
	for range 3 {
		s.Reset()
		batch()
	}
	if dev.allocs != made {
		t.Errorf("%d allocations by batches as large as one before, want none", dev.allocs-made)
	}
}

func TestScopeRecover(t *testing.T) {
	dev := newLimited(t, firstChunk)
	s := NewScope(dev)
	take := func(cols int) (err error) {
		defer s.Recover(&err)
		s.Take(1, cols)
		return nil
	}
	if err := take(firstChunk + 1); !errors.Is(err, errFull) {
		t.Errorf("Take beyond the device's memory: error %v, want %v", err, errFull)
	}
	dev.left = firstChunk
	if err := take(8); err != nil {
		t.Errorf("Take after a failed one: %v", err)
	}
	defer func() {
		if p := recover(); p != "a bug" {
			t.Errorf("panic %v came through, want a bug", p)
		}
	}()
	func() (err error) {
		defer s.Recover(&err)
		panic("a bug")
	}()
}

// TestScopeResetNeverFails joins chunks on a device that has no room for them.
func TestScopeResetNeverFails(t *testing.T) {
	dev := newLimited(t, 3*firstChunk)
	s := NewScope(dev)
	s.Take(1, firstChunk)
	s.Take(1, 2*firstChunk)
	dev.left = -10 * firstChunk // somebody else's now
	s.Reset()
	err := func() (err error) {
		defer s.Recover(&err)
		s.Take(1, 1)
		return nil
	}()
	if !errors.Is(err, errFull) {
		t.Errorf("Take after it: error %v, want %v", err, errFull)
	}
}

// TestScopeRouting wants one record for batches that grow and shrink.
func TestScopeRouting(t *testing.T) {
	dev := newLimited(t, 1<<20)
	s := NewScope(dev)
	for _, rows := range []int{3, 200, 5, 200, 7, 8, 9, 199} {
		r := s.Routing(rows, 4, 2)
		kernels.Route(dev, r, s.Take(rows, 4)) // panics where there is no room
		if r.Rows != rows {
			t.Fatalf("%d rows routed, want %d", r.Rows, rows)
		}
	}
	if dev.routings != 2 {
		t.Errorf("%d records made, want 2: for up to 64 rows and for 200", dev.routings)
	}
	if s.Routing(5, 8, 2).Experts != 8 || dev.routings != 3 {
		t.Errorf("%d records after one for other experts, want 3", dev.routings)
	}
	dev.left = -1
	err := func() (err error) {
		defer s.Recover(&err)
		s.Routing(1000, 8, 2)
		return nil
	}()
	if err == nil || !strings.Contains(err.Error(), errFull.Error()) {
		t.Errorf("Routing without memory: error %v, want %v", err, errFull)
	}
}
