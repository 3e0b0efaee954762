package mm

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mm-runtime/mm/decoders/letters"
	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/encoders/text"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/mixer"
)

// ErrClosed is what calls on a closed model return.
var ErrClosed = errors.New("mm: the model is closed")

// limits bound what runs together; the rest waits in line.
type limits struct {
	rows   int // hypotheses decoded
	encode int // rows encoded, between two decode steps
}

// Products on a CPU are as fast with 64 rows as with 256, and what is between the
// layers is as much smaller.
var (
	cpuLimits = limits{128, 1024}
	gpuLimits = limits{256, 4096}
)

// Bounds of one running batch. Requests beyond them wait in line.
const (
	maxOutputSlots = 1 << 13 // rows that the outputs of running requests may come to
	maxMemorySlots = 1 << 13 // rows of the sources of those that search
	queueLength    = 256     // requests that wait in line before calls block
)

// request is one source segment on its way to one output: that of a search, or of
// its task's head.
type request struct {
	ctx    context.Context
	task   *task
	tokens []int32        // the command, and the source where it is a text
	frames []float32      // of a sound, behind the command
	pixels []float32      // of a picture, behind the command
	rows   int            // of all of them
	line   gate           // that has a place for the frames or pixels
	sound  *letters.Sound // what the search weighs, where it is more than the network's word
	search *sequence.Search
	width  int // hypotheses at most
	length int // rows of each at most
	// emit, if not nil, gets the tokens of a greedy search as they are decided.
	// It must not block.
	emit   func(tokens []int32)
	values []float32     // what the head said
	done   chan struct{} // closed when err, the search's best output or the values stand
	err    error
	ended  time.Time

	memory span
	slots  []int32
	left   bool // the batch
}

// engine runs all requests of a model in one batch: at every step requests join,
// and leave when they are done or their context is.
type engine struct {
	dev   kernels.Device
	net   *network
	embed *text.Encoder
	mixer *mixer.Mixer
	scope *nn.Scope
	cache *mixer.Cache

	queue   chan *request
	gate    sync.RWMutex // held for reading to put a request in the queue
	once    sync.Once    // closes closing
	closing chan struct{}
	stopped chan struct{}

	active   []*request
	waiting  []*request // taken from the queue, not yet encoded
	rows     int        // hypotheses reserved by active requests
	reserved int        // output slots reserved by them
	outputs  slotPool
	memories spanPool
	identity []int32 // 0, 1, 2, …: the slots of every memory span
	step     stepBuffers
	ahead    ahead
	limits   limits
	arena    Arena         // but for its Bytes,
	held     atomic.Int64  // which are these
	experts  *expertCounts // nil where nobody asked for them
}

func newEngine(dev kernels.Device, net *network, experts *expertCounts) (*engine, error) {
	e := &engine{
		dev: dev, net: net, embed: &text.Encoder{Table: net.Embed}, mixer: net.Mixer,
		scope: nn.NewScope(dev), cache: net.Mixer.NewCache(dev),
		queue: make(chan *request, queueLength), closing: make(chan struct{}), stopped: make(chan struct{}),
		experts: experts, limits: gpuLimits,
	}
	if _, ok := dev.(*cpu.Device); ok {
		e.limits = cpuLimits
	}
	if experts == nil { // who sees every step
		e.ahead.device, _ = dev.(kernels.Chains)
	} else {
		e.scope.Gated = experts.count
	}
	if err := e.measure(); err != nil {
		return nil, err
	}
	go e.run()
	return e, nil
}

// submit puts r in line; it blocks while the line is full. From then on r is the
// engine's until it is done.
func (e *engine) submit(r *request) error {
	err := e.put(r)
	if err != nil {
		r.unload()
	}
	return err
}

func (e *engine) put(r *request) error {
	e.gate.RLock()
	defer e.gate.RUnlock()
	if e.isClosing() { // before the queue, which may have room
		return ErrClosed
	}
	select {
	case e.queue <- r:
		return nil
	case <-e.closing:
		return ErrClosed
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (e *engine) isClosing() bool {
	select {
	case <-e.closing:
		return true
	default:
		return false
	}
}

// close fails what is still running or waiting and returns when the batch has
// stopped.
func (e *engine) close() {
	e.once.Do(func() { close(e.closing) })
	<-e.stopped
}

// run is the batch's goroutine.
func (e *engine) run() {
	defer close(e.stopped)
	for e.collect() {
		e.turn()
	}
	e.failActive(ErrClosed)
	for _, r := range e.waiting {
		r.finish(ErrClosed)
	}
	e.waiting = nil
	// Whoever is in submit sees the closing or gets a place; nobody comes after.
	e.gate.Lock()
	defer e.gate.Unlock()
	for {
		select {
		case r := <-e.queue:
			r.finish(ErrClosed)
		default:
			return
		}
	}
}

// turn makes one step of the batch.
func (e *engine) turn() {
	e.sweep()
	err := e.admit()
	if err == nil {
		err = e.decode()
	}
	if err != nil {
		e.failActive(err)
		// Nobody holds a place now, and the cache may have got fewer than planned.
		e.outputs, e.memories = slotPool{}, spanPool{}
	}
	e.held.Store(e.scope.Bytes() + e.cache.Bytes())
}

// collect moves calls from the queue to the waiting list, sleeping while there
// is nothing to do. It returns false when the engine closes.
func (e *engine) collect() bool {
	if len(e.active) == 0 && len(e.waiting) == 0 {
		select {
		case r := <-e.queue:
			e.waiting = append(e.waiting, r)
		case <-e.closing:
			return false
		}
	}
	for len(e.waiting) < queueLength {
		select {
		case r := <-e.queue:
			e.waiting = append(e.waiting, r)
			continue
		case <-e.closing:
			return false
		default:
		}
		break
	}
	return true
}

// sweep takes out requests whose context is done.
func (e *engine) sweep() {
	e.waiting = slices.DeleteFunc(e.waiting, func(r *request) bool {
		if err := r.ctx.Err(); err != nil {
			r.finish(err)
			return true
		}
		return false
	})
	for _, r := range e.active {
		if err := r.ctx.Err(); err != nil {
			e.leave(r, err)
		}
	}
	e.compact()
}

// leave ends r and frees its place; compact then drops it from the batch.
func (e *engine) leave(r *request, err error) {
	if r.memory.count > 0 {
		e.memories.give(r.memory)
	}
	e.outputs.give(r.slots)
	e.rows -= r.width
	e.reserved -= r.width * r.length
	r.left = true
	r.finish(err)
}

func (e *engine) compact() {
	e.active = slices.DeleteFunc(e.active, func(r *request) bool { return r.left })
}

func (e *engine) failActive(err error) {
	for _, r := range e.active {
		e.leave(r, err)
	}
	e.compact()
}

// unload drops what was read of a sound or picture.
func (r *request) unload() {
	r.frames, r.pixels = nil, nil
	if r.line != nil {
		r.line.leave()
		r.line = nil
	}
}

func (r *request) finish(err error) {
	r.unload()
	r.err, r.ended = err, time.Now()
	close(r.done)
}
