//go:build cublas

// Command cublas times cuBLAS's float32 products through gorgonia.org/cu/blas, at
// shapes given as rows×inputs×outputs: the vendor's time for what kernels/cuda
// computes, by CUDA events, each product after the L2 cache was flushed. It prints
// lines as the benchmarks of kernels/cuda do. build.sh builds it where there is
// neither a GPU nor CUDA.
//
//	cublas 1x256x768 4096x256x1536
package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"unsafe"

	"gonum.org/v1/gonum/blas"
	"gorgonia.org/cu"
	cublas "gorgonia.org/cu/blas"
)

const (
	flushBytes = 128 << 20 // more than the cache holds
	warmUp     = 3
	times      = 20
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "cublas:", err)
		os.Exit(1)
	}
}

func run(shapes []string) error {
	if len(shapes) == 0 {
		return errors.New("no shapes, want some like 4096x256x1536")
	}
	runtime.LockOSThread() // the context is bound to the thread
	device, err := cu.GetDevice(0)
	if err != nil {
		return err
	}
	context, err := device.MakeContext(cu.SchedAuto)
	if err != nil {
		return err
	}
	defer context.Destroy()
	var t timer
	if err := t.open(); err != nil {
		return err
	}
	defer t.blas.Close()
	for _, shape := range shapes {
		var rows, in, out int
		if n, err := fmt.Sscanf(shape, "%dx%dx%d", &rows, &in, &out); n != 3 || err != nil || min(rows, in, out) < 1 {
			return fmt.Errorf("shape %q, want rows, inputs and outputs, such as 4096x256x1536", shape)
		}
		µs, err := t.product(rows, in, out)
		if err != nil {
			return fmt.Errorf("%s: %w", shape, err)
		}
		fmt.Printf("BenchmarkCuBLAS/sgemm/%s %d %.3f gpu-µs %.3f TFLOP/s\n", shape, times, µs,
			2*float64(rows)*float64(in)*float64(out)/µs/1e6)
	}
	return nil
}

// timer has what every product needs.
type timer struct {
	blas       cublas.Standard
	flush      cu.DevicePtr
	start, end cu.Event
}

func (t *timer) open() (err error) {
	if err = t.blas.Init(); err != nil {
		return err
	}
	if t.flush, err = cu.MemAlloc(flushBytes); err != nil {
		return err
	}
	if t.start, err = cu.MakeEvent(cu.DefaultEvent); err != nil {
		return err
	}
	t.end, err = cu.MakeEvent(cu.DefaultEvent)
	return err
}

// numbers is device memory of n floats, none of them 0, as the library takes it: a
// slice that the host may not read.
func numbers(n int) ([]float32, cu.DevicePtr, error) {
	at, err := cu.MemAlloc(int64(4 * n))
	if err != nil {
		return nil, 0, err
	}
	if err := cu.MemsetD32(at, 0x3e99999a, int64(n)); err != nil { // 0.3
		return nil, 0, err
	}
	address := at.Uintptr()
	return unsafe.Slice(*(**float32)(unsafe.Pointer(&address)), n), at, nil
}

// product is the median time of rows (rows, in) times weightsᵀ (in, out) in
// microseconds. The library counts columns first, so that it computes the transpose.
func (t *timer) product(rows, in, out int) (float64, error) {
	var all [3][]float32
	for i, n := range []int{out * in, rows * in, rows * out} {
		values, at, err := numbers(n)
		if err != nil {
			return 0, err
		}
		defer cu.MemFree(at)
		all[i] = values
	}
	var took []float64
	for range warmUp + times {
		if err := cu.MemsetD32(t.flush, 0, flushBytes/4); err != nil {
			return 0, err
		}
		if err := t.start.Record(cu.NoStream); err != nil {
			return 0, err
		}
		t.blas.Sgemm(blas.Trans, blas.NoTrans, out, rows, in, 1, all[0], in, all[1], in, 0, all[2], out)
		if err := errors.Join(t.blas.Err(), t.end.Record(cu.NoStream), t.end.Synchronize()); err != nil {
			return 0, err
		}
		ms, err := t.start.Elapsed(t.end)
		if err != nil {
			return 0, err
		}
		took = append(took, 1e3*ms)
	}
	took = took[warmUp:]
	slices.Sort(took)
	return took[len(took)/2], nil
}
