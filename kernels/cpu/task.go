package cpu

import "github.com/mm-runtime/mm/kernels"

// inlineWork is the work, in elements touched, below which waking the other
// threads costs more than they save: a few microseconds.
const inlineWork = 1 << 15

// task is the operation in progress: what to run and its arguments. A Device has
// one, reused by every call, so that handing work to the pool allocates nothing.
type task struct {
	ops   *rowOps
	run   func(t *task, worker, lo, hi int) // units lo up to hi
	units int

	dst, x, y, z view
	eps          float32
	dilation     int
	heads        int
	positions    []int32
	index        []int32
	segs, kSegs  kernels.Segments
	paths        kernels.Paths
	candidates   kernels.Candidates
	allowed      []kernels.Allowed
	routing      *routing
	top          int
	scores       [][]float32 // room for one attention row's weights, per worker
}

// do runs the part-th of parts equal shares of the units.
func (t *task) do(worker, part, parts int) {
	lo, hi := t.units*part/parts, t.units*(part+1)/parts
	if lo < hi {
		t.run(t, worker, lo, hi)
	}
}

// start runs the device's task over its units: on all threads when there is
// enough work, else right here.
func (d *Device) start(run func(t *task, worker, lo, hi int), units, work int) {
	if units == 0 {
		return
	}
	d.task.run, d.task.units = run, units
	if work < inlineWork || d.threads == 1 {
		d.task.do(0, 0, 1)
		return
	}
	d.pool.run(&d.task)
}
