//go:build linux && cgo

package cuda

import (
	"errors"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// shadow is pinned memory and as much on the device, between which copies go while the
// program does something else. The zero value has none.
type shadow struct {
	pinned *driver.Pinned
	at     driver.Pointer
}

// newShadow takes bytes on both sides, or on neither.
func (d *Device) newShadow(bytes int) (shadow, error) {
	pinned, err := d.context.Pin(bytes)
	if err != nil {
		return shadow{}, err
	}
	at, err := d.stream.Alloc(int64(bytes))
	if err != nil {
		return shadow{}, errors.Join(err, pinned.Free())
	}
	return shadow{pinned, at}, nil
}

// free gives the memory back, which no copy may still use.
func (s *shadow) free(stream *driver.Stream) error {
	old := *s
	*s = shadow{}
	if old.pinned == nil {
		return nil
	}
	if err := stream.Free(old.at); err != nil {
		return err
	}
	return old.pinned.Free()
}
