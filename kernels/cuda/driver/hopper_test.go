//go:build linux && cgo

package driver

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"
)

type ringArgs struct {
	from, to     Pointer
	rounds, mode int32
}

// ring runs the kernel of that name in a context of its own, and returns whether all
// has come out right, or what the emulator says of its failure.
func ring(t *testing.T, rounds, mode int, order string) (right bool, failure string) {
	t.Run(fmt.Sprintf("%d rounds, mode %d, order %q", rounds, mode, order), func(t *testing.T) {
		g := open(t)
		t.Setenv("EMU_ORDER", order)
		right, failure = g.ring(rounds, mode)
	})
	return right, failure
}

func (g *gpu) ring(rounds, mode int) (right bool, failure string) {
	const width = 64
	blocks := 1
	if mode == 0 {
		blocks = 4
	}
	values := make([]float32, blocks*rounds*width)
	for i := range values {
		values[i] = float32(i)
	}
	a := ringArgs{g.floats(values...), g.floats(make([]float32, len(values))...), int32(rounds), int32(mode)}
	shape := clusters(uint32(blocks), 96, uint32(min(blocks, 2)))
	shape.Shared = 4*3*width + 8*6
	must(g.t, g.stream.Launch(g.function("ring"), shape, unsafe.Pointer(&a)))
	var err error
	if failure = errorOutput(g.t, func() { err = g.stream.Synchronize() }); err != nil {
		return false, failure
	}
	for i, v := range g.read(a.to, len(values)) {
		if v != values[i/width*width+width-1-i%width] {
			return false, ""
		}
	}
	return true, ""
}

// TestRing has copies go round in stages, and finds what is wrong with each of the
// modes in one of the orders at least.
func TestRing(t *testing.T) {
	emulate(t, "EMU_CAPABILITY", "90")
	for _, rounds := range []int{1, 3, 4, 50} {
		for _, order := range []string{"", "reverse"} {
			if right, failure := ring(t, rounds, 0, order); !right || failure != "" {
				t.Errorf("%d rounds, order %q: right %v, failure %q", rounds, order, right, failure)
			}
		}
	}
	for mode, says := range []string{
		1:  "", // only wrong values
		2:  "",
		3:  "more than 1 arrivals in a phase of an mbarrier that still waits for 256 bytes",
		4:  "more than 1 arrivals",
		5:  "block (0, 0, 0) ends before 20 bulk copies that nobody waits for",
		6:  "an mbarrier gets 128 bytes more than its phase has announced",
		7:  "deadlock in block (0, 0, 0): 0 threads at a barrier, 65 at mbarriers (thread 0 for parity 0: 2 arrivals and 0 bytes are missing), 0 at the cluster's barrier, 31 ended",
		8:  "at mbarriers (thread 0 for parity 0: 1 arrivals and 0 bytes are missing)",
		9:  "",
		10: "",
	} {
		if mode == 0 {
			continue
		}
		found := false
		for _, order := range []string{"", "reverse"} {
			right, failure := ring(t, 10, mode, order)
			found = found || !right && strings.Contains(failure, says) && (mode != 1 || failure == "")
		}
		if !found {
			t.Errorf("mode %d: not found", mode)
		}
	}
}

type productArgs struct {
	left, right, to            Pointer
	n, steps, registers, added int32
}

// bfloat16s uploads random values of that kind, and returns them as well.
func (g *gpu) bfloat16s(r *rand.Rand, n int) (Pointer, []float32) {
	values, bits := make([]float32, n), make([]uint16, n)
	for i := range values {
		bits[i] = uint16(math.Float32bits(float32(r.NormFloat64())) >> 16)
		values[i] = math.Float32frombits(uint32(bits[i]) << 16)
	}
	p, err := g.stream.Alloc(int64(2 * n))
	must(g.t, err)
	must(g.t, g.stream.Upload(p, unsafe.Slice((*byte)(unsafe.Pointer(&bits[0])), 2*n)))
	return p, values
}

