package mm

import (
	"cmp"
	"slices"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/internal/nn"
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
	// Trees stand behind texts, as their next tokens are predicted apart.
	slices.SortStableFunc(e.active, func(a, b *request) int { return cmp.Compare(a.trees(), b.trees()) })
	return nil
}

// trees is 1 where the output is a tree.
func (r *request) trees() int {
	if r.task.Output == "tree" {
		return 1
	}
	return 0
}

// choose takes waiting requests in order while their hypotheses, source rows and
// outputs, at their longest, fit, and gives them their places. It returns how
// many join, with how many source rows.
func (e *engine) choose() (n, rows int) {
	for _, r := range e.waiting {
		full := e.rows+r.width > e.limits.rows || rows+r.rows > e.limits.encode ||
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
	return e.mixer.Grow(e.cache, e.outputs.size, int(e.memories.size)+e.ahead.spare())
}

// stepBuffers are the index lists of one step, kept from step to step.
type stepBuffers struct {
	tokens, positions, slots []int32
	segs                     kernels.Segments
	sources
	paths, memory kernels.Paths
	hypotheses    []*sequence.Hypothesis // of the rows whose next token is wanted
	first         []int                  // of each active request's
	texts         int                    // of them are of texts, and come first
	allowed       []kernels.Allowed
	candidates    kernels.Candidates
}

func (b *stepBuffers) reset() {
	b.tokens, b.positions, b.slots = b.tokens[:0], b.positions[:0], b.slots[:0]
	for _, p := range []*kernels.Paths{&b.paths, &b.memory} {
		p.Slots, p.Start, p.Count = p.Slots[:0], p.Start[:0], p.Count[:0]
	}
	clear(b.hypotheses) // which nobody else may need any more
	b.hypotheses, b.first, b.texts, b.segs = b.hypotheses[:0], b.first[:0], 0, append(b.segs[:0], 0)
	b.sources.reset()
}

// share is a part's rows of those whose next token is wanted.
func (b *stepBuffers) share(part, parts int) (lo, hi int) {
	n := len(b.hypotheses)
	return n * part / parts, n * (part + 1) / parts
}

// decode runs one step of every active request, or as many as the device can by itself:
// the rows whose next token is wanted first, one for each live hypothesis, then the rows
// that the grammars forced, which only have to be stored.
func (e *engine) decode() (err error) {
	if len(e.active) == 0 {
		return nil
	}
	defer e.scope.Recover(&err)
	steps := e.foreseeable()
	width := e.gather()
	if steps > 1 {
		e.plan(steps)
	}
	if err := e.room(); err != nil {
		return err
	}
	b := &e.step
	b.memory.Slots = e.identity
	wanted := len(b.hypotheses)
	b.candidates.Resize(wanted, width)
	b.allowed = slices.Grow(b.allowed[:0], wanted)[:wanted]
	if steps > 1 {
		e.lookAhead(steps)
		return nil
	}
	many := wanted >= e.scope.Lanes()*mixer.LaneRows
	// A forced row is one that another row sees; without any, lanes go apart.
	e.inParts((*decoding)(e), many && wanted == len(b.tokens))
	e.scope.Reset()
	e.inParts((*searching)(e), many)
	e.advance()
	return nil
}

// inParts lets each lane do its part of work, where that pays.
func (e *engine) inParts(work nn.Parts, pays bool) {
	if pays {
		e.scope.Spread(work)
	} else {
		work.Do(e.scope, 0, 1)
	}
}

// decoding is the step of an engine, of which each lane may do some rows.
type decoding engine

// Do runs a part's rows, finds what may follow each and fills its candidates.
func (e *decoding) Do(s *nn.Scope, part, parts int) {
	b := &e.step
	lo, wanted := b.share(part, parts)
	hi := wanted
	if parts == 1 {
		hi = len(b.tokens)
	}
	y := s.Take(hi-lo, e.mixer.Width())
	e.embed.Forward(s.Dev, y, b.tokens[lo:hi])
	x := e.mixer.Step(s, e.cache, y, mixer.Batch{
		Positions: b.positions[lo:hi], Slots: b.slots[lo:hi], Paths: pathRows(b.paths, lo, hi), Memory: pathRows(b.memory, lo, hi)}, nil)
	logits := e.predict(s, x.Slice(0, wanted-lo), max(0, b.texts-lo))
	for i, h := range b.hypotheses[lo:wanted] {
		b.allowed[lo+i] = h.Allowed()
	}
	k, c := b.candidates.K, b.candidates
	kernels.TopK(s.Dev, kernels.Candidates{K: k, IDs: c.IDs[lo*k : wanted*k], Logs: c.Logs[lo*k : wanted*k]}, logits, b.allowed[lo:wanted])
}

// predict returns the logits of rows x, of which the first are texts', in scratch. Of
// trees only the end and what is behind it are computed: the grammar places all else.
func (e *decoding) predict(s *nn.Scope, x kernels.Tensor, texts int) kernels.Tensor {
	h, table, symbols := e.mixer.Predict(s, x), e.embed.Table, e.net.Symbols
	logits := s.Take(x.Rows, table.Out)
	if texts = min(texts, x.Rows); texts > 0 {
		kernels.MatMul(s.Dev, logits.Slice(0, texts), h.Slice(0, texts), table, false)
	}
	if texts < x.Rows {
		part := logits.Slice(texts, x.Rows).Columns(table.Out-symbols.Out, table.Out)
		kernels.MatMul(s.Dev, part, h.Slice(texts, x.Rows), symbols, false)
	}
	return logits
}

// pathRows are the paths of the rows lo up to hi.
func pathRows(p kernels.Paths, lo, hi int) kernels.Paths {
	return kernels.Paths{Slots: p.Slots, Start: p.Start[lo:hi], Count: p.Count[lo:hi]}
}

// gather lists the rows of the step. It returns how many candidates each of those
// that predict wants.
func (e *engine) gather() (width int) {
	b := &e.step
	b.reset()
	e.experts.reset()
	width = 1
	for _, r := range e.active {
		width = max(width, r.search.Width())
		b.first = append(b.first, len(b.hypotheses))
		if r.trees() == 0 {
			b.texts += len(r.search.Live())
		}
		for _, h := range r.search.Live() {
			start := int32(len(b.paths.Slots))
			for range h.Next {
				h.Path = append(h.Path, e.slot(r))
			}
			b.paths.Slots = append(b.paths.Slots, h.Path...)
			e.row(r, h.Next[len(h.Next)-1], h.Path, len(h.Path)-1, start)
			b.hypotheses = append(b.hypotheses, h)
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
	return width
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

// searching hands each active search its candidates; a lane has those whose first row
// is among its part of the rows.
type searching engine

// Do lets a part's searches go on.
func (e *searching) Do(_ *nn.Scope, part, parts int) {
	c := e.step.candidates
	lo, hi := e.step.share(part, parts)
	for i, r := range e.active {
		first := e.step.first[i]
		if first < lo || first >= hi {
			continue
		}
		end := (first + len(r.search.Live())) * c.K
		r.search.Advance(kernels.Candidates{K: c.K, IDs: c.IDs[first*c.K : end], Logs: c.Logs[first*c.K : end]})
	}
}

// advance lets requests whose search is over leave.
func (e *engine) advance() {
	for _, r := range e.active {
		e.report(r)
	}
	e.compact()
}

// report says what a step has decided of r, which leaves where its search is over.
func (e *engine) report(r *request) {
	if live := r.search.Live(); len(live) == 0 {
		e.leave(r, nil)
	} else if r.emit != nil {
		r.emit(live[0].Next)
	}
}
