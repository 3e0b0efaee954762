//go:build linux && cgo

package driver

import (
	"errors"
	"strings"
	"testing"
	"unsafe"
)

// calls are all that the shim passes on, by the driver's names for them.
func calls(t *testing.T, g *gpu) map[string]func() error {
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
	return map[string]func() error{
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
		"cuOccupancyMaxPotentialClusterSize":          func() error { return second(f.MaxCluster(1, 0)) },
	}
}

// TestEveryFailure lets each call fail in turn and wants its name in the error.
func TestEveryFailure(t *testing.T) {
	emulate(t)
	g := open(t)
	for call, do := range calls(t, g) {
		t.Setenv("EMU_FAIL", call+"=304")
		err := do()
		t.Setenv("EMU_FAIL", "")
		var failed *Error
		if !errors.As(err, &failed) || failed.Code != 304 || failed.Call != call {
			t.Errorf("%s: error %v", call, err)
		}
	}
	t.Setenv("EMU_FAIL", "cuCtxSetCurrent=201")
	if err := g.stream.Synchronize(); err == nil || !strings.Contains(err.Error(), "cuStreamSynchronize (cuCtxSetCurrent): CUDA_ERROR_INVALID_CONTEXT") {
		t.Errorf("error %v", err)
	}
	t.Setenv("EMU_FAIL", "")
}
