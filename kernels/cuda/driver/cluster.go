//go:build linux && cgo

package driver

// #include "shim.h"
import "C"

// AllowLargeClusters lets the kernel be launched with clusters of more than 8
// blocks, as many as MaxCluster says from then on; not every GPU has them.
func (f *Function) AllowLargeClusters() error {
	c := f.context
	code := C.mm_cuFuncSetAttribute(c.library.calls, c.handle, f.handle, C.int(largeClusters), 1)
	return f.named(c.library.check("cuFuncSetAttribute", code))
}

// MaxCluster is how many blocks of so many threads and bytes of dynamic shared
// memory the largest cluster has that the GPU can run. GPUs of a compute capability
// before 9.0 have no clusters; there it fails.
func (f *Function) MaxCluster(threads, shared int) (int, error) {
	c := f.context
	var n C.int
	code := C.mm_max_cluster(c.library.calls, c.handle, f.handle, C.uint(threads), C.uint(shared), &n)
	return int(n), f.named(c.library.check("cuOccupancyMaxPotentialClusterSize", code))
}
