//go:build linux && cgo

package driver

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

func TestLaunch(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "90")
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
