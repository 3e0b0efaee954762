// Package cpu runs the kernels on the processor: in pure Go, and on x86-64 built
// with cgo in C with AVX2 or AVX-512 instructions, chosen when a Device is opened.
package cpu

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/mm-runtime/mm/kernels"
)

// MaxThreads is more than any machine this runs on has; a larger number is a slip.
const MaxThreads = 1024

// Options say how a Device runs.
type Options struct {
	// Threads is the number of threads, the caller's among them. 0 is
	// GOMAXPROCS, which Go keeps within the process's CPU quota.
	Threads int
	// Path forces an instruction set: "go", "avx2" or "avx512". Empty is the
	// environment variable MM_CPU, and when that is empty too the best there is.
	Path string
}

// Device implements kernels.Device on the CPU.
type Device struct {
	path    string
	threads int
	ops     *rowOps
	pool    *pool
	gemm    *gemm
	task    task
	lanes   []kernels.Device
	parts   partsJob
}

var _ kernels.Lanes = (*Device)(nil)

// Open starts the threads of a CPU device. It fails for a path that is unknown,
// that was not built in, or that this processor lacks, and for a number of
// threads outside 0 to 1024.
func Open(opts Options) (*Device, error) {
	if opts.Threads < 0 || opts.Threads > MaxThreads {
		return nil, fmt.Errorf("cpu: %d threads, want 0 (all) to %d", opts.Threads, MaxThreads)
	}
	threads := opts.Threads
	if threads == 0 {
		threads = min(runtime.GOMAXPROCS(0), MaxThreads)
	}
	path, err := choosePath(opts.Path, os.Getenv("MM_CPU"))
	if err != nil {
		return nil, err
	}
	return newDevice(path, threads), nil
}

func newDevice(path string, threads int) *Device {
	d := &Device{path: path, threads: threads, ops: rowOpsFor(path), pool: newPool(threads)}
	d.gemm = newGEMM(path, d.pool)
	d.task.ops = d.ops
	d.task.scores = make([][]float32, threads)
	return d
}

// choosePath settles on the path that was asked for in the options, else in the
// environment, else on the best of those available.
func choosePath(option, env string) (string, error) {
	name, from := option, "path"
	if name == "" && env != "" {
		name, from = env, "MM_CPU"
	}
	available := Paths()
	if name == "" {
		return available[len(available)-1], nil
	}
	for _, p := range available {
		if p == name {
			return p, nil
		}
	}
	have := strings.Join(available, ", ")
	switch name {
	case "avx2", "avx512":
		return "", fmt.Errorf("cpu: %s %q: %s; this program and processor have %s", from, name, lacking(name), have)
	}
	return "", fmt.Errorf("cpu: unknown %s %q, want one of go, avx2, avx512 (here: %s)", from, name, have)
}

// Name is for example "cpu (avx512-vnni, 2 threads)".
func (d *Device) Name() string {
	label := d.path
	if label == "avx512" {
		label = "avx512-vnni"
	}
	if d.threads == 1 {
		return fmt.Sprintf("cpu (%s, 1 thread)", label)
	}
	return fmt.Sprintf("cpu (%s, %d threads)", label, d.threads)
}

// Close stops the device's threads.
func (d *Device) Close() error {
	d.pool.close()
	d.lanes = nil // which have none
	d.task = task{}
	return nil
}
