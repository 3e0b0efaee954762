//go:build linux && cgo

package cuda

import (
	"math"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

type topKArgs struct {
	logits             view
	ids, start, limits driver.Pointer
	best, logs         driver.Pointer
	k                  int32
	_                  int32
}

const topKThreads = 256

// results is where the device leaves what the host reads every step.
type results struct {
	device *Device
	shadow
	// The allowed ids of all rows, offsets into them and limits, as they are sent.
	ids, start, limits []int32
}

// reserve makes room for n bytes.
func (r *results) reserve(n int) error {
	if r.pinned != nil && len(r.pinned.Bytes) >= n {
		return nil
	}
	if err := r.free(r.device.stream); err != nil {
		return err
	}
	var err error
	r.shadow, err = r.device.newShadow(2 * n)
	return err
}

// TopK has a block for a row, and waits, unless it ends a step of a chain.
func (d *Device) TopK(c kernels.Candidates, logits kernels.Tensor, allowed []kernels.Allowed) {
	rows := logits.Rows
	if rows == 0 {
		return
	}
	if a := d.chaining.args; a != nil {
		d.queueTopK(c.K, a.ids, a.scores, logits, allowed)
		return
	}
	r, n := &d.results, rows*c.K
	d.room(r.reserve(8 * n))
	d.queueTopK(c.K, r.at, r.at+driver.Pointer(4*n), logits, allowed)
	d.journal.flush()
	d.check(d.stream.Download(r.pinned.Bytes[:8*n], r.at))
	d.wait()
	copy(raw(c.IDs[:n]), r.pinned.Bytes[:4*n])
	copy(raw(c.Logs[:n]), r.pinned.Bytes[4*n:8*n])
}

func (d *Device) queueTopK(k int, best, logs driver.Pointer, logits kernels.Tensor, allowed []kernels.Allowed) {
	r := &d.results
	r.list(allowed)
	d.lists.ensure(len(r.ids), len(r.start), len(r.limits))
	d.launch(kernelTopK, logits.Rows, 1, topKThreads, 0, unsafe.Pointer(&topKArgs{
		logits: d.sized(logits), ids: d.lists.send(r.ids), start: d.lists.send(r.start), limits: d.lists.send(r.limits),
		best: best, logs: logs, k: int32(k)}))
}

// list joins the rows' allowed ids.
func (r *results) list(allowed []kernels.Allowed) {
	r.ids, r.start, r.limits = r.ids[:0], append(r.start[:0], 0), r.limits[:0]
	for _, a := range allowed {
		r.ids = append(r.ids, a.IDs...)
		r.start = append(r.start, int32(min(len(r.ids), math.MaxInt32)))
		r.limits = append(r.limits, a.Limit)
	}
}
