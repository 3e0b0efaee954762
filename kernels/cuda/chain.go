//go:build linux && cgo

package cuda

import (
	"encoding/binary"
	"errors"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// chainArgs is ChainArgs of chain.cu.
type chainArgs struct {
	searches, states, factors, logs driver.Pointer
	tokens, positions, slots        driver.Pointer
	starts, counts, paths           driver.Pointer
	fresh, header                   driver.Pointer
	ids, scores                     driver.Pointer
	takenIDs, takenScores           driver.Pointer
	takenTokens, takenFrom          driver.Pointer
	going, ran                      driver.Pointer
	rows, k                         int32
}

// searchState is SearchState of chain.cu.
type searchState struct {
	best, longest           float64
	ended, step, stopped, _ int32
}

const (
	advanceThreads = 128
	// chainSteps is how many steps there is always room for, so that chains of fewer
	// find what they write at the same places.
	chainSteps = 8
	// stepLists is the room for lists that a step sends itself, in numbers.
	stepLists = 1 << 16
	// chainAhead is how many steps are queued beyond the last that the host has heard
	// of: enough that the device never waits, few to be run for nothing at the end.
	chainAhead = 1
)

var errInterrupted = errors.New("a step of a chain that wants a result before its end, or is too long")

// chaining is what the device keeps for chains.
type chaining struct {
	args    *chainArgs // while a step is queued
	events  [chainAhead + 1]*driver.Event
	states  []searchState
	factors []float64
	// A program, in parts and whole.
	operations []operation
	program    []int32
}

func (c *chaining) close() (first error) {
	for i, e := range c.events {
		if e != nil {
			if err := e.Close(); err != nil && first == nil {
				first = err
			}
		}
		c.events[i] = nil
	}
	return first
}

// Chain runs one step, the choice behind it, and both again and again: as a program, or
// as the journal runs a step.
func (d *Device) Chain(c *kernels.Chain, step func()) {
	d.wait()
	defer d.endChain()
	args := d.chainLists(c)
	size := d.chainResults(c, args)
	d.chaining.args = args
	step()
	d.chaining.args = nil
	d.launch(kernelAdvance, len(c.Ends), 1, advanceThreads, 0, unsafe.Pointer(args))
	if numbers, program, ok := d.program(); ok {
		d.check(d.runProgram(numbers, program, args))
	} else {
		d.check(d.repeat(c.Steps, args.going, d.results.pinned.Bytes[size:]))
	}
	d.check(d.stream.Download(d.results.pinned.Bytes[:size], d.results.at))
	d.wait()
	d.readTaken(&c.Taken, args)
}

// endChain forgets what is a chain's alone, also of one that a panic has ended: launches
// of half a step, and lists whose numbers the next operation may have changed.
func (d *Device) endChain() {
	d.chaining.args = nil
	d.lists.held = d.lists.held[:0]
	d.journal.clear()
}

// repeat queues a step again and again. After each the number of searches that go on
// comes to pinned memory, where the host reads it while the next step runs.
func (d *Device) repeat(steps int, going driver.Pointer, pinned []byte) error {
	return d.journal.repeat(func(i int) (bool, error) {
		if err := d.stream.Download(pinned[4*i:4*i+4], going); err != nil {
			return false, err
		}
		if err := d.mark(i); err != nil {
			return false, err
		}
		known := i - chainAhead
		if known < 0 {
			return i+1 < steps, nil
		}
		err := d.chaining.events[known%len(d.chaining.events)].Synchronize()
		return i+1 < steps && binary.NativeEndian.Uint32(pinned[4*known:]) > 0, err
	})
}

// mark puts an event behind step i.
func (d *Device) mark(i int) error {
	e := &d.chaining.events[i%len(d.chaining.events)]
	if *e == nil {
		var err error
		if *e, err = d.context.NewEvent(false); err != nil {
			return err
		}
	}
	return (*e).Record(d.stream)
}

// chainLists sends what the device changes from step to step.
func (d *Device) chainLists(c *kernels.Chain) *chainArgs {
	rows, searches := len(c.Tokens), len(c.Ends)
	states, factors := d.chaining.states[:0], d.chaining.factors[:0]
	for _, e := range c.Ends {
		states = append(states, searchState{best: e.Best, longest: e.Longest, ended: int32(e.Count)})
		factors = append(factors, e.Factors...)
	}
	d.chaining.states, d.chaining.factors = states, factors
	l := &d.lists
	l.ensure(len(c.Searches), 8*searches, 2*len(factors), 2*rows, rows, rows, rows, rows, rows, len(c.Paths.Slots),
		len(c.Fresh), leastList, leastList, stepLists, len(c.Paths.Slots)) // of which the step asks for room once more
	return &chainArgs{
		searches: l.hold(c.Searches), states: l.hold(words(states)), factors: l.hold(words(factors)), logs: l.hold(words(c.Logs)),
		tokens: l.hold(c.Tokens), positions: l.hold(c.Positions), slots: l.hold(c.Slots),
		starts: l.hold(c.Paths.Start), counts: l.hold(c.Paths.Count), paths: l.hold(c.Paths.Slots),
		fresh: l.hold(c.Fresh), header: l.hold([]int32{int32(c.Steps), int32(len(c.Paths.Slots) / 2), c.End}),
		going: l.hold([]int32{int32(searches)}), rows: int32(rows), k: int32(c.Candidates.K),
	}
}

// chainResults makes room for what the steps leave and returns its size in bytes;
// behind it in pinned memory there is a number for each step.
func (d *Device) chainResults(c *kernels.Chain, args *chainArgs) int {
	rows, each := int(args.rows), int(args.rows)*int(args.k)
	steps := chainSteps
	for steps < c.Steps {
		steps *= 2
	}
	size := 0
	place := func(n int) driver.Pointer {
		at := driver.Pointer(size)
		size += (4*n + 63) &^ 63
		return at
	}
	fields := []*driver.Pointer{&args.takenIDs, &args.takenScores, &args.takenTokens, &args.takenFrom, &args.ran, &args.ids, &args.scores}
	for i, n := range []int{steps * each, steps * each, steps * rows, steps * rows, 1, each, each} {
		*fields[i] = place(n)
	}
	d.room(d.results.reserve(size + 4*steps))
	for _, f := range fields {
		*f += d.results.at
	}
	return size
}

// readTaken copies what was downloaded.
func (d *Device) readTaken(t *kernels.Taken, args *chainArgs) {
	from := func(at driver.Pointer) []byte { return d.results.pinned.Bytes[at-d.results.at:] }
	t.Steps = int(binary.NativeEndian.Uint32(from(args.ran)))
	rows := t.Steps * int(args.rows)
	each := rows * int(args.k)
	copy(raw(t.Candidates.IDs[:each]), from(args.takenIDs))
	copy(raw(t.Candidates.Logs[:each]), from(args.takenScores))
	copy(raw(t.Tokens[:rows]), from(args.takenTokens))
	copy(raw(t.From[:rows]), from(args.takenFrom))
}

// words is the memory of values as numbers of a list.
func words[T any](values []T) []int32 {
	var one T
	return unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(values))), len(values)*int(unsafe.Sizeof(one))/4)
}
