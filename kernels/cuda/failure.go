//go:build linux && cgo

package cuda

import "errors"

var errClosed = errors.New("the device is closed")

// Failure is what an operation panics with where the GPU or its driver fails:
// operations have no result to return an error in. Whoever runs them recovers it,
// as an error; the device is of no more use.
type Failure struct{ Err error }

func (f *Failure) Error() string { return "cuda: " + f.Err.Error() }

func (f *Failure) Unwrap() error { return f.Err }

// DeviceFailure marks the error as a device's, for those who recover panics.
func (f *Failure) DeviceFailure() {}

// check panics with err, if it is one, and remembers it.
func (d *Device) check(err error) {
	if d.failed == nil && err != nil {
		d.failed = &Failure{err}
	}
	if d.failed != nil {
		panic(d.failed)
	}
}
