//go:build linux && cgo

package driver

import (
	"errors"
	"math"
	"os"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

type clusterArgs struct {
	from, to Pointer
	mode     int32
	_        int32
}

// clusters is a launch of blocks in clusters of size.
func clusters(blocks, threads, size uint32) *Shape {
	return &Shape{Grid: [3]uint32{blocks, 1, 1}, Block: [3]uint32{threads, 1, 1}, Cluster: [3]uint32{size, 1, 1}}
}

// result runs a kernel from n numbers to as many, in the given order.
func (g *gpu) result(kernel string, shape *Shape, mode int, order string, n int) []float32 {
	g.t.Helper()
	g.t.Setenv("EMU_ORDER", order)
	values, nothing := make([]float32, n), make([]float32, n)
	for i := range values {
		values[i], nothing[i] = float32(i), float32(math.NaN())
	}
	a := clusterArgs{from: g.floats(values...), to: g.floats(nothing...), mode: int32(mode)}
	must(g.t, g.stream.Launch(g.function(kernel), shape, unsafe.Pointer(&a)))
	got := g.read(a.to, n)
	must(g.t, g.stream.Free(a.from))
	must(g.t, g.stream.Free(a.to))
	return got
}

// turned says whether exchange has done its work in clusters of size blocks: all of
// a cluster stands in the other order.
func turned(got []float32, threads, size int) bool {
	for i, v := range got {
		rank, first := i/threads%size, i/threads/size*size
		if v != float32((first+size-1-rank)*threads+threads-1-i%threads) {
			return false
		}
	}
	return true
}

// TestClusters has the blocks of a cluster exchange values, and finds each barrier
// that is left out.
func TestClusters(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "90", "EMU_CLUSTER", "16")
	g := open(t)
	must(t, g.function("exchange").AllowLargeClusters())
	for _, c := range []struct{ blocks, threads, size int }{{4, 64, 1}, {6, 64, 2}, {12, 128, 4}, {32, 512, 16}} {
		shape := clusters(uint32(c.blocks), uint32(c.threads), uint32(c.size))
		for _, order := range []string{"", "reverse"} {
			for without := range 6 {
				right := turned(g.result("exchange", shape, without, order, c.blocks*c.threads), c.threads, c.size)
				if want := without == 0 || without > 3 && c.size == 1; right != want {
					t.Errorf("%d blocks in clusters of %d, order %q, without barrier %d: right %v, want %v",
						c.blocks, c.size, order, without, right, want)
				}
			}
		}
	}
}

// TestClusterOrders leaves out barriers that only one order of blocks or of warps
// needs.
func TestClusterOrders(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "90")
	g := open(t)
	for _, c := range []struct {
		kernel            string
		mode              int
		forward, backward bool
	}{
		{"inherit", 0, true, true},
		{"inherit", 1, true, false},
		{"inherit", 2, false, true},
		{"follow", 0, true, true},
		{"follow", 1, true, false},
	} {
		for order, want := range map[string]bool{"": c.forward, "reverse": c.backward} {
			shape, n := clusters(8, 32, 4), 8
			if c.kernel == "follow" {
				shape, n = line(64), 32
			}
			right := true
			for i, v := range g.result(c.kernel, shape, c.mode, order, n) {
				before := 0
				if c.kernel == "inherit" && i%4 > 0 {
					before = i - 1
				}
				right = right && v == float32(i+before)
			}
			if right != want {
				t.Errorf("%s without barrier %d, order %q: right %v, want %v", c.kernel, c.mode, order, right, want)
			}
		}
	}
}

// TestClusterRanks launches grids and clusters of three dimensions.
func TestClusterRanks(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "100", "EMU_CLUSTER", "8")
	g := open(t)
	f := g.function("ranks")
	for _, c := range [][3]uint32{{}, {4, 1, 1}, {2, 1, 2}, {1, 3, 2}, {2, 3, 1}} {
		shape := &Shape{Grid: [3]uint32{4, 3, 2}, Block: [3]uint32{64, 1, 1}, Shared: 16, Cluster: c}
		size := [3]uint32{max(c[0], 1), max(c[1], 1), max(c[2], 1)}
		for _, order := range []string{"", "reverse"} {
			t.Setenv("EMU_ORDER", order)
			p := g.floats(make([]float32, 3*24)...)
			must(t, g.stream.Launch(f, shape, unsafe.Pointer(&p)))
			got := g.read(p, 3*24)
			for i := range uint32(24) {
				x, y, z := i%4%size[0], i/4%3%size[1], i/12%size[2]
				want := [3]float32{float32((z*size[1]+y)*size[0] + x), float32(size[0] * size[1] * size[2]), 1}
				if [3]float32(got[3*i:]) != want {
					t.Errorf("clusters of %d, order %q, block %d: rank, size and memory %v, want %v", c, order, i, got[3*i:3*i+3], want)
				}
			}
		}
	}
}

