//go:build !linux || !cgo

// Package cuda runs the kernels on an NVIDIA GPU. This build cannot: it is not for
// Linux, or it was made without cgo.
package cuda

import (
	"fmt"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// Open says why there is no GPU.
func Open(int) (kernels.Device, error) {
	_, err := driver.Open()
	return nil, fmt.Errorf("cuda: %w", err)
}
