//go:build linux && cgo

package driver

// #cgo LDFLAGS: -ldl
// #include "shim.h"
import "C"

import (
	"fmt"
	"os"
	"unsafe"
)

// Library is the opened driver. It stays loaded for the life of the process, as
// CUDA wants it.
type Library struct {
	calls   *C.mm_driver // in C memory
	path    string
	version int
}

// Open loads the library that MM_CUDA_DRIVER names, libcuda.so.1 where it names
// none, and initialises it. The errors are ErrNoDriver, ErrTooOld, ErrNoDevice,
// or an *Error.
func Open() (*Library, error) {
	path := os.Getenv(PathVariable)
	if path == "" {
		path = defaultPath
	}
	l := &Library{calls: (*C.mm_driver)(C.calloc(1, C.sizeof_mm_driver)), path: path}
	if err := l.open(); err != nil {
		C.free(unsafe.Pointer(l.calls))
		return nil, err
	}
	return l, nil
}

func (l *Library) open() error {
	path := C.CString(l.path)
	defer C.free(unsafe.Pointer(path))
	var old C.int
	if message := C.mm_open(l.calls, path, &old); message != nil {
		defer C.free(unsafe.Pointer(message))
		if old != 0 {
			return fmt.Errorf("%w: %s has no %s", ErrTooOld, l.path, C.GoString(message))
		}
		return fmt.Errorf("%w: %s", ErrNoDriver, C.GoString(message))
	}
	// The version may be asked for before cuInit, which an old driver may refuse.
	var version C.int
	if err := l.check("cuDriverGetVersion", C.mm_cuDriverGetVersion(l.calls, &version)); err != nil {
		return err
	}
	if l.version = int(version); l.version < MinVersion {
		return fmt.Errorf("%w: %s is for CUDA %s, want at least %s", ErrTooOld, l.path, dotted(l.version), dotted(MinVersion))
	}
	switch code := C.mm_cuInit(l.calls, 0); code {
	case codeNoDevice:
		return fmt.Errorf("%w: %w", ErrNoDevice, l.check("cuInit", code))
	default:
		return l.check("cuInit", code)
	}
}

// dotted is a version as people write it: 13000 is "13.0".
func dotted(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

// Version is the CUDA version that the driver serves: 13000 for 13.0.
func (l *Library) Version() int { return l.version }

// check turns a call's result into an error.
func (l *Library) check(call string, code C.mm_result) error {
	if code == 0 {
		return nil
	}
	return l.failure(call, code)
}

func (l *Library) failure(call string, code C.mm_result) *Error {
	if code < 0 { // the shim could not bind the context
		call, code = call+" (cuCtxSetCurrent)", -code
	}
	e := &Error{Call: call, Code: int(code), Name: "unknown CUDA error"}
	var text *C.char
	if C.mm_cuGetErrorName(l.calls, code, &text) == 0 && text != nil {
		e.Name = C.GoString(text)
	}
	text = nil
	if C.mm_cuGetErrorString(l.calls, code, &text) == 0 && text != nil {
		e.Text = C.GoString(text)
	}
	return e
}
