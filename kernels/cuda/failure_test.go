//go:build linux && cgo

package cuda

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

func TestOpenFailures(t *testing.T) {
	for _, c := range []struct {
		name     string
		variable string
		value    string
		index    int
		want     error
		says     string
	}{
		{"no driver", driver.PathVariable, "/nowhere/libcuda.so.1", 0, driver.ErrNoDriver, "cuda: no CUDA driver: /nowhere/libcuda.so.1"},
		{"no device", "EMU_DEVICES", "0", 0, driver.ErrNoDevice, "cuda: the CUDA driver has no device"},
		{"index", "EMU_DEVICES", "2", 2, driver.ErrDeviceIndex, "cuda: no such CUDA device: 2, want 0 up to 1"},
		{"old chip", "EMU_CAPABILITY", "75", 0, driver.ErrUnsupported, "has 7.5, want at least 8.0"},
		{"old driver", "EMU_VERSION", "12090", 0, driver.ErrTooOld, "CUDA 12.9, want at least 13.0"},
		{"no context", "EMU_FAIL", "cuDevicePrimaryCtxRetain=2", 0, nil, "cuda: Emulated GPU: cuDevicePrimaryCtxRetain"},
		{"no module", "EMU_FAIL", "cuModuleLoadData=209", 0, nil, "cuModuleLoadData"},
		{"no kernel", "EMU_FAIL", "cuModuleGetFunction=500@3", 0, nil, "kernel silu_rows: cuModuleGetFunction: CUDA_ERROR_NOT_FOUND"},
		{"no pinned memory", "EMU_FAIL", "cuMemHostAlloc=2", 0, nil, "1.0 MiB of pinned memory: cuMemHostAlloc"},
		{"no memory", "EMU_MEMORY", "1000000", 0, nil, "out of device memory: want 1.0 MiB, 976.6 KiB of 976.6 KiB free"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emulate(t)
			t.Setenv(c.variable, c.value)
			_, err := Open(c.index)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with %q in it", err, c.want, c.says)
			}
			t.Setenv(c.variable, "")
			if c.variable != driver.PathVariable { // what failed has left nothing behind
				must(t, open(t).Close())
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// failing runs f and returns what it panicked with.
func failing(t *testing.T, f func()) (failure *Failure) {
	t.Helper()
	defer func() {
		var ok bool
		if failure, ok = recover().(*Failure); !ok {
			t.Fatalf("no *Failure but %v", failure)
		}
	}()
	f()
	return nil
}

// TestFailures lets a launch fail: the error names kernel, shape and code, no later
// call computes anything, and the next device is as good as new.
func TestFailures(t *testing.T) {
	emulate(t)
	for _, c := range []struct {
		plan string
		run  func(d *Device, x kernels.Tensor)
		says []string
	}{
		{"cuLaunchKernelEx=701", func(d *Device, x kernels.Tensor) {
			kernels.SiLU(d, x, x)
			d.Read(make([]float32, 40*8), x)
		}, []string{"cuda: kernel silu_rows, [5 1 1] blocks of [256 1 1] threads: cuLaunchKernelEx", "(701)"}},
		{"cuMemcpyHtoDAsync=719", func(d *Device, x kernels.Tensor) {
			kernels.StoreRows(d, x, x.Slice(0, 1), []int32{3})
			d.Read(make([]float32, 40*8), x)
		}, []string{"cuda: cuMemcpyHtoDAsync: CUDA_ERROR_LAUNCH_FAILED (719): unspecified launch failure"}},
		{"cuStreamSynchronize=719", func(d *Device, x kernels.Tensor) { d.Read(make([]float32, 40*8), x) },
			[]string{"cuda: cuStreamSynchronize: CUDA_ERROR_LAUNCH_FAILED"}},
		{"cuMemcpy2DAsync=1", func(d *Device, x kernels.Tensor) { d.Write(x, make([]float32, 40*8)) },
			[]string{"cuda: cuMemcpy2DAsync: CUDA_ERROR_INVALID_VALUE"}},
	} {
		d := open(t)
		x, err := d.Alloc(40, 8)
		must(t, err)
		t.Setenv("EMU_FAIL", c.plan)
		first := failing(t, func() { c.run(d, x) })
		t.Setenv("EMU_FAIL", "")
		for _, says := range c.says {
			if !strings.Contains(first.Error(), says) {
				t.Errorf("%s: error %q, want %q in it", c.plan, first, says)
			}
		}
		if again := failing(t, func() { kernels.SiLU(d, x, x) }); again != first {
			t.Errorf("%s: then %v", c.plan, again)
		}
		if again := failing(t, func() { d.Read(make([]float32, 40*8), x) }); again != first {
			t.Errorf("%s: then %v", c.plan, again)
		}
		if _, err := d.Alloc(1, 1); !errors.Is(err, first.Err) {
			t.Errorf("%s: then memory, error %v", c.plan, err)
		}
		d.Free(x)
		must(t, d.Close())
		if closed := failing(t, func() { kernels.SiLU(d, x, x) }); !errors.Is(closed, errClosed) {
			t.Errorf("after Close: %v", closed)
		}
		must(t, open(t).Close())
	}
}

// TestOutOfMemory asks for too much: the error has the sizes, and less still fits.
func TestOutOfMemory(t *testing.T) {
	emulate(t)
	t.Setenv("EMU_MEMORY", "8388608")
	d := open(t)
	_, err := d.Alloc(1024, 4096)
	var full *driver.OutOfMemory
	if !errors.As(err, &full) || full.Want != 16<<20 || full.Free != 7<<20 || full.Total != 8<<20 {
		t.Errorf("error %v", err)
	}
	if says := "cuda: tensor of shape [1024 4096]: out of device memory: want 16.0 MiB, 7.0 MiB of 8.0 MiB free"; !strings.Contains(err.Error(), says) {
		t.Errorf("error %q, want %q in it", err, says)
	}
	if _, err := d.Pack(kernels.Matrix{Rows: 2048, Cols: 2048, F32: make([]float32, 2048*2048)}, 1); !errors.As(err, &full) {
		t.Errorf("pack: error %v", err)
	}
	if _, err := d.NewRouting(1<<20, 8, 2); !errors.As(err, &full) {
		t.Errorf("routing: error %v", err)
	}
	x, err := d.Alloc(1024, 1024)
	must(t, err)
	kernels.Add(d, x, x)
	d.Free(x)
	y, err := d.Alloc(1024, 1500) // only where x is
	must(t, err)
	got := make([]float32, 1024*1500)
	got[7] = 1
	d.Read(got, y)
	if got[7] != 0 {
		t.Errorf("fresh memory holds %g", got[7])
	}
	must(t, d.Close())
}

// TestNoRoomForLists wants an operation that has no memory for what it sends to fail by
// itself: with more memory, or fewer numbers, the next one works.
func TestNoRoomForLists(t *testing.T) {
	emulate(t)
	t.Setenv("EMU_MEMORY", "8388608")
	d := open(t)
	filler, err := d.Alloc(1024, 1400)
	must(t, err)
	table, err := d.Pack(kernels.Matrix{Rows: 3, Cols: 1, F32: []float32{5, 6, 7}}, 1)
	must(t, err)
	ids := make([]int32, firstLists+1)
	ids[firstLists] = 2
	dst, err := d.Alloc(len(ids), 1)
	must(t, err)
	var full *driver.OutOfMemory
	if failure := failing(t, func() { kernels.Embed(d, dst, table, ids, 1) }); !errors.As(failure, &full) {
		t.Errorf("error %v, want one of memory", failure)
	}
	few := dst.Slice(0, 1)
	kernels.Embed(d, few, table, []int32{1}, 1)
	d.Free(filler)
	for range 2 {
		kernels.Embed(d, dst, table, ids, 1)
	}
	got := make([]float32, len(ids))
	d.Read(got, dst)
	if got[0] != 5 || got[firstLists] != 7 {
		t.Errorf("with more memory rows are %g and %g, want 5 and 7", got[0], got[firstLists])
	}
	must(t, d.Close())
}

// TestLists sends lists that are new, old, changed, and larger than there is room
// for, and looks at what arrives.
func TestLists(t *testing.T) {
	emulate(t)
	d := open(t)
	l := &d.lists
	check := func(numbers []int32, at driver.Pointer) {
		t.Helper()
		d.journal.flush()
		got := make([]int32, len(numbers))
		must(t, d.stream.Download(raw(got), at))
		must(t, d.stream.Synchronize())
		for i := range got {
			if got[i] != numbers[i] {
				t.Fatalf("number %d of %d is %d, want %d", i, len(numbers), got[i], numbers[i])
			}
		}
	}
	numbers := []int32{5, 6, 7}
	first := l.send(numbers)
	if again := l.send([]int32{5, 6, 7}); again != first {
		t.Errorf("the same list went to %#x, then %#x", first, again)
	}
	numbers[1] = 9
	changed := l.send(numbers)
	if changed == first {
		t.Error("a changed list was not sent")
	}
	check([]int32{5, 6, 7}, first)
	check(numbers, changed)
	for i := range 40 { // round and round
		long := make([]int32, firstLists/3)
		long[0], long[len(long)-1] = int32(i), math.MinInt32
		check(long, l.send(long))
	}
	huge := make([]int32, 3*firstLists)
	huge[len(huge)-1] = 1
	check(huge, l.send(huge))
	check(numbers, l.send(numbers))
	must(t, d.Close())
}
