package driver

import (
	"errors"
	"fmt"
)

// What Open and Library.Device fail with, one error a cause; the message adds what
// was looked for and what was found.
var (
	ErrNoDriver     = errors.New("no CUDA driver")
	ErrTooOld       = errors.New("the CUDA driver is too old")
	ErrNoDevice     = errors.New("the CUDA driver has no device")
	ErrDeviceIndex  = errors.New("no such CUDA device")
	ErrUnsupported  = errors.New("unsupported compute capability")
	ErrBuiltWithout = errors.New("this program was built without CUDA")
)

// Error is a call of the driver that failed.
type Error struct {
	Call string // "cuLaunchKernelEx"
	Code int    // the CUresult
	Name string // "CUDA_ERROR_ILLEGAL_ADDRESS"
	Text string // the driver's own words
}

func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("%s: %s (%d)", e.Call, e.Name, e.Code)
	}
	return fmt.Sprintf("%s: %s (%d): %s", e.Call, e.Name, e.Code, e.Text)
}

// Codes that callers tell apart.
const (
	codeOutOfMemory = 2   // CUDA_ERROR_OUT_OF_MEMORY
	codeNoDevice    = 100 // CUDA_ERROR_NO_DEVICE
	codeNotReady    = 600 // CUDA_ERROR_NOT_READY
)

// OutOfMemory is an allocation that the device has no room for.
type OutOfMemory struct {
	Want        int64 // bytes
	Free, Total int64 // of the device at that time
	Err         *Error
}

func (e *OutOfMemory) Error() string {
	return fmt.Sprintf("out of device memory: want %s, %s of %s free: %v",
		bytes(e.Want), bytes(e.Free), bytes(e.Total), e.Err)
}

func (e *OutOfMemory) Unwrap() error { return e.Err }

// bytes is n for people: "1.5 GiB".
func bytes(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	value, unit := float64(n)/(1<<10), 0
	for value >= 1<<10 && unit < len(units)-1 {
		value, unit = value/(1<<10), unit+1
	}
	return fmt.Sprintf("%.1f %s", value, units[unit])
}
