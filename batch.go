package mm

import (
	"slices"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/mixer"
)

// admit encodes waiting requests while there is room, all of them as one packed
// batch of rows. Those for which it is too large come after the next step, so
// that outputs being written never wait for more than one.
func (e *engine) admit() error {
	e.scope.Reset()
	n, rows := e.choose()
	if n == 0 {
		return nil
	}
	e.active = append(e.active, e.waiting[:n]...)
	e.waiting = slices.Delete(e.waiting, 0, n)
	if err := e.encode(e.active[len(e.active)-n:], rows); err != nil {
		return err
	}
	e.compact()
	return nil
}

// choose takes waiting requests in order while their hypotheses, source rows and
// outputs, at their longest, fit, and gives them their places. It returns how
// many join, with how many source rows.
func (e *engine) choose() (n, rows int) {
	for _, r := range e.waiting {
		full := e.rows+r.width > maxRows || rows+r.rows > maxEncodeRows ||
			e.reserved+r.width*r.length > maxOutputSlots
		if full && len(e.active)+n > 0 {
			break
		}
		if r.search != nil {
			var ok bool
			if r.memory, ok = e.reserve(int32(r.rows)); !ok {
				break
			}
		}
		e.rows += r.width
		e.reserved += r.width * r.length
		rows += r.rows
		n++
	}
	return n, rows
}

// reserve takes a run of memory slots, planning a larger cache where none fits and
// it may grow. If nobody has any there is one.
func (e *engine) reserve(n int32) (span, bool) {
	s, ok := e.memories.take(n)
	if !ok {
		size := max(2*e.memories.size, e.memories.size+n, 256)
		e.memories.grow(max(min(size, maxMemorySlots), n))
		s, ok = e.memories.take(n)
	}
	return s, ok
}

// room makes the cache as large as the pools say.
func (e *engine) room() error {
	for i := int32(len(e.identity)); i < e.memories.size; i++ {
		e.identity = append(e.identity, i)
	}
	return e.mixer.Grow(e.cache, e.outputs.size, int(e.memories.size))
}

// stepBuffers are the index lists of one step, kept from step to step.
type stepBuffers struct {
	tokens, positions, slots []int32
	segs                     kernels.Segments
	sources
	paths, memory kernels.Paths
	allowed       []kernels.Allowed
	candidates    kernels.Candidates
}

func (b *stepBuffers) reset() {
	b.tokens, b.positions, b.slots = b.tokens[:0], b.positions[:0], b.slots[:0]
	for _, p := range []*kernels.Paths{&b.paths, &b.memory} {
		p.Slots, p.Start, p.Count = p.Slots[:0], p.Start[:0], p.Count[:0]
	}
	b.allowed, b.segs = b.allowed[:0], append(b.segs[:0], 0)
	b.sources.reset()
}

// decode runs one step of every active request: the rows whose next token is
// wanted first, one for each live hypothesis, then the rows that the grammars
// forced, which only have to be stored.
func (e *engine) decode() (err error) {
	if len(e.active) == 0 {
		return nil
	}
	defer e.scope.Recover(&err)
	wanted, width := e.gather()
	if err := e.room(); err != nil {
		return err
	}
	b := &e.step
	b.memory.Slots = e.identity
	y := e.scope.Take(len(b.tokens), e.mixer.Width())
	e.embed.Forward(e.dev, y, b.tokens)
	x := e.mixer.Step(e.scope, e.cache, y, mixer.Batch{
		Positions: b.positions, Slots: b.slots, Paths: b.paths, Memory: b.memory}, nil)
	logits := e.scope.Take(wanted, e.embed.Table.Out)
	kernels.MatMul(e.dev, logits, e.mixer.Predict(e.scope, x.Slice(0, wanted)), e.embed.Table, false)
	b.candidates.Resize(wanted, width)
	kernels.TopK(e.dev, b.candidates, logits, b.allowed)
	e.scope.Reset()
	e.advance(width)
	return nil
}

// gather lists the rows of the step. It returns how many predict, and how many
// candidates each of those wants.
func (e *engine) gather() (wanted, width int) {
	b := &e.step
	b.reset()
	e.experts.reset()
	width = 1
	for _, r := range e.active {
		width = max(width, r.search.Width())
		for _, h := range r.search.Live() {
			start := int32(len(b.paths.Slots))
			for range h.Next {
				h.Path = append(h.Path, e.slot(r))
			}
			b.paths.Slots = append(b.paths.Slots, h.Path...)
			e.row(r, h.Next[len(h.Next)-1], h.Path, len(h.Path)-1, start)
			b.allowed = append(b.allowed, h.Allowed())
			wanted++
		}
	}
	at := int32(0)
	for _, r := range e.active {
		for _, h := range r.search.Live() {
			for i, token := range h.Next[:len(h.Next)-1] {
				e.row(r, token, h.Path, len(h.Path)-len(h.Next)+i, at)
			}
			at += int32(len(h.Path))
		}
	}
	return wanted, width
}

// row adds the row of token at position i of a path that stands at start.
func (e *engine) row(r *request, token int32, path []int32, i int, start int32) {
	e.experts.own(r.task)
	b := &e.step
	b.tokens = append(b.tokens, token)
	b.positions = append(b.positions, int32(i))
	b.slots = append(b.slots, path[i])
	b.paths.Start = append(b.paths.Start, start)
	b.paths.Count = append(b.paths.Count, int32(i+1))
	b.memory.Start = append(b.memory.Start, r.memory.start)
	b.memory.Count = append(b.memory.Count, r.memory.count)
}

func (e *engine) slot(r *request) int32 {
	if len(e.outputs.free) == 0 {
		e.outputs.grow(max(2*e.outputs.size, 256))
	}
	s := e.outputs.take()
	r.slots = append(r.slots, s)
	return s
}

// advance hands each search its candidates and lets finished requests leave.
func (e *engine) advance(width int) {
	c, row := e.step.candidates, 0
	for _, r := range e.active {
		n := len(r.search.Live())
		r.search.Advance(kernels.Candidates{
			K: width, IDs: c.IDs[row*width : (row+n)*width], Logs: c.Logs[row*width : (row+n)*width]})
		row += n
		live := r.search.Live()
		if len(live) == 0 {
			e.leave(r, nil)
		} else if r.emit != nil {
			r.emit(live[0].Next)
		}
	}
	e.compact()
}
