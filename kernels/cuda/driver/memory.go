//go:build linux && cgo

package driver

// #include "shim.h"
// #cgo noescape mm_cuMemcpyHtoDAsync_v2
// #cgo nocallback mm_cuMemcpyHtoDAsync_v2
// #cgo noescape mm_cuMemcpyDtoHAsync_v2
// #cgo nocallback mm_cuMemcpyDtoHAsync_v2
// #cgo noescape mm_copy_rows
// #cgo nocallback mm_copy_rows
import "C"

import (
	"fmt"
	"unsafe"
)

// Pointer is an address in a device's memory.
type Pointer uint64

// MemoryInfo is the device's free and total memory in bytes.
func (c *Context) MemoryInfo() (free, total int64, err error) {
	var f, t C.size_t
	err = c.library.check("cuMemGetInfo", C.mm_cuMemGetInfo_v2(c.library.calls, c.handle, &f, &t))
	return int64(f), int64(t), err
}

// Alloc takes bytes of device memory, in the order of the stream's work. Where
// there is not enough, the error is an *OutOfMemory.
func (s *Stream) Alloc(bytes int64) (Pointer, error) {
	c := s.context
	if bytes <= 0 {
		return 0, fmt.Errorf("cuMemAllocAsync: %d bytes, want more than 0", bytes)
	}
	var p C.mm_pointer
	code := C.mm_cuMemAllocAsync(c.library.calls, c.handle, &p, C.size_t(bytes), s.handle)
	switch code {
	case 0:
		return Pointer(p), nil
	case codeOutOfMemory:
		free, total, err := c.MemoryInfo()
		if err != nil {
			return 0, err
		}
		return 0, &OutOfMemory{Want: bytes, Free: free, Total: total, Err: c.library.failure("cuMemAllocAsync", code)}
	}
	return 0, c.library.failure("cuMemAllocAsync", code)
}

// Free gives memory back when the stream's work so far is done.
func (s *Stream) Free(p Pointer) error {
	c := s.context
	return c.library.check("cuMemFreeAsync", C.mm_cuMemFreeAsync(c.library.calls, c.handle, C.mm_pointer(p), s.handle))
}

// Pinned is host memory that the device copies from and to by itself.
type Pinned struct {
	Bytes   []byte
	context *Context
}

// Pin takes n bytes of pinned host memory.
func (c *Context) Pin(n int) (*Pinned, error) {
	if n <= 0 {
		return nil, fmt.Errorf("cuMemHostAlloc: %d bytes, want more than 0", n)
	}
	var p unsafe.Pointer
	if err := c.library.check("cuMemHostAlloc", C.mm_cuMemHostAlloc(c.library.calls, c.handle, &p, C.size_t(n), 0)); err != nil {
		return nil, fmt.Errorf("%s of pinned memory: %w", bytes(int64(n)), err)
	}
	return &Pinned{Bytes: unsafe.Slice((*byte)(p), n), context: c}, nil
}

// Free gives the memory back; no copy may still use it.
func (p *Pinned) Free() error {
	c := p.context
	err := c.library.check("cuMemFreeHost", C.mm_cuMemFreeHost(c.library.calls, c.handle, unsafe.Pointer(unsafe.SliceData(p.Bytes))))
	p.Bytes = nil
	return err
}

// Upload copies bytes to the device. Memory is read in the order of the stream's
// work and must stay as it is until then; so must the other copies' memory.
func (s *Stream) Upload(to Pointer, from []byte) error {
	if len(from) == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemcpyHtoDAsync", C.mm_cuMemcpyHtoDAsync_v2(c.library.calls, c.handle,
		C.mm_pointer(to), unsafe.Pointer(unsafe.SliceData(from)), C.size_t(len(from)), s.handle))
}

// Download copies bytes from the device. They are there after the next Synchronize.
func (s *Stream) Download(to []byte, from Pointer) error {
	if len(to) == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemcpyDtoHAsync", C.mm_cuMemcpyDtoHAsync_v2(c.library.calls, c.handle,
		unsafe.Pointer(unsafe.SliceData(to)), C.mm_pointer(from), C.size_t(len(to)), s.handle))
}

// Copy copies bytes within the device.
func (s *Stream) Copy(to, from Pointer, bytes int64) error {
	if bytes == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemcpyDtoDAsync", C.mm_cuMemcpyDtoDAsync_v2(c.library.calls, c.handle,
		C.mm_pointer(to), C.mm_pointer(from), C.size_t(bytes), s.handle))
}

// UploadRows copies packed rows of width bytes to rows that stand pitch bytes apart.
func (s *Stream) UploadRows(to Pointer, pitch int, from []byte, width int) error {
	if len(from) == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemcpy2DAsync", C.mm_copy_rows(c.library.calls, c.handle,
		nil, C.mm_pointer(to), C.size_t(pitch), unsafe.Pointer(unsafe.SliceData(from)), 0, C.size_t(width),
		C.size_t(width), C.size_t(len(from)/width), s.handle))
}

// DownloadRows is UploadRows the other way; the bytes are there after the next
// Synchronize.
func (s *Stream) DownloadRows(to []byte, width int, from Pointer, pitch int) error {
	if len(to) == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemcpy2DAsync", C.mm_copy_rows(c.library.calls, c.handle,
		unsafe.Pointer(unsafe.SliceData(to)), 0, C.size_t(width), nil, C.mm_pointer(from), C.size_t(pitch),
		C.size_t(width), C.size_t(len(to)/width), s.handle))
}

// Fill sets bytes of device memory.
func (s *Stream) Fill(to Pointer, value byte, count int64) error {
	if count == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemsetD8Async", C.mm_cuMemsetD8Async(c.library.calls, c.handle,
		C.mm_pointer(to), C.uchar(value), C.size_t(count), s.handle))
}

// FillWords sets words of device memory.
func (s *Stream) FillWords(to Pointer, value uint32, count int64) error {
	if count == 0 {
		return nil
	}
	c := s.context
	return c.library.check("cuMemsetD32Async", C.mm_cuMemsetD32Async(c.library.calls, c.handle,
		C.mm_pointer(to), C.uint(value), C.size_t(count), s.handle))
}
