//go:build linux && cgo

package cuda

import (
	"slices"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// lists carries the host's lists of numbers (ids, slots, offsets) to the device: into
// pinned memory, and from there with the launches that read them, all at once. The
// layers of a step pass the same lists again and again; one that was sent lately and
// is still the same, number by number, is not sent again. Each step starts at the
// front, and a list takes a power of two, so that steps of one shape find their lists
// at the same places however long those have become.
type lists struct {
	device *Device
	shadow
	numbers []int32 // the pinned memory
	used    int
	queued  int // of used, is on its way to the device
	recent  [16]sent
	next    int // of recent, to be replaced
	held    []held
}

// sent is a list, or several, in numbers.
type sent struct{ start, length int }

// held is a list that the device changes: whoever passes the same memory means it, and
// nobody else does, whatever numbers it has.
type held struct {
	numbers *int32
	sent
}

const (
	firstLists = 1 << 18 // numbers: 1 MiB
	leastList  = 16      // numbers
)

// reserve makes room for n numbers, all at once; what was sent is forgotten.
func (l *lists) reserve(n int) error {
	if err := l.close(); err != nil {
		return err
	}
	s, err := l.device.newShadow(4 * n)
	if err != nil {
		return err
	}
	l.shadow, l.numbers = s, unsafe.Slice((*int32)(unsafe.Pointer(unsafe.SliceData(s.pinned.Bytes))), n)
	return nil
}

func (l *lists) close() error {
	d := l.device
	if l.pinned == nil {
		return nil
	}
	if err := d.stream.Synchronize(); err != nil {
		return err
	}
	s := l.shadow
	*l = lists{device: d}
	return s.free(d.stream)
}

// room is what a list of n numbers takes.
func room(n int) int {
	size := leastList
	for size < n {
		size *= 2
	}
	return size
}

// ensure makes room for lists of these lengths together. Whoever sends several for one
// launch asks for it first: making room moves what was sent before.
func (l *lists) ensure(lengths ...int) {
	all, d := 0, l.device
	for _, n := range lengths {
		all += room(n)
	}
	if l.used+all > len(l.numbers) {
		d.wait()
	}
	if all > len(l.numbers) {
		d.room(l.reserve(2 * all))
	}
}

// send returns where on the device the numbers stand.
func (l *lists) send(numbers []int32) driver.Pointer {
	if len(numbers) == 0 {
		return l.at
	}
	for _, h := range l.held {
		if h.numbers == unsafe.SliceData(numbers) && h.length == len(numbers) {
			return l.at + driver.Pointer(4*h.start)
		}
	}
	for _, s := range l.recent {
		if s.length == len(numbers) && slices.Equal(l.numbers[s.start:s.start+s.length], numbers) {
			return l.at + driver.Pointer(4*s.start)
		}
	}
	l.ensure(len(numbers))
	s := l.place(numbers)
	l.recent[l.next] = s
	l.next = (l.next + 1) % len(l.recent)
	return l.at + driver.Pointer(4*s.start)
}

// hold is send for a list that the device changes.
func (l *lists) hold(numbers []int32) driver.Pointer {
	s := l.place(numbers)
	l.held = append(l.held, held{unsafe.SliceData(numbers), s})
	return l.at + driver.Pointer(4*s.start)
}

// place puts numbers behind the lists so far; there must be room.
func (l *lists) place(numbers []int32) sent {
	s := sent{l.used, len(numbers)}
	copy(l.numbers[s.start:], numbers)
	l.used += room(len(numbers))
	return s
}

// unsent is what has to be uploaded before the next launches.
func (l *lists) unsent() sent { return sent{l.queued, l.used - l.queued} }

// upload queues a copy to the device.
func (l *lists) upload(s sent) error {
	if s.length == 0 {
		return nil
	}
	l.queued = s.start + s.length
	return l.device.stream.Upload(l.at+driver.Pointer(4*s.start), l.pinned.Bytes[4*s.start:4*(s.start+s.length)])
}

// restart makes all room free, once nothing reads the lists any more.
func (l *lists) restart() {
	l.used, l.queued, l.recent, l.held = 0, 0, [len(l.recent)]sent{}, l.held[:0]
}
