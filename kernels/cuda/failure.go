//go:build linux && cgo

package cuda

import (
	"errors"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

var errClosed = errors.New("the device is closed")

// Failure is what an operation panics with where the GPU or its driver fails:
// operations have no result to return an error in. Whoever runs them recovers it,
// as an error; the device is of no more use, unless there was just no room (room).
type Failure struct{ Err error }

func (f *Failure) Error() string { return "cuda: " + f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// DeviceFailure marks the error as a device's, for those who recover panics.
func (f *Failure) DeviceFailure() {}

// room panics with err, if it is one. That there is no memory left for what an operation
// sends or leaves is not remembered: less may fit the next time.
func (d *Device) room(err error) {
	if err != nil && d.failed == nil {
		var full *driver.OutOfMemory
		if errors.As(err, &full) {
			panic(&Failure{err})
		}
	}
	d.check(err)
}

// check panics with err, if it is one, and remembers it.
func (d *Device) check(err error) {
	if d.failed == nil && err != nil {
		d.failed = &Failure{err}
	}
	if d.failed != nil {
		panic(d.failed)
	}
}
