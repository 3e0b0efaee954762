//go:build linux && cgo

// Package cuda runs the kernels on an NVIDIA GPU. The device code stands in the .cu
// files beside this one, compiled by make kernels to kernels.fatbin, which the
// program carries; the driver is found at run time (package driver). README.md says
// how the kernels are laid out and tested.
package cuda

import (
	_ "embed"
	"fmt"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

//go:embed kernels.fatbin
var fatbin []byte

// Device implements kernels.Device on a GPU. Operations return at once; they are
// queued on one stream, together, when Write, Read, TopK or Chain want their results
// and wait (journal). An operation that fails panics with a *Failure, at the latest
// there, and so does every later one, unless there was just no memory: nothing is
// computed from what a failed one left behind.
type Device struct {
	gpu       *driver.Device
	context   *driver.Context
	module    *driver.Module
	stream    *driver.Stream
	functions [kernelCount]*driver.Function
	journal   journal
	lists     lists
	results   results
	chaining  chaining
	cluster   int                  // blocks that run a program, 0 where none is wanted
	tiles     []int32              // of an attention, as they are sent
	owned     map[*memory]struct{} // allocations not freed
	failed    *Failure
}

var _ kernels.Chains = (*Device)(nil)

// Open opens GPU number index. It fails where there is no driver, no such device,
// or one that is too old (the errors of package driver).
func Open(index int) (kernels.Device, error) {
	l, err := driver.Open()
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	gpu, err := l.Device(index)
	if err != nil {
		return nil, fmt.Errorf("cuda: %w", err)
	}
	context, err := gpu.Retain()
	if err != nil {
		return nil, fmt.Errorf("cuda: %s: %w", gpu.Name, err)
	}
	d := &Device{gpu: gpu, context: context, owned: map[*memory]struct{}{}}
	if err := d.start(); err != nil {
		d.Close()
		return nil, fmt.Errorf("cuda: %s: %w", gpu.Name, err)
	}
	return d, nil
}

// start loads the kernels.
func (d *Device) start() (err error) {
	if d.module, err = d.context.Load(fatbin); err != nil {
		return err
	}
	if d.stream, err = d.context.NewStream(); err != nil {
		return err
	}
	for k, want := range kernelTable {
		if kernel(k) >= kernelMatMulI8Hopper && !d.hopper() {
			break
		}
		f, err := d.module.Function(want.name)
		if err != nil {
			return err
		}
		size, err := f.ParameterSize()
		if err != nil {
			return err
		}
		if size != int(want.size) {
			return fmt.Errorf("kernel %s wants %d bytes of arguments, this program has %d: kernels.fatbin is not of its sources",
				want.name, size, want.size)
		}
		if want.shared > 0 {
			if err := f.AllowShared(want.shared); err != nil {
				return err
			}
		}
		d.functions[k] = f
	}
	d.journal, d.lists.device, d.results.device = newJournal(d), d, d
	if err := d.openSteps(); err != nil {
		return err
	}
	return d.lists.reserve(firstLists)
}

// hopper says whether the GPU has the asynchronous products of compute capability 9.0,
// which neither earlier nor later chips have.
func (d *Device) hopper() bool { return d.gpu.Major == 9 && d.gpu.Minor == 0 }

// Name is for example "cuda:0 (NVIDIA H200, sm_90)".
func (d *Device) Name() string {
	return fmt.Sprintf("cuda:%d (%s, sm_%d%d)", d.gpu.Index, d.gpu.Name, d.gpu.Major, d.gpu.Minor)
}

// Close frees all that the device holds, tensors and weights too. It returns the
// first error; one of a failed operation is among them.
func (d *Device) Close() error {
	var first error
	keep := func(err error) {
		if err != nil && first == nil {
			first = err
		}
	}
	if d.stream != nil {
		for m := range d.owned {
			keep(d.stream.Free(m.at))
		}
		keep(d.stream.Synchronize())
		keep(d.journal.close())
		keep(d.lists.close())
		keep(d.results.free(d.stream))
		keep(d.chaining.close())
		keep(d.stream.Close())
	}
	if d.module != nil {
		keep(d.module.Unload())
	}
	if d.context != nil {
		keep(d.context.Release())
	}
	*d = Device{gpu: d.gpu, failed: &Failure{Err: errClosed}}
	if first != nil {
		return fmt.Errorf("cuda: close: %w", first)
	}
	return nil
}
