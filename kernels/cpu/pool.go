package cpu

import (
	"runtime"
	"sync/atomic"
)

// job is work that can be done in parts, in any order and by any worker.
type job interface {
	do(worker, part, parts int)
}

// pool runs jobs on a fixed set of goroutines, the caller's among them. Whoever is
// awake takes the next part: a worker that the operating system has not yet woken
// never holds up the others. Handing out work allocates nothing.
type pool struct {
	workers int
	job     job
	// state is the number of the job in its upper bits and of its next part in the
	// lower ones, so that a late worker cannot take a part of a job that is over.
	state   atomic.Uint64
	pending atomic.Int64 // parts of the job not yet done
	closed  atomic.Bool
	asleep  []atomic.Bool // by worker
	wake    []chan struct{}
}

const (
	partBits = 16
	partMask = 1<<partBits - 1
	// spins is how often a worker looks for work before it sleeps: some tens of
	// microseconds, longer than the pauses between a step's operations.
	spins = 300
	// yieldEvery is how often a caller that waits lets other goroutines run.
	yieldEvery = 30
)

// newPool starts workers-1 goroutines.
func newPool(workers int) *pool {
	p := &pool{workers: workers, asleep: make([]atomic.Bool, workers), wake: make([]chan struct{}, workers)}
	p.state.Store(uint64(workers)) // of job 0 no part is left
	for w := 1; w < workers; w++ {
		p.wake[w] = make(chan struct{}, 1)
		go p.work(w)
	}
	return p
}

// run does all parts of j, as many as there are workers, and returns when they are
// done. One goroutine at a time may call it.
func (p *pool) run(j job) {
	p.job = j
	p.pending.Store(int64(p.workers))
	p.state.Store((p.state.Load()>>partBits + 1) << partBits)
	for w := 1; w < p.workers; w++ {
		if p.asleep[w].CompareAndSwap(true, false) {
			p.wake[w] <- struct{}{}
		}
	}
	p.take(0)
	for i := 1; p.pending.Load() > 0; i++ {
		pause()
		if i%yieldEvery == 0 { // a worker may need this processor to go on
			runtime.Gosched()
		}
	}
	p.job = nil
}

// take does parts of the current job until none is left.
func (p *pool) take(worker int) {
	for {
		s := p.state.Load()
		part := int(s & partMask)
		if part >= p.workers {
			return
		}
		if p.state.CompareAndSwap(s, s+1) {
			// The job stays until this part is done: run waits for it.
			p.job.do(worker, part, p.workers)
			p.pending.Add(-1)
		}
	}
}

// work is a worker's goroutine.
func (p *pool) work(worker int) {
	for !p.closed.Load() {
		if p.look() {
			p.take(worker)
			continue
		}
		p.asleep[worker].Store(true)
		// Work that came between the look and the store would find nobody to wake.
		if (p.parts() > 0 || p.closed.Load()) && p.asleep[worker].CompareAndSwap(true, false) {
			continue
		}
		<-p.wake[worker]
	}
}

// look waits a little for a job with parts left.
func (p *pool) look() bool {
	for range spins {
		if p.parts() > 0 {
			return true
		}
		pause()
	}
	return false
}

// parts is the number of parts that nobody has taken.
func (p *pool) parts() int { return p.workers - int(p.state.Load()&partMask) }

// close ends the goroutines; no job may be running. It may be called again.
func (p *pool) close() {
	if p.closed.Swap(true) {
		return
	}
	for w := 1; w < p.workers; w++ {
		if p.asleep[w].CompareAndSwap(true, false) {
			p.wake[w] <- struct{}{}
		}
	}
}
