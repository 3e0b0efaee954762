//go:build linux && cgo

package driver

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/emu"
)

// emulate makes Open find the emulated driver, set up by pairs of variables.
func emulate(t *testing.T, set ...string) {
	t.Helper()
	t.Setenv(PathVariable, emu.Library(t, "testdata/kernels.cu"))
	for i := 0; i < len(set); i += 2 {
		t.Setenv(set[i], set[i+1])
	}
}

// gpu is an opened device with all that tests need.
type gpu struct {
	t       *testing.T
	device  *Device
	context *Context
	module  *Module
	stream  *Stream
}

// image is the least that the emulator takes for a fatbin.
var image = binary.LittleEndian.AppendUint32(nil, 0xba55ed50)

func open(t *testing.T) *gpu {
	t.Helper()
	l, err := Open()
	must(t, err)
	g := &gpu{t: t}
	g.device, err = l.Device(0)
	must(t, err)
	g.context, err = g.device.Retain()
	must(t, err)
	g.module, err = g.context.Load(image)
	must(t, err)
	g.stream, err = g.context.NewStream()
	must(t, err)
	t.Cleanup(func() {
		g.stream.Close()
		g.module.Unload()
		must(t, g.context.Release())
	})
	return g
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *gpu) function(name string) *Function {
	f, err := g.module.Function(name)
	must(g.t, err)
	return f
}

// floats uploads values to fresh memory.
func (g *gpu) floats(values ...float32) Pointer {
	p, err := g.stream.Alloc(int64(4 * len(values)))
	must(g.t, err)
	must(g.t, g.stream.Upload(p, raw(values)))
	return p
}

func (g *gpu) read(p Pointer, n int) []float32 {
	values := make([]float32, n)
	must(g.t, g.stream.Download(raw(values), p))
	must(g.t, g.stream.Synchronize())
	return values
}

func raw(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
}

func line(n uint32) *Shape { return &Shape{Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{n, 1, 1}} }

type fillArgs struct {
	to    Pointer
	value float32
	count int32
}

func TestOpenFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []string
		want error
		says string
	}{
		{"no library", []string{PathVariable, "/nowhere/libcuda.so.1"}, ErrNoDriver, "/nowhere/libcuda.so.1: cannot open"},
		{"no device", []string{"EMU_DEVICES", "0"}, ErrNoDevice, "CUDA_ERROR_NO_DEVICE"},
		{"old driver", []string{"EMU_VERSION", "12080"}, ErrTooOld, "CUDA 12.8, want at least 13.0"},
		{"broken driver", []string{"EMU_FAIL", "cuInit=999"}, nil, "cuInit: unknown CUDA error (999)"},
		{"no version", []string{"EMU_FAIL", "cuDriverGetVersion=1"}, nil, "cuDriverGetVersion: CUDA_ERROR_INVALID_VALUE (1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emulate(t, c.set...)
			_, err := Open()
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with %q in it", err, c.want, c.says)
			}
			var call *Error
			if c.want == nil && !errors.As(err, &call) {
				t.Errorf("error %v is no *Error", err)
			}
		})
	}
}

// TestOldLibrary opens a library that is no CUDA driver, or one of long ago: it
// lacks symbols.
func TestOldLibrary(t *testing.T) {
	emulate(t)
	libc, err := filepath.Glob("/lib/*/libm.so.6")
	if err != nil || len(libc) == 0 {
		t.Skip("no other library at /lib/*/libm.so.6")
	}
	t.Setenv(PathVariable, libc[0])
	if _, err := Open(); !errors.Is(err, ErrTooOld) || !strings.Contains(err.Error(), "has no cuInit") {
		t.Errorf("error %v, want %v", err, ErrTooOld)
	}
}

func TestDeviceFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   []string
		index int
		want  error
		says  string
	}{
		{"index", []string{"EMU_DEVICES", "2"}, 2, ErrDeviceIndex, "2, want 0 up to 1"},
		{"negative", nil, -1, ErrDeviceIndex, "-1, want 0 up to 0"},
		{"capability", []string{"EMU_CAPABILITY", "75"}, 0, ErrUnsupported, "(Emulated GPU) has 7.5, want at least 8.0"},
		{"count", []string{"EMU_FAIL", "cuDeviceGetCount=3"}, 0, nil, "cuDeviceGetCount: CUDA_ERROR_NOT_INITIALIZED (3): initialization error"},
		{"get", []string{"EMU_FAIL", "cuDeviceGet=101"}, 0, nil, "cuDeviceGet: CUDA_ERROR_INVALID_DEVICE"},
		{"name", []string{"EMU_FAIL", "cuDeviceGetName=101"}, 0, nil, "cuDeviceGetName"},
		{"memory", []string{"EMU_FAIL", "cuDeviceTotalMem=101"}, 0, nil, "cuDeviceTotalMem"},
		{"attribute", []string{"EMU_FAIL", "cuDeviceGetAttribute=1@2"}, 0, nil, "cuDeviceGetAttribute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emulate(t, c.set...)
			l, err := Open()
			must(t, err)
			_, err = l.Device(c.index)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with %q in it", err, c.want, c.says)
			}
		})
	}
	t.Run("gone", func(t *testing.T) { // between cuInit and the count
		emulate(t)
		l, err := Open()
		must(t, err)
		t.Setenv("EMU_DEVICES", "0")
		if _, err := l.Device(0); !errors.Is(err, ErrNoDevice) {
			t.Errorf("error %v, want %v", err, ErrNoDevice)
		}
	})
}

func TestDevice(t *testing.T) {
	emulate(t, "EMU_DEVICES", "3", "EMU_CAPABILITY", "103")
	l, err := Open()
	must(t, err)
	n, err := l.Devices()
	must(t, err)
	d, err := l.Device(2)
	must(t, err)
	if l.Version() != 13000 || n != 3 || d.Name != "Emulated GPU" || d.Major != 10 || d.Minor != 3 || d.Memory != 1<<30 || d.Index != 2 {
		t.Errorf("version %d, %d devices, device %+v", l.Version(), n, d)
	}
	if v, err := d.Attribute(MultiprocessorCount); v != 4 || err != nil {
		t.Errorf("%d multiprocessors, error %v", v, err)
	}
}

func TestLaunch(t *testing.T) {
	emulate(t)
	g := open(t)
	fill, p := g.function("fill"), g.floats(make([]float32, 200)...)
	if size, err := fill.ParameterSize(); size != int(unsafe.Sizeof(fillArgs{})) || err != nil {
		t.Errorf("parameter of %d bytes, error %v", size, err)
	}
	must(t, g.stream.Launch(fill, &Shape{Grid: [3]uint32{4, 1, 1}, Block: [3]uint32{64, 1, 1}, Cooperative: true, Programmatic: true,
		Cluster: [3]uint32{2, 1, 1}}, unsafe.Pointer(&fillArgs{p, 7, 199})))
	got := g.read(p, 200)
	for i, v := range got {
		if want := float32(7); v != want && i < 199 || i == 199 && v != 0 {
			t.Fatalf("element %d is %g", i, v)
		}
	}
	sums := g.floats(make([]float32, 64)...)
	must(t, g.stream.Launch(fill, line(64), unsafe.Pointer(&fillArgs{sums, 1, 40})))
	must(t, g.stream.Launch(g.function("warps"), line(64), unsafe.Pointer(&sums)))
	if got := g.read(sums, 64); got[0] != 32 || got[31] != 32 || got[32] != 8 || got[63] != 8 {
		t.Errorf("sums over warps %v", got)
	}
}