func TestClusterFailures(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "90", "EMU_CLUSTER", "16")
	g := open(t)
	f, p := g.function("fill"), g.floats(0)
	most := func(want int) {
		t.Helper()
		if n, err := f.MaxCluster(64, 1024); n != want || err != nil {
			t.Errorf("clusters of %d blocks, error %v, want %d", n, err, want)
		}
	}
	launch := func(size uint32, want string) {
		t.Helper()
		err := g.stream.Launch(f, clusters(32, 64, size), unsafe.Pointer(&fillArgs{p, 7, 1}))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), "kernel fill, [32 1 1] blocks of [64 1 1] threads: cuLaunchKernelEx: "+want)) {
			t.Errorf("clusters of %d: error %v, want %q in it", size, err, want)
		}
	}
	most(8)
	launch(8, "")
	launch(16, "CUDA_ERROR_INVALID_CLUSTER_SIZE (912)")
	must(t, f.AllowLargeClusters())
	most(16)
	launch(16, "")
	launch(32, "CUDA_ERROR_INVALID_CLUSTER_SIZE (912)")
	launch(5, "CUDA_ERROR_INVALID_VALUE (1)")
	t.Setenv("EMU_CLUSTER", "")
	most(4)
	launch(8, "CUDA_ERROR_INVALID_CLUSTER_SIZE (912)")
	t.Setenv("EMU_CLUSTER", "0")
	most(0)
	launch(2, "CUDA_ERROR_INVALID_CLUSTER_SIZE (912)")
	for _, c := range [][2]int{{0, 0}, {128, 0}, {64, 100 << 10}} {
		if _, err := f.MaxCluster(c[0], c[1]); err == nil || !strings.Contains(err.Error(), "kernel fill: cuOccupancyMaxPotentialClusterSize: CUDA_ERROR_INVALID_VALUE") {
			t.Errorf("%d threads and %d bytes: error %v", c[0], c[1], err)
		}
	}
	t.Setenv("EMU_CAPABILITY", "89")
	launch(2, "CUDA_ERROR_NOT_SUPPORTED (801)")
	launch(1, "")
	if _, err := f.MaxCluster(64, 0); err == nil || !strings.Contains(err.Error(), "kernel fill: cuOccupancyMaxPotentialClusterSize: CUDA_ERROR_NOT_SUPPORTED (801): operation not supported") {
		t.Errorf("error %v", err)
	}
	t.Setenv("EMU_FAIL", "cuFuncSetAttribute=801")
	if err := f.AllowLargeClusters(); err == nil || !strings.Contains(err.Error(), "kernel fill: cuFuncSetAttribute: CUDA_ERROR_NOT_SUPPORTED") {
		t.Errorf("error %v", err)
	}
}

// TestWrongBarriers reads what the emulator says of barriers that cannot end, or
// must not be.
func TestWrongBarriers(t *testing.T) {
	for mode, says := range []string{
		1: "deadlock in block (0, 0, 0): 32 threads at a barrier, 32 at the cluster's barrier, 0 ended",
		2: "deadlock in block (1, 0, 0): 0 threads at a barrier, 32 of 64 at named barrier 4, 0 at the cluster's barrier, 32 ended",
		3: "named barrier 16, want 1 up to 15",
		4: "named barrier 0, want 1 up to 15",
		5: "named barrier 1 for 48 threads, want a multiple of 32",
		6: "named barrier 1 for 32 threads, where others wait for 64",
		7: "16 of a warp's 32 threads come to named barrier 2 (warp 0)",
		8: "more than 32 threads come to named barrier 2",
	} {
		if says == "" {
			continue
		}
		t.Run(says, func(t *testing.T) {
			emulate(t, "EMU_CAPABILITY", "90")
			g := open(t)
			a := clusterArgs{to: g.floats(make([]float32, 64)...), mode: int32(mode)}
			must(t, g.stream.Launch(g.function("wrong"), clusters(4, 64, 2), unsafe.Pointer(&a)))
			var err error
			said := errorOutput(t, func() { err = g.stream.Synchronize() })
			var failed *Error
			if !errors.As(err, &failed) || failed.Name != "CUDA_ERROR_LAUNCH_FAILED" || !strings.Contains(said, "emu: kernel wrong: "+says) {
				t.Errorf("error %v and %q, want %q", err, said, says)
			}
		})
	}
}

// errorOutput is what the emulator writes to the standard error while do runs.
func errorOutput(t *testing.T, do func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	defer file.Close()
	old, err := syscall.Dup(2)
	must(t, err)
	defer syscall.Close(old)
	must(t, syscall.Dup3(int(file.Fd()), 2, 0))
	do()
	must(t, syscall.Dup3(old, 2, 0))
	text, err := os.ReadFile(file.Name())
	must(t, err)
	return string(text)
}