// TestGroupProducts compares wgmma with plain loops, to the bit: a sum is rounded
// after each 16 products.
func TestGroupProducts(t *testing.T) {
	const rows, steps = 128, 3
	emulate(t, "EMU_CAPABILITY", "90")
	g, r := open(t), rand.New(rand.NewPCG(1, 2))
	f := g.function("product")
	must(t, f.AllowShared(64<<10))
	for i := range 12 {
		n, registers, added := []int{8, 128, 256}[i%3], i/3%2, i/6
		t.Setenv("EMU_ORDER", []string{"", "reverse"}[(i+i/6)%2])
		a := productArgs{n: int32(n), steps: steps, registers: int32(registers), added: int32(added)}
		var left, right []float32
		a.left, left = g.bfloat16s(r, rows*16*steps)
		a.right, right = g.bfloat16s(r, n*16*steps)
		sums := make([]float32, rows*n)
		for i := range sums {
			sums[i] = float32(math.NaN())
			if added != 0 {
				sums[i] = r.Float32()
			}
		}
		a.to = g.floats(sums...)
		shape := line(256)
		shape.Shared = uint32(rows*16*steps*2 + 2*steps*(n*16+16))
		must(t, g.stream.Launch(f, shape, unsafe.Pointer(&a)))
		got := g.read(a.to, rows*n)
		for at, v := range got {
			sum := sums[at]
			if added == 0 {
				sum = 0
			}
			for step := range steps {
				exact := float64(sum)
				for k := 16 * step; k < 16*step+16; k++ {
					exact += float64(left[at/n*16*steps+k]) * float64(right[at%n*16*steps+k])
				}
				sum = float32(exact)
			}
			if v != sum {
				t.Fatalf("n %d, from registers %d, added %d: row %d, column %d is %g, want %g", n, registers, added, at/n, at%n, v, sum)
			}
		}
	}
}

// TestHopperMisuse reads what the emulator says of barriers, copies and products
// that cannot be.
func TestHopperMisuse(t *testing.T) {
	const uninitialized, matrix = "an mbarrier that was not initialized, or overwritten: 0xffffffffffffffff", "outside of dynamic shared memory"
	for mode, says := range []string{
		1:  uninitialized,
		2:  uninitialized,
		3:  uninitialized,
		4:  "an mbarrier for 0 arrivals, want 1 up to 1048575",
		5:  "want one of 8 aligned bytes of shared memory",
		6:  "want one of 8 aligned bytes of shared memory",
		7:  "wait for parity 2, want 0 or 1",
		8:  "an arrival announces -16 bytes beside 0, want up to 1048575",
		9:  "bulk copy of 24 bytes, want a multiple of 16 up to 1048575",
		10: "bulk copy of 0 bytes, want a multiple of 16",
		11: "want multiples of 16",
		12: "want multiples of 16",
		13: "bulk copy of 32 bytes reaches beyond dynamic shared memory",
		14: "which is not in dynamic shared memory",
		15: "which is not all global memory",
		16: "bulk copy of 32 bytes from",
		17: "a bulk copy finds its mbarrier overwritten: 0x3f8000003f800000",
		18: "which is not in dynamic shared memory",
		19: "an arrival announces 524288 bytes beside 524288, want up to 1048575",
		20: "wgmma with 12 columns, want a multiple of 8 up to 256",
		21: "wgmma with 264 columns, want a multiple of 8 up to 256",
		22: "of a swizzled matrix",
		23: "with a base offset",
		24: "with unknown bits",
		25: "of 8 rows " + matrix,
		26: "of 8 rows " + matrix,
		27: "of 64 rows " + matrix,
		28: "lanes 0 and 1 make different products together",
		29: "lanes 0 and 7 make different products together",
		30: "wgmma in fewer than four warps (thread 128 of 160)",
	} {
		if mode == 0 {
			continue
		}
		t.Run(fmt.Sprint(mode), func(t *testing.T) {
			emulate(t, "EMU_CAPABILITY", "90")
			g := open(t)
			ones := make([]float32, 64)
			for i := range ones {
				ones[i] = 1
			}
			a := clusterArgs{from: g.floats(ones...), to: g.floats(0), mode: int32(mode)}
			shape := line(160)
			shape.Shared = 2048
			must(t, g.stream.Launch(g.function("misuse"), shape, unsafe.Pointer(&a)))
			var err error
			said := errorOutput(t, func() { err = g.stream.Synchronize() })
			var failed *Error
			if !errors.As(err, &failed) || failed.Name != "CUDA_ERROR_LAUNCH_FAILED" || !strings.Contains(said, "emu: kernel misuse: ") || !strings.Contains(said, says) {
				t.Errorf("error %v and %q, want %q", err, said, says)
			}
		})
	}
}