func TestLaunchFailures(t *testing.T) {
	emulate(t)
	g := open(t)
	fill, p := g.function("fill"), g.floats(0)
	for name, shape := range map[string]Shape{
		"no blocks":           {Grid: [3]uint32{0, 1, 1}, Block: [3]uint32{64, 1, 1}},
		"too many threads":    {Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{128, 1, 1}},
		"shared memory":       {Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{64, 1, 1}, Shared: 100 << 10},
		"uneven clusters":     {Grid: [3]uint32{3, 1, 1}, Block: [3]uint32{64, 1, 1}, Cluster: [3]uint32{2, 1, 1}},
		"too tall for a grid": {Grid: [3]uint32{1, 70000, 1}, Block: [3]uint32{64, 1, 1}},
	} {
		err := g.stream.Launch(fill, &shape, unsafe.Pointer(&fillArgs{p, 7, 1}))
		if err == nil || !strings.Contains(err.Error(), "kernel fill") || !strings.Contains(err.Error(), "cuLaunchKernelEx: CUDA_ERROR_INVALID_VALUE") {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, err := g.module.Function("nothing"); err == nil || !strings.Contains(err.Error(), "kernel nothing: cuModuleGetFunction: CUDA_ERROR_NOT_FOUND") {
		t.Errorf("error %v", err)
	}
	if _, err := g.context.Load([]byte("not a fatbin")); err == nil || !strings.Contains(err.Error(), "cuModuleLoadData: CUDA_ERROR_INVALID_IMAGE") {
		t.Errorf("error %v", err)
	}
	if _, err := g.context.Load(nil); err == nil {
		t.Error("loaded an empty image")
	}
}

// TestBrokenKernel has a kernel that can never end: the error comes at the next
// wait, and again with everything after it.
func TestBrokenKernel(t *testing.T) {
	emulate(t)
	g := open(t)
	p := g.floats(make([]float32, 32)...)
	must(t, g.stream.Launch(g.function("split"), line(32), unsafe.Pointer(&p)))
	for range 2 {
		var failed *Error
		if err := g.stream.Synchronize(); !errors.As(err, &failed) || failed.Name != "CUDA_ERROR_LAUNCH_FAILED" || failed.Code != 719 {
			t.Fatalf("error %v, want CUDA_ERROR_LAUNCH_FAILED", err)
		}
	}
	if _, err := g.stream.Alloc(4); err == nil {
		t.Error("memory from a context that failed")
	}
}

// TestOrders runs kernels forwards and backwards: one that lacks a barrier is
// found out.
func TestOrders(t *testing.T) {
	emulate(t)
	g := open(t)
	for kernel, want := range map[string]bool{"reverse": true, "torn": false} {
		right := true
		for _, order := range []string{"", "reverse"} {
			t.Setenv("EMU_ORDER", order)
			values := make([]float32, 96)
			for i := range values {
				values[i] = float32(i)
			}
			p := g.floats(values...)
			shape := line(96)
			shape.Shared = 4 * 96
			must(t, g.stream.Launch(g.function(kernel), shape, unsafe.Pointer(&p)))
			for i, v := range g.read(p, 96) {
				right = right && v == float32(95-i)
			}
		}
		if right != want {
			t.Errorf("%s: right %v, want %v", kernel, right, want)
		}
	}
}

func TestSharedMemory(t *testing.T) {
	emulate(t)
	g := open(t)
	f := g.function("reverse")
	must(t, f.AllowShared(100<<10))
	p, shape := g.floats(1, 2, 3), line(3)
	shape.Shared = 100 << 10
	must(t, g.stream.Launch(f, shape, unsafe.Pointer(&p)))
	if got := g.read(p, 3); got[0] != 3 || got[2] != 1 {
		t.Errorf("reversed %v", got)
	}
	if err := f.AllowShared(1 << 20); err == nil || !strings.Contains(err.Error(), "kernel reverse: cuFuncSetAttribute") {
		t.Errorf("error %v", err)
	}
	for a, want := range map[FunctionAttribute]int{MaxThreads: 1024, LocalBytes: 0, StaticShared: 0, Registers: 32} {
		if v, err := f.Attribute(a); v != want || err != nil {
			t.Errorf("attribute %d is %d, error %v, want %d", a, v, err, want)
		}
	}
	if n, err := f.BlocksPerMultiprocessor(256, 0); n != 8 || err != nil {
		t.Errorf("%d blocks, error %v", n, err)
	}
}

func TestOutOfMemory(t *testing.T) {
	emulate(t, "EMU_MEMORY", "3145728")
	g := open(t)
	p, err := g.stream.Alloc(1 << 20)
	must(t, err)
	_, err = g.stream.Alloc(5 << 20)
	var full *OutOfMemory
	if !errors.As(err, &full) || full.Want != 5<<20 || full.Free != 2<<20 || full.Total != 3<<20 {
		t.Fatalf("error %v", err)
	}
	for _, says := range []string{"want 5.0 MiB, 2.0 MiB of 3.0 MiB free", "cuMemAllocAsync: CUDA_ERROR_OUT_OF_MEMORY"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("error %q, want %q in it", err, says)
		}
	}
	must(t, g.stream.Free(p))
	must(t, g.stream.Synchronize())
	p, err = g.stream.Alloc(3 << 20)
	must(t, err)
	must(t, g.stream.Free(p))
	for _, n := range []int64{0, -1} {
		if _, err := g.stream.Alloc(n); err == nil {
			t.Errorf("allocated %d bytes", n)
		}
	}
}

func TestCopies(t *testing.T) {
	emulate(t)
	g := open(t)
	values := []float32{1, 2, 3, 4, 5, 6}
	p, q := g.floats(values...), g.floats(make([]float32, 12)...)
	must(t, g.stream.Copy(q, p, 8))
	must(t, g.stream.UploadRows(q+8, 16, raw(values), 8)) // three rows of two, four apart
	want := []float32{1, 2, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6}
	for i, v := range g.read(q, 12) {
		if v != want[i] {
			t.Fatalf("element %d is %g, want %v", i, v, want)
		}
	}
	back := make([]float32, 6)
	must(t, g.stream.DownloadRows(raw(back), 8, q+8, 16))
	must(t, g.stream.Synchronize())
	for i, v := range back {
		if v != values[i] {
			t.Fatalf("rows came back as %v", back)
		}
	}
	must(t, g.stream.Fill(p, 0xff, 4))
	must(t, g.stream.FillWords(p+4, math.Float32bits(9), 2))
	if got := g.read(p, 4); !math.IsNaN(float64(got[0])) || got[1] != 9 || got[2] != 9 || got[3] != 4 {
		t.Errorf("filled %v", got)
	}
	if err := g.stream.Upload(p, make([]byte, 4096)); err == nil || !strings.Contains(err.Error(), "cuMemcpyHtoDAsync") {
		t.Errorf("error %v of a copy past the end", err)
	}
}

// TestPinned has pinned memory read in the order of the stream's work, which may be
// after it has been overwritten.
func TestPinned(t *testing.T) {
	emulate(t)
	g := open(t)
	pin, err := g.context.Pin(4)
	must(t, err)
	p := g.floats(0)
	binary.LittleEndian.PutUint32(pin.Bytes, math.Float32bits(1))
	must(t, g.stream.Upload(p, pin.Bytes))
	must(t, g.stream.Synchronize())
	must(t, g.stream.Upload(p, pin.Bytes))
	binary.LittleEndian.PutUint32(pin.Bytes, math.Float32bits(2))
	if got := g.read(p, 1)[0]; got != 2 {
		t.Errorf("the emulator copied %g at once", got)
	}
	must(t, pin.Free())
	if _, err := g.context.Pin(0); err == nil {
		t.Error("pinned nothing")
	}
}

func TestEventsAndGraphs(t *testing.T) {
	emulate(t)
	g := open(t)
	start, err := g.context.NewEvent(true)
	must(t, err)
	end, err := g.context.NewEvent(true)
	must(t, err)
	fill, p := g.function("fill"), g.floats(0, 0)
	must(t, start.Record(g.stream))
	graph, err := g.stream.Capture(func() error {
		return g.stream.Launch(fill, line(64), unsafe.Pointer(&fillArgs{p, 3, 1}))
	})
	must(t, err)
	if got := g.read(p, 1)[0]; got != 0 {
		t.Errorf("recorded work ran: %g", got)
	}
	must(t, graph.Launch(g.stream))
	must(t, end.Record(g.stream))
	if done, err := end.Done(); done || err != nil {
		t.Errorf("done %v before the wait, error %v", done, err)
	}
	other, err := g.context.NewStream()
	must(t, err)
	must(t, other.Wait(end))
	must(t, end.Synchronize())
	if done, err := end.Done(); !done || err != nil {
		t.Errorf("done %v, error %v", done, err)
	}
	if d, err := end.Since(start); d <= 0 || err != nil {
		t.Errorf("took %v, error %v", d, err)
	}
	if got := g.read(p, 1)[0]; got != 3 {
		t.Errorf("the graph left %g", got)
	}
	failed := errors.New("given up")
	if _, err := g.stream.Capture(func() error { return failed }); err != failed {
		t.Errorf("error %v, want %v", err, failed)
	}
	for _, close := range []func() error{graph.Close, start.Close, end.Close, other.Close} {
		must(t, close())
	}
}

func TestTensorMap(t *testing.T) {
	emulate(t)
	g := open(t)
	p := g.floats(make([]float32, 64)...)
	m, err := g.context.NewTensorMap(BFloat16, p, 4, 24, 32, 4, 8, Swizzle64)
	must(t, err)
	if m[0] != uint64(p) || m[1] != 24 || m[2] != 4 || m[3] != 64 || m[4] != 8 || m[5] != 4 {
		t.Errorf("map %v", m)
	}
	if _, err := g.context.NewTensorMap(Float32, p, 4, 4, 3, 4, 4, NoSwizzle); err == nil || !strings.Contains(err.Error(), "tensor map of [4 4], stride 3") {
		t.Errorf("error %v of rows that are not aligned", err)
	}
}

// TestEveryFailure lets each call fail in turn and wants its name in the error.
func TestEveryFailure(t *testing.T) {
	emulate(t)
	g := open(t)
	f, p := g.function("fill"), g.floats(0)
	event, err := g.context.NewEvent(false)
	must(t, err)
	pin, err := g.context.Pin(4)
	must(t, err)
	graph, err := g.stream.Capture(func() error { return nil })
	must(t, err)
	second := func(_ any, err error) error { return err }
	capture := func() func() error { // on a stream of its own: it may be left recording
		s, err := g.context.NewStream()
		must(t, err)
		return func() error { return second(s.Capture(func() error { return nil })) }
	}
	for call, do := range map[string]func() error{
		"cuDevicePrimaryCtxRetain":                    func() error { return second(g.device.Retain()) },
		"cuDevicePrimaryCtxRelease":                   g.context.Release,
		"cuModuleLoadData":                            func() error { return second(g.context.Load(image)) },
		"cuModuleUnload":                              g.module.Unload,
		"cuModuleGetFunction":                         func() error { return second(g.module.Function("fill")) },
		"cuFuncGetAttribute":                          func() error { return second(f.Attribute(Registers)) },
		"cuFuncSetAttribute":                          func() error { return f.AllowShared(0) },
		"cuFuncGetParamInfo":                          func() error { return second(f.ParameterSize()) },
		"cuStreamCreate":                              func() error { return second(g.context.NewStream()) },
		"cuStreamDestroy":                             g.stream.Close,
		"cuStreamSynchronize":                         g.stream.Synchronize,
		"cuStreamWaitEvent":                           func() error { return g.stream.Wait(event) },
		"cuEventCreate":                               func() error { return second(g.context.NewEvent(true)) },
		"cuEventDestroy":                              event.Close,
		"cuEventRecord":                               func() error { return event.Record(g.stream) },
		"cuEventQuery":                                func() error { return second(event.Done()) },
		"cuEventSynchronize":                          event.Synchronize,
		"cuEventElapsedTime":                          func() error { return second(event.Since(event)) },
		"cuMemHostAlloc":                              func() error { return second(g.context.Pin(4)) },
		"cuMemFreeHost":                               func() error { return (&Pinned{pin.Bytes, g.context}).Free() },
		"cuMemGetInfo":                                func() error { _, _, err := g.context.MemoryInfo(); return err },
		"cuMemAllocAsync":                             func() error { return second(g.stream.Alloc(4)) },
		"cuMemFreeAsync":                              func() error { return g.stream.Free(p) },
		"cuMemcpyHtoDAsync":                           func() error { return g.stream.Upload(p, pin.Bytes) },
		"cuMemcpyDtoHAsync":                           func() error { return g.stream.Download(pin.Bytes, p) },
		"cuMemcpyDtoDAsync":                           func() error { return g.stream.Copy(p, p, 4) },
		"cuMemcpy2DAsync":                             func() error { return g.stream.UploadRows(p, 4, pin.Bytes, 4) },
		"cuMemsetD8Async":                             func() error { return g.stream.Fill(p, 0, 4) },
		"cuMemsetD32Async":                            func() error { return g.stream.FillWords(p, 0, 1) },
		"cuStreamBeginCapture":                        capture(),
		"cuStreamEndCapture":                          capture(),
		"cuGraphInstantiate":                          capture(),
		"cuGraphLaunch":                               func() error { return graph.Launch(g.stream) },
		"cuGraphExecDestroy":                          graph.Close,
		"cuLaunchKernelEx":                            func() error { return g.stream.Launch(f, line(1), unsafe.Pointer(&fillArgs{p, 7, 1})) },
		"cuTensorMapEncodeTiled":                      func() error { return second(g.context.NewTensorMap(Bytes, p, 1, 16, 16, 1, 16, NoSwizzle)) },
		"cuOccupancyMaxActiveBlocksPerMultiprocessor": func() error { return second(f.BlocksPerMultiprocessor(1, 0)) },
	} {
		t.Setenv("EMU_FAIL", call+"=304")
		err := do()
		t.Setenv("EMU_FAIL", "")
		var failed *Error
		if !errors.As(err, &failed) || failed.Code != 304 || failed.Call != call {
			t.Errorf("%s: error %v", call, err)
		}
	}
	t.Setenv("EMU_FAIL", "cuCtxSetCurrent=201")
	if err := event.Synchronize(); err == nil || !strings.Contains(err.Error(), "cuEventSynchronize (cuCtxSetCurrent): CUDA_ERROR_INVALID_CONTEXT") {
		t.Errorf("error %v", err)
	}
	t.Setenv("EMU_FAIL", "")
}

// TestRealDriver opens the driver of this machine where there is one.
func TestRealDriver(t *testing.T) {
	t.Setenv(PathVariable, "")
	l, err := Open()
	if errors.Is(err, ErrNoDriver) && os.Getenv("MM_REQUIRE_GPU") != "1" {
		t.Skip(err)
	}
	must(t, err)
	d, err := l.Device(0)
	must(t, err)
	t.Logf("%s, compute capability %d.%d, CUDA %s", d.Name, d.Major, d.Minor, dotted(l.Version()))
}
