// Package nn holds the layers of the model, each the twin of the class of the
// same name in train/model.py. Layers are immutable after loading: what changes
// during a call (scratch, caches, positions) is passed in.
package nn

import "github.com/mm-runtime/mm/kernels"

// Scope is the scratch memory of one running batch: a stack of tensors on the
// device. After the first batches it has grown to the largest one and allocates
// no more.
type Scope struct {
	Dev     kernels.Device
	chunks  []kernels.Tensor // each one row of elements
	used    int              // elements of the last chunk
	want    int              // elements of the next chunk at least
	routing *kernels.Routing
	routed  int // rows that routing has room for
	// Gated, if not nil, sees the logits (T, E) by which each mixture chooses.
	Gated func(l *Experts, logits kernels.Tensor)
	lanes lanes
}

// firstChunk is in elements: room for a decode step of a few dozen rows.
const firstChunk = 1 << 18

// NewScope makes an empty scope on dev.
func NewScope(dev kernels.Device) *Scope { return &Scope{Dev: dev} }

// Take returns a (rows, cols) tensor of unspecified content, valid until the
// mark before it is released. Where the device has no memory left it panics with
// what Recover turns into the caller's error, so that layers read as formulas.
func (s *Scope) Take(rows, cols int) kernels.Tensor {
	need := (rows*cols + 15) &^ 15 // keeps every tensor on a cache line
	if len(s.chunks) == 0 || s.used+need > s.last().Cols {
		s.grow(need)
	}
	t := s.last()
	t = kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Offset: t.Offset + s.used, Mem: t.Mem}
	s.used += need
	return t
}

// Mark returns the top of the stack for a later Release.
func (s *Scope) Mark() Mark { return Mark{len(s.chunks), s.used} }

// Mark is a height of a Scope's stack.
type Mark struct{ chunk, used int }

// Release gives back all tensors taken since the mark. Memory of chunks added
// since then is kept until Reset, which joins them.
func (s *Scope) Release(m Mark) {
	if m.chunk == len(s.chunks) {
		s.used = m.used
	}
}

type allocFailure struct{ err error }

// deviceFailure is what a device panics with when an operation failed on it, such
// as a GPU that is gone.
type deviceFailure interface {
	error
	DeviceFailure()
}

// Recover, deferred by whoever runs layers, turns a failed Take or a device's
// failure into *err.
func (s *Scope) Recover(err *error) {
	switch p := recover().(type) {
	case nil:
	case allocFailure:
		*err = p.err
	case deviceFailure:
		*err = p
	default:
		panic(p)
	}
}

func (s *Scope) last() kernels.Tensor { return s.chunks[len(s.chunks)-1] }

func (s *Scope) grow(need int) {
	size := max(firstChunk, s.want)
	for _, c := range s.chunks {
		size += c.Cols
	}
	s.want = 0 // where that is too much, less may do the next time
	t, err := s.Dev.Alloc(1, max(size, need))
	if err != nil {
		panic(allocFailure{err})
	}
	s.chunks, s.used = append(s.chunks, t), 0
}

// Reset gives all tensors back. Where the last batch needed several chunks, the
// next Take makes one that is large enough for it.
func (s *Scope) Reset() {
	s.used = 0
	if len(s.chunks) < 2 {
		return
	}
	for _, c := range s.chunks {
		s.want += c.Cols
		s.Dev.Free(c)
	}
	s.chunks = s.chunks[:0]
}

// Routing returns a routing record with room for rows. Route sets the record's
// own Rows, so its room is kept beside it.
func (s *Scope) Routing(rows, experts, top int) *kernels.Routing {
	r := s.routing
	if r != nil && s.routed >= rows && r.Experts == experts && r.Top == top {
		return r
	}
	room := max(rows, 64)
	r, err := s.Dev.NewRouting(room, experts, top)
	if err != nil {
		panic(allocFailure{err})
	}
	s.routing, s.routed = r, room
	return r
}

// Bytes is the scratch memory held.
func (s *Scope) Bytes() int64 {
	total := int64(0)
	for _, c := range s.chunks {
		total += 4 * int64(c.Cols)
	}
	for _, lane := range s.lanes.scopes {
		total += lane.Bytes()
	}
	return total
}
