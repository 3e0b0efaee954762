//go:build linux && cgo

package cuda

import (
	"fmt"
	"hash/maphash"
	"slices"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// journal holds launches back until their results are wanted, which a step of a
// model wants once, at its end. A step that has been seen before, launch by launch
// and argument by argument, is then one launch of a graph instead of some hundred:
// what changes from step to step are the numbers in the lists, and those lie at the
// same places (lists.go). Whoever calls the operations need not know of it.
type journal struct {
	device   *Device
	launches []launch
	words    []uint64 // the launches' arguments
	seen     [256]sighting
	steps    []*step // that have graphs
	clock    int
	replays  int // steps that were one launch
	overlap  bool
	// sequential is the argument of a launch that does several launches' work, by itself
	// in memory, as C gets it; nil where each is to do its own.
	sequential *sequenceArgs
}

// launch is one kernel's, with its argument at words[first] and on.
type launch struct {
	kernel        kernel
	x, y, threads uint32
	shared        uint32
	first, words  uint32
}

// sighting counts how often a step came by; steps of one hash share a count.
type sighting struct {
	hash  uint64
	count int
}

// step is a recorded one, which sends some of the lists.
type step struct {
	hash     uint64
	launches []launch
	words    []uint64
	lists    sent
	graph    *driver.Graph
	used     int // by the journal's clock
}

const (
	longest  = 1024 // launches held back
	shortest = 8    // launches that are worth a graph
	sightsOf = 3    // a step is recorded when it comes by for the third time
	mostKept = 128  // graphs
)

var hashSeed = maphash.MakeSeed()

func newJournal(d *Device) journal {
	return journal{device: d, sequential: &sequenceArgs{}, launches: make([]launch, 0, longest), words: make([]uint64, 0, 16*longest)}
}

// add holds a launch back; its argument is copied.
func (j *journal) add(l launch, argument unsafe.Pointer) {
	if len(j.launches) == longest {
		j.flush()
	}
	l.first, l.words = uint32(len(j.words)), uint32(kernelTable[l.kernel].size/8)
	j.words = append(j.words, unsafe.Slice((*uint64)(argument), l.words)...)
	j.launches = append(j.launches, l)
}

// flush queues what was held back.
func (j *journal) flush() {
	d := j.device
	if d.failed != nil {
		panic(d.failed)
	}
	if d.chaining.args != nil {
		d.check(errInterrupted)
	}
	lists := d.lists.unsent()
	if len(j.launches) == 0 && lists.length == 0 {
		return
	}
	err := j.queue(lists)
	j.clear()
	d.check(err)
}

// clear forgets what was held back.
func (j *journal) clear() { j.launches, j.words = j.launches[:0], j.words[:0] }

// queue queues the launches, one by one or as a graph.
func (j *journal) queue(lists sent) error {
	if len(j.launches) < shortest {
		return j.play(lists)
	}
	s, err := j.recorded(lists)
	if err != nil {
		return err
	}
	return j.run(s, lists)
}

// recorded is the step that was held back, once it has come by often enough; else nil.
func (j *journal) recorded(lists sent) (*step, error) {
	hash := maphash.Bytes(hashSeed, raw(j.words)) ^ uint64(len(j.launches))
	if s := j.find(hash, lists); s != nil {
		return s, nil
	}
	if seen := &j.seen[hash%uint64(len(j.seen))]; seen.hash != hash {
		*seen = sighting{hash, 1}
		return nil, nil
	} else if seen.count++; seen.count < sightsOf {
		return nil, nil
	}
	return j.record(hash, lists)
}

// run queues what was held back, by the graph where that is recorded.
func (j *journal) run(s *step, lists sent) error {
	if s == nil {
		return j.play(lists)
	}
	j.replays++
	j.clock++
	s.used = j.clock
	if err := s.graph.Launch(j.device.stream); err != nil {
		return fmt.Errorf("a step of %d kernels: %w", len(s.launches), err)
	}
	return nil
}

// repeat queues the launches that were held back again and again, until more, which is
// told how often that was before, wants no more. The lists are sent once, in front.
func (j *journal) repeat(more func(i int) (bool, error)) error {
	defer j.clear()
	if err := j.device.lists.upload(j.device.lists.unsent()); err != nil {
		return err
	}
	s, err := j.recorded(sent{})
	for i, again := 0, true; again && err == nil; i++ {
		if err = j.run(s, sent{}); err == nil {
			again, err = more(i)
		}
	}
	return err
}

// find is the recorded step that is the same in all.
func (j *journal) find(hash uint64, lists sent) *step {
	for _, s := range j.steps {
		if s.hash == hash && s.lists == lists && slices.Equal(s.launches, j.launches) && slices.Equal(s.words, j.words) {
			return s
		}
	}
	return nil
}

// record makes a graph of the launches, in place of the one not used for longest
// where there are too many.
func (j *journal) record(hash uint64, lists sent) (*step, error) {
	if len(j.steps) == mostKept {
		oldest := slices.IndexFunc(j.steps, func(s *step) bool {
			return !slices.ContainsFunc(j.steps, func(t *step) bool { return t.used < s.used })
		})
		if err := j.steps[oldest].graph.Close(); err != nil {
			return nil, err
		}
		j.steps = slices.Delete(j.steps, oldest, oldest+1)
	}
	graph, err := j.device.stream.Capture(func() error { return j.play(lists) })
	if err != nil {
		return nil, fmt.Errorf("a step of %d kernels: %w", len(j.launches), err)
	}
	s := &step{hash: hash, launches: slices.Clone(j.launches), words: slices.Clone(j.words), lists: lists, graph: graph}
	j.steps = append(j.steps, s)
	return s, nil
}

// play gives the stream the lists and the launches, one by one.
func (j *journal) play(lists sent) error {
	d := j.device
	if err := d.lists.upload(lists); err != nil {
		return err
	}
	for i := 0; i < len(j.launches); {
		l, argument, count := j.next(j.launches[i:])
		shape := driver.Shape{Grid: [3]uint32{l.x, l.y, 1}, Block: [3]uint32{l.threads, 1, 1}, Shared: l.shared,
			Programmatic: j.overlap && i > 0}
		if err := d.stream.Launch(d.functions[l.kernel], &shape, argument); err != nil {
			return err
		}
		i += count
	}
	return nil
}

// wait ends a step: all that was queued is done, and the lists start anew.
func (d *Device) wait() {
	d.journal.flush()
	d.check(d.stream.Synchronize())
	d.lists.restart()
}

func (j *journal) close() (first error) {
	for _, s := range j.steps {
		if err := s.graph.Close(); err != nil && first == nil {
			first = err
		}
	}
	j.steps = nil
	return first
}
