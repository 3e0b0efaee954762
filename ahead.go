package mm

import "github.com/mm-runtime/mm/kernels"

// aheadSteps is how many decode steps a device runs before the host hears of the first,
// at most: in their time nobody joins the batch and no output that has ended leaves it.
const aheadSteps = 8

// fillTo is the number of which the rows of texts are a multiple where a device knows
// steps again: so that texts of nearly one length are one step to it.
const fillTo = 8

// ahead is what decoding needs where the device runs steps by itself.
type ahead struct {
	device kernels.Chains // nil where it does not
	chain  kernels.Chain
	slots  []int32 // (steps, R) of the rows
	from   []int32 // slots of the rows that a search's follow
	paths  []int32 // memory for the chain's
}

// spare is how many memory slots there are that nobody reads.
func (a *ahead) spare() int {
	if a.device == nil {
		return 0
	}
	return 1
}

// fill adds rows that nobody reads, a segment of their own, behind a batch of texts for
// searches. It returns how many rows there are then.
func (e *engine) fill(rows int) int {
	b := &e.step
	if e.ahead.device == nil || len(b.tokens) != rows || len(b.slots) != rows {
		return rows
	}
	for i := int32(0); len(b.tokens)%fillTo > 0; i++ {
		b.tokens, b.positions = append(b.tokens, 0), append(b.positions, i)
		b.slots = append(b.slots, e.memories.size) // the spare one
	}
	b.segs = append(b.segs, int32(len(b.tokens)))
	return len(b.tokens)
}

// foreseeable is how many steps the device may run now. While others wait for a place,
// it is one.
func (e *engine) foreseeable() int {
	if e.ahead.device == nil || len(e.waiting) > 0 {
		return 1
	}
	steps := aheadSteps
	for _, r := range e.active {
		steps = min(steps, r.search.Foreseeable())
	}
	return steps
}

// plan takes the slots of the rows of all steps, and gives the paths room to grow.
func (e *engine) plan(steps int) {
	a, b := &e.ahead, &e.step
	rows := len(b.tokens)
	a.slots = append(a.slots[:0], b.slots...)
	a.slots = append(a.slots, make([]int32, (steps-1)*rows)...)
	for i, r := range e.active {
		for step := 1; step < steps; step++ {
			for j := range r.search.Live() {
				a.slots[step*rows+b.first[i]+j] = e.slot(r)
			}
		}
	}
	a.paths = a.paths[:0]
	for r := range rows {
		path := b.paths.Path(r)
		b.paths.Start[r] = int32(len(a.paths))
		a.paths = append(append(a.paths, path...), make([]int32, steps-1)...)
	}
	a.paths = append(a.paths, make([]int32, len(a.paths))...)
	b.paths.Slots, a.paths = a.paths, b.paths.Slots
}

// lookAhead runs steps on the device, of which gather and plan have made the lists, and
// then lets the searches see them.
func (e *engine) lookAhead(steps int) {
	a, b, c := &e.ahead, &e.step, &e.ahead.chain
	c.Steps, c.Candidates = steps, b.candidates
	c.Tokens, c.Positions, c.Slots, c.Paths, c.Fresh = b.tokens, b.positions, b.slots, b.paths, a.slots[len(b.slots):]
	c.Logs, c.Searches, c.Ends = c.Logs[:0], append(c.Searches[:0], 0), c.Ends[:0]
	for _, r := range e.active {
		r.search.Join(c)
	}
	kernels.RunChain(a.device, c, func() { (*decoding)(e).Do(e.scope, 0, 1) })
	e.scope.Reset()
	for i, r := range e.active {
		e.follow(r, b.first[i])
	}
	e.compact()
}

// follow lets the search of a request, whose rows of each step stand from first on, go
// on as the device did, as long as it would have done the same. Rows of later steps are
// forgotten.
func (e *engine) follow(r *request, first int) {
	a, c := &e.ahead, &e.ahead.chain
	rows, n, ran := len(c.Tokens), len(r.search.Live()), 0
	for step, agrees := 0, true; step < c.Taken.Steps && agrees; step++ {
		if step > 0 { // gather did the first
			for j, h := range r.search.Live() {
				h.Path = append(h.Path, a.slots[step*rows+first+j])
			}
		}
		ran++
		r.search.Advance(c.Taken.Step(step, rows, first, first+n))
		e.report(r)
		at := step*rows + first
		agrees = c.Taken.Tokens[at] >= 0 && r.search.Width() <= c.Candidates.K &&
			r.search.Agrees(c.Taken.Tokens[at:at+n], a.parents(c.Taken.From[at:at+n], step*rows))
	}
	kept := len(r.slots) - (c.Steps-ran)*n
	if !r.left {
		e.outputs.give(r.slots[kept:])
		r.slots = r.slots[:kept]
	}
}

// parents are the slots of the rows of a step whose own slots stand from first on.
func (a *ahead) parents(rows []int32, first int) []int32 {
	a.from = a.from[:0]
	for _, r := range rows {
		a.from = append(a.from, a.slots[first+int(r)])
	}
	return a.from
}
