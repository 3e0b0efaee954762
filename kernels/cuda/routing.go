//go:build linux && cgo

package cuda

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// routing is the state of a kernels.Routing, all of it in device memory: pairs of a
// row and an expert, sorted by expert and then by row. route.cu says what the parts
// are.
type routing struct {
	capacity                                     int // rows
	offsets, rows, gates, where, chosen, weights driver.Pointer
}

type routeArgs struct {
	logits                                       view
	offsets, rows, gates, where, chosen, weights driver.Pointer
	top                                          int32
	_                                            int32
}

const routeThreads = 256

// NewRouting makes room to route up to rows rows to top of the experts each.
func (d *Device) NewRouting(rows, experts, top int) (*kernels.Routing, error) {
	if rows < 0 || top < 1 || top > experts || rows > math.MaxInt32/top {
		return nil, fmt.Errorf("cuda: routing of %d rows to %d of %d experts", rows, top, experts)
	}
	n := 4 * max(rows*top, 1)
	m, err := d.take(4*(experts+1)+5*n, 0)
	if err != nil {
		return nil, fmt.Errorf("cuda: routing of %d rows to %d of %d experts: %w", rows, top, experts, err)
	}
	part := func(i int) driver.Pointer { return m.at + driver.Pointer(i*n) }
	s := &routing{rows, part(5), part(0), part(1), part(2), part(3), part(4)}
	return &kernels.Routing{Experts: experts, Top: top, State: s}, nil
}

// Route runs as one block.
func (d *Device) Route(r *kernels.Routing, logits kernels.Tensor) {
	s := r.State.(*routing)
	if logits.Rows > s.capacity {
		panic(fmt.Sprintf("cuda: Route: %d rows, room for %d", logits.Rows, s.capacity))
	}
	r.Rows = logits.Rows
	d.launch(kernelRoute, 1, 1, routeThreads, 0, unsafe.Pointer(&routeArgs{
		logits:  d.sized(logits),
		offsets: s.offsets, rows: s.rows, gates: s.gates, where: s.where, chosen: s.chosen, weights: s.weights,
		top: int32(r.Top)}))
}

// GatherRows copies rows in routing order.
func (d *Device) GatherRows(dst, x kernels.Tensor, r *kernels.Routing) {
	s := r.State.(*routing)
	d.elementwise(kernelGatherRows, dst.Rows, dst.Cols, unsafe.Pointer(&routedArgs{
		dst: d.view(dst), x: d.view(x), rows: s.rows, gates: s.gates, top: int32(r.Top)}))
}

// ScatterRows adds each row's pairs in order of expert.
func (d *Device) ScatterRows(dst, x kernels.Tensor, r *kernels.Routing) {
	s := r.State.(*routing)
	d.elementwise(kernelScatterRows, dst.Rows, dst.Cols, unsafe.Pointer(&routedArgs{
		dst: d.view(dst), x: d.view(x), rows: s.where, gates: s.gates, top: int32(r.Top)}))
}
