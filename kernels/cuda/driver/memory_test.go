//go:build linux && cgo

package driver

import (
	"encoding/binary"
	"errors"
	"math"
	"strings"
	"testing"
)

func TestOutOfMemory(t *testing.T) {
	emulate(t, "EMU_MEMORY", "3145728")
	g := open(t)
	p, err := g.stream.Alloc(1 << 20)
	must(t, err)
	_, err = g.stream.Alloc(5 << 20)
	var full *OutOfMemory
	if !errors.As(err, &full) || full.Want != 5<<20 || full.Free != 2<<20 || full.Total != 3<<20 {
		t.Fatalf("error %v", err)
	}
	for _, says := range []string{"want 5.0 MiB, 2.0 MiB of 3.0 MiB free", "cuMemAllocAsync: CUDA_ERROR_OUT_OF_MEMORY"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("error %q, want %q in it", err, says)
		}
	}
	must(t, g.stream.Free(p))
	must(t, g.stream.Synchronize())
	p, err = g.stream.Alloc(3 << 20)
	must(t, err)
	must(t, g.stream.Free(p))
	for _, n := range []int64{0, -1} {
		if _, err := g.stream.Alloc(n); err == nil {
			t.Errorf("allocated %d bytes", n)
		}
	}
}

func TestCopies(t *testing.T) {
	emulate(t)
	g := open(t)
	values := []float32{1, 2, 3, 4, 5, 6}
	p, q := g.floats(values...), g.floats(make([]float32, 12)...)
	must(t, g.stream.Copy(q, p, 8))
	must(t, g.stream.UploadRows(q+8, 16, raw(values), 8)) // three rows of two, four apart
	want := []float32{1, 2, 1, 2, 0, 0, 3, 4, 0, 0, 5, 6}
	for i, v := range g.read(q, 12) {
		if v != want[i] {
			t.Fatalf("element %d is %g, want %v", i, v, want)
		}
	}
	back := make([]float32, 6)
	must(t, g.stream.DownloadRows(raw(back), 8, q+8, 16))
	must(t, g.stream.Synchronize())
	for i, v := range back {
		if v != values[i] {
			t.Fatalf("rows came back as %v", back)
		}
	}
	must(t, g.stream.Fill(p, 0xff, 4))
	must(t, g.stream.FillWords(p+4, math.Float32bits(9), 2))
	if got := g.read(p, 4); !math.IsNaN(float64(got[0])) || got[1] != 9 || got[2] != 9 || got[3] != 4 {
		t.Errorf("filled %v", got)
	}
	if err := g.stream.Upload(p, make([]byte, 4096)); err == nil || !strings.Contains(err.Error(), "cuMemcpyHtoDAsync") {
		t.Errorf("error %v of a copy past the end", err)
	}
}

// TestPinned has pinned memory read in the order of the stream's work, which may be
// after it has been overwritten.
func TestPinned(t *testing.T) {
	emulate(t)
	g := open(t)
	pin, err := g.context.Pin(4)
	must(t, err)
	p := g.floats(0)
	binary.LittleEndian.PutUint32(pin.Bytes, math.Float32bits(1))
	must(t, g.stream.Upload(p, pin.Bytes))
	must(t, g.stream.Synchronize())
	must(t, g.stream.Upload(p, pin.Bytes))
	binary.LittleEndian.PutUint32(pin.Bytes, math.Float32bits(2))
	if got := g.read(p, 1)[0]; got != 2 {
		t.Errorf("the emulator copied %g at once", got)
	}
	must(t, pin.Free())
	if _, err := g.context.Pin(0); err == nil {
		t.Error("pinned nothing")
	}
}
