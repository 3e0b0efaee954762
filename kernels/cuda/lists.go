//go:build linux && cgo

package cuda

import (
	"slices"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// lists carries the host's lists of numbers (ids, slots, offsets) to the device: into
// pinned memory, and from there by copies that nobody waits for. The layers of a step
// pass the same lists again and again; one that was sent lately and is still the same,
// number by number, is not sent again.
type lists struct {
	device  *Device
	pinned  *driver.Pinned
	numbers []int32        // the pinned memory
	at      driver.Pointer // its twin on the device
	used    int
	recent  [16]sent
	next    int // of recent, to be replaced
}

// sent is a list in numbers.
type sent struct{ start, length int }

const firstLists = 1 << 18 // numbers: 1 MiB

// reserve makes room for n numbers, all at once; what was sent is forgotten.
func (l *lists) reserve(n int) error {
	if err := l.close(); err != nil {
		return err
	}
	d := l.device
	pinned, err := d.context.Pin(4 * n)
	if err != nil {
		return err
	}
	l.pinned, l.numbers = pinned, unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(pinned.Bytes))), n)
	l.at, err = d.stream.Alloc(int64(4 * n))
	return err
}

func (l *lists) close() error {
	d := l.device
	if l.pinned == nil {
		return nil
	}
	if err := d.stream.Synchronize(); err != nil {
		return err
	}
	pinned, at := l.pinned, l.at
	*l = lists{device: d}
	if at != 0 {
		if err := d.stream.Free(at); err != nil {
			return err
		}
	}
	return pinned.Free()
}

// send returns where on the device the numbers stand.
func (l *lists) send(numbers []int32) driver.Pointer {
	if len(numbers) == 0 {
		return l.at
	}
	for _, s := range l.recent {
		if s.length == len(numbers) && slices.Equal(l.numbers[s.start:s.start+s.length], numbers) {
			return l.at + driver.Pointer(4*s.start)
		}
	}
	d := l.device
	if len(numbers) > len(l.numbers) {
		d.check(l.reserve(2 * len(numbers)))
	}
	if l.used+len(numbers) > len(l.numbers) { // from the start again, once all copies and kernels are done
		d.check(d.stream.Synchronize())
		l.used, l.recent = 0, [len(l.recent)]sent{}
	}
	s := sent{l.used, len(numbers)}
	copy(l.numbers[s.start:], numbers)
	to, bytes := l.at+driver.Pointer(4*s.start), 4*s.length
	d.check(d.stream.Upload(to, l.pinned.Bytes[4*s.start:4*s.start+bytes]))
	l.used += (len(numbers) + 3) &^ 3 // keeps lists at multiples of 16 bytes
	l.recent[l.next] = s
	l.next = (l.next + 1) % len(l.recent)
	return to
}
