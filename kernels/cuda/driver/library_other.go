//go:build !linux || !cgo

package driver

import (
	"fmt"
	"runtime"
)

// Library is the opened driver; this build has no way to open one.
type Library struct{}

// Open says why this program has no CUDA: it needs Linux and cgo.
func Open() (*Library, error) {
	if runtime.GOOS != "linux" {
		return nil, fmt.Errorf("%w: it was built for %s, want linux", ErrBuiltWithout, runtime.GOOS)
	}
	return nil, fmt.Errorf("%w: it was built without cgo (CGO_ENABLED=1 and a C compiler)", ErrBuiltWithout)
}
