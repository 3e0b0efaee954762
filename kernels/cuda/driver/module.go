//go:build linux && cgo

package driver

// #include "shim.h"
// #cgo noescape mm_launch
// #cgo nocallback mm_launch
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"
)

// Module is loaded device code.
type Module struct {
	context *Context
	handle  C.mm_handle
}

// Load loads a module from a fatbin, cubin or zero-terminated PTX in memory.
func (c *Context) Load(image []byte) (*Module, error) {
	if len(image) == 0 {
		return nil, fmt.Errorf("cuModuleLoadData: the image is empty")
	}
	m := &Module{context: c}
	code := C.mm_cuModuleLoadData(c.library.calls, c.handle, &m.handle, unsafe.Pointer(unsafe.SliceData(image)))
	runtime.KeepAlive(image)
	if err := c.library.check("cuModuleLoadData", code); err != nil {
		return nil, err
	}
	return m, nil
}

// Unload frees the module; its functions die with it.
func (m *Module) Unload() error {
	c := m.context
	return c.library.check("cuModuleUnload", C.mm_cuModuleUnload(c.library.calls, c.handle, m.handle))
}

// Function is a kernel.
type Function struct {
	Name    string
	context *Context
	handle  C.mm_handle
}

// Function finds a kernel by its name.
func (m *Module) Function(name string) (*Function, error) {
	c, f := m.context, &Function{Name: name, context: m.context}
	text := C.CString(name)
	defer C.free(unsafe.Pointer(text))
	err := c.library.check("cuModuleGetFunction", C.mm_cuModuleGetFunction(c.library.calls, c.handle, &f.handle, m.handle, text))
	if err != nil {
		return nil, fmt.Errorf("kernel %s: %w", name, err)
	}
	return f, nil
}

// FunctionAttribute is a CUfunction_attribute.
type FunctionAttribute int

// The attributes that mm asks for.
const (
	MaxThreads       FunctionAttribute = 0  // CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
	StaticShared     FunctionAttribute = 1  // CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
	LocalBytes       FunctionAttribute = 3  // CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: a thread's, spilled registers among them
	Registers        FunctionAttribute = 4  // CU_FUNC_ATTRIBUTE_NUM_REGS
	maxDynamicShared FunctionAttribute = 8  // CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
	largeClusters    FunctionAttribute = 14 // CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED
)

// Attribute asks for one number.
func (f *Function) Attribute(a FunctionAttribute) (int, error) {
	c := f.context
	var v C.int
	err := c.library.check("cuFuncGetAttribute", C.mm_cuFuncGetAttribute(c.library.calls, c.handle, &v, C.int(a), f.handle))
	return int(v), f.named(err)
}

// AllowShared lets the kernel be launched with up to n bytes of dynamic shared
// memory; without it 48 KiB are the most.
func (f *Function) AllowShared(n int) error {
	c := f.context
	code := C.mm_cuFuncSetAttribute(c.library.calls, c.handle, f.handle, C.int(maxDynamicShared), C.int(n))
	return f.named(c.library.check("cuFuncSetAttribute", code))
}

// ParameterSize is the size of the kernel's only parameter in bytes.
func (f *Function) ParameterSize() (int, error) {
	c := f.context
	var offset, size C.size_t
	code := C.mm_cuFuncGetParamInfo(c.library.calls, c.handle, f.handle, 0, &offset, &size)
	return int(size), f.named(c.library.check("cuFuncGetParamInfo", code))
}

// BlocksPerMultiprocessor is how many blocks of so many threads and bytes of
// dynamic shared memory run side by side on one multiprocessor.
func (f *Function) BlocksPerMultiprocessor(threads, shared int) (int, error) {
	c := f.context
	var n C.int
	code := C.mm_cuOccupancyMaxActiveBlocksPerMultiprocessor(c.library.calls, c.handle, &n, f.handle, C.int(threads), C.size_t(shared))
	return int(n), f.named(c.library.check("cuOccupancyMaxActiveBlocksPerMultiprocessor", code))
}

func (f *Function) named(err error) error {
	if err != nil {
		err = fmt.Errorf("kernel %s: %w", f.Name, err)
	}
	return err
}

// Shape says how many blocks of how many threads run a kernel.
type Shape struct {
	Grid, Block [3]uint32
	Shared      uint32    // bytes of dynamic shared memory
	Cluster     [3]uint32 // blocks of a cluster, which run at once; 0 is 1
	Cooperative bool      // all blocks run at once and may wait for each other
	// Programmatic lets the kernel start before the one in front of it has ended;
	// it waits by itself for what it needs.
	Programmatic bool
}

// Launch starts f on s. The kernel has one parameter, the struct of size bytes at
// argument, which is copied and holds no Go pointers.
func (s *Stream) Launch(f *Function, shape *Shape, argument unsafe.Pointer) error {
	c := s.context
	code := C.mm_launch(c.library.calls, c.handle, f.handle, s.handle,
		(*C.uint)(&shape.Grid[0]), (*C.uint)(&shape.Block[0]), C.uint(shape.Shared), (*C.uint)(&shape.Cluster[0]),
		flag(shape.Cooperative), flag(shape.Programmatic), argument)
	if code == 0 {
		return nil
	}
	return fmt.Errorf("kernel %s, %d blocks of %d threads: %w", f.Name, shape.Grid, shape.Block, c.library.failure("cuLaunchKernelEx", code))
}

func flag(b bool) C.int {
	if b {
		return 1
	}
	return 0
}
