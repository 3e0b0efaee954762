//go:build linux && cgo

package driver

import (
	"encoding/binary"
	"testing"
	"unsafe"

	"github.com/mm-runtime/mm/kernels/cuda/emu"
)

// emulate makes Open find the emulated driver, set up by pairs of variables.
func emulate(t *testing.T, set ...string) {
	t.Helper()
	t.Setenv(PathVariable, emu.Library(t, "testdata/kernels.cu"))
	for i := 0; i < len(set); i += 2 {
		t.Setenv(set[i], set[i+1])
	}
}

// gpu is an opened device with all that tests need.
type gpu struct {
	t       *testing.T
	device  *Device
	context *Context
	module  *Module
	stream  *Stream
}

// image is the least that the emulator takes for a fatbin.
var image = binary.LittleEndian.AppendUint32(nil, 0xba55ed50)

func open(t *testing.T) *gpu {
	t.Helper()
	l, err := Open()
	must(t, err)
	g := &gpu{t: t}
	g.device, err = l.Device(0)
	must(t, err)
	g.context, err = g.device.Retain()
	must(t, err)
	g.module, err = g.context.Load(image)
	must(t, err)
	g.stream, err = g.context.NewStream()
	must(t, err)
	t.Cleanup(func() {
		g.stream.Close()
		g.module.Unload()
		must(t, g.context.Release())
	})
	return g
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (g *gpu) function(name string) *Function {
	f, err := g.module.Function(name)
	must(g.t, err)
	return f
}

// floats uploads values to fresh memory.
func (g *gpu) floats(values ...float32) Pointer {
	p, err := g.stream.Alloc(int64(4 * len(values)))
	must(g.t, err)
	must(g.t, g.stream.Upload(p, raw(values)))
	return p
}

func (g *gpu) read(p Pointer, n int) []float32 {
	values := make([]float32, n)
	must(g.t, g.stream.Download(raw(values), p))
	must(g.t, g.stream.Synchronize())
	return values
}

func raw(f []float32) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(f))), 4*len(f))
}

func line(n uint32) *Shape { return &Shape{Grid: [3]uint32{1, 1, 1}, Block: [3]uint32{n, 1, 1}} }

type fillArgs struct {
	to    Pointer
	value float32
	count int32
}
