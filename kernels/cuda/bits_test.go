//go:build linux && cgo

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// bits is a device and what it left, for tests that want the same to the bit.
type bits struct {
	bench
	d *Device
}

func openBits(t *testing.T, seed uint64) bits {
	d := open(t)
	return bits{bench{t, d, rand.New(rand.NewPCG(seed, seed+1))}, d}
}

func (b bits) read(x kernels.Tensor) []float32 {
	values := make([]float32, x.Rows*x.Cols)
	b.d.Read(values, x)
	return values
}

func (b bits) same(what string, got, want []float32) {
	b.t.Helper()
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			b.t.Fatalf("%s: element %d is %g, want exactly %g", what, i, got[i], want[i])
		}
	}
}

// TestVariants wants all kernels for a type of weights to leave the same bits.
func TestVariants(t *testing.T) {
	onEach(t, func(t *testing.T) {
		b := openBits(t, 5)
		const rows, in, out = 70, 1300, 200
		for dtype, all := range variants {
			w, x := b.weight(dtype, 1, out, in), b.tensor(rows, in)
			var want []float32
			for i, v := range all {
				dst := b.tensor(rows, out)
				b.d.matMul(v, dst, x, w, false)
				if i == 0 {
					want = b.read(dst)
				}
				b.same(fmt.Sprintf("%v, blocks of %d rows against %d", dtype, v.rows, all[0].rows), b.read(dst), want)
			}
		}
	})
}

// TestHopper compares the kernels for Hopper alone with the plain ones: on a GPU the
// error has to be no larger than the products' own, and it says whether the bits are the
// same, as they have to be in the emulator.
func TestHopper(t *testing.T) {
	test := func(t *testing.T, shapes [][3]int, exact bool) {
		b := openBits(t, 5)
		if !b.d.hopper() {
			t.Skipf("%s is not of compute capability 9.0", b.d.Name())
		}
		for _, s := range shapes {
			rows, in, out := s[0], s[1], s[2]
			x, rounded := b.tensor(rows, in), b.tensor(rows, in)
			b.d.Write(rounded, bf16Rounded(b.read(x)))
			for _, dtype := range []kernels.DType{kernels.I8, kernels.BF16} {
				w := b.weight(dtype, 1, out, in)
				b.near(fmt.Sprintf("%v %v", dtype, s), exact, 1e-5, x, w, func(dst kernels.Tensor) { b.d.matMul(hopperVariants[dtype], dst, x, w, true) })
				if dtype == kernels.BF16 {
					b.near(fmt.Sprintf("bulk %v", s), exact, 1e-5, x, w, func(dst kernels.Tensor) { b.bulk(bulkExact, dst, x, w) })
					// Its sums go on from the first input to the last, cut off at each product on a GPU.
					b.near(fmt.Sprintf("rounded %v", s), false, 1e-4, rounded, w, func(dst kernels.Tensor) { b.bulk(bulkRounded, dst, x, w) })
				}
			}
		}
		must(t, b.d.Close())
	}
	for _, order := range []string{"forward", "reverse"} {
		t.Run(order, func(t *testing.T) {
			t.Setenv("EMU_CAPABILITY", "90")
			t.Setenv("EMU_ORDER", order)
			emulate(t)
			test(t, [][3]int{{70, 330, 200}, {128, 64, 128}, {300, 256, 130}, {3, 700, 20}}, true)
		})
	}
	t.Run("gpu", func(t *testing.T) {
		must(t, openGPU(t).Close())
		test(t, [][3]int{{70, 1300, 200}, {128, 64, 128}, {300, 256, 1536}, {1000, 1024, 1000}, {2100, 3000, 2500}}, false)
	})
}

func (b bits) bulk(v bulkVariant, dst, x kernels.Tensor, w kernels.Weight) {
	parts, err := b.d.cut(v, x)
	must(b.t, err)
	b.d.matMulBulk(v, dst, x, parts, w, true)
}

// near wants what run adds to a tensor to be what MatMul does, to the bit or within some
// of a sum's deviation.
func (b bits) near(what string, exact bool, most float64, x kernels.Tensor, w kernels.Weight, run func(dst kernels.Tensor)) {
	b.t.Helper()
	plain := b.tensor(x.Rows, w.Out)
	dst := b.tensor(x.Rows, w.Out)
	kernels.Copy(b.d, dst, plain)
	kernels.MatMul(b.d, plain, x, w, true)
	run(dst)
	got, want, differ, worst := b.read(dst), b.read(plain), 0, 0.0
	for i := range want {
		if math.Float32bits(got[i]) != math.Float32bits(want[i]) {
			differ++
		}
		off := math.Abs(float64(got[i])-float64(want[i])) / math.Sqrt(float64(w.In))
		worst = max(worst, off)
		if math.IsNaN(off) {
			b.t.Fatalf("%s: element %d is %g, want %g", what, i, got[i], want[i])
		}
	}
	b.t.Logf("%s: %d of %d elements differ, by %.1e of a sum's deviation at most", what, differ, len(want), worst)
	if worst > most || exact && differ > 0 { // int8 weights go up to 127/64, others are normal deviates
		b.t.Errorf("%s: %d elements differ, by %.1e of a sum's deviation", what, differ, worst)
	}
}

// bf16Rounded rounds values to bfloat16.
func bf16Rounded(values []float32) []float32 {
	for i, v := range values {
		u := math.Float32bits(v)
		values[i] = math.Float32frombits((u + 0x7fff + u>>16&1) &^ 0xffff)
	}
	return values
}

// TestAttentionCompany wants a segment's rows, and a row with its path, to come out
// the same alone and among others, at the widths of the faster kernels.
func TestAttentionCompany(t *testing.T) {
	onEach(t, func(t *testing.T) {
		b := openBits(t, 7)
		q, k, v := b.tensor(110, 256), b.tensor(200, 256), b.tensor(200, 256)
		for _, heads := range []int{8, 4, 2} {
			b.segmentsAlone(q, k, v, heads)
			b.pathsAlone(q, k, v, heads)
		}
	})
}

func (b bits) segmentsAlone(q, k, v kernels.Tensor, heads int) {
	segs, keys, dst := kernels.Segments{0, 33, 40, 110}, kernels.Segments{0, 90, 91, 200}, b.tensor(110, 256)
	kernels.Attention(b.d, dst, q, k, v, heads, segs, keys)
	want := b.read(dst)
	for i := range len(segs) - 1 {
		lo, hi, from, to := int(segs[i]), int(segs[i+1]), int(keys[i]), int(keys[i+1])
		alone := b.tensor(hi-lo, 256)
		kernels.Attention(b.d, alone, q.Slice(lo, hi), k.Slice(from, to), v.Slice(from, to), heads,
			kernels.Segments{0, int32(hi - lo)}, kernels.Segments{0, int32(to - from)})
		b.same(fmt.Sprintf("segment %d, %d heads", i, heads), b.read(alone), want[lo*256:hi*256])
	}
}

func (b bits) pathsAlone(q, k, v kernels.Tensor, heads int) {
	paths, dst := b.paths(110, 200, 150), b.tensor(110, 256)
	kernels.PathAttention(b.d, dst, q, k, v, heads, paths)
	want := b.read(dst)
	for r := 0; r < 110; r += 13 {
		alone := b.tensor(1, 256)
		kernels.PathAttention(b.d, alone, q.Slice(r, r+1), k, v, heads,
			kernels.Paths{Slots: paths.Path(r), Start: []int32{0}, Count: paths.Count[r : r+1]})
		b.same(fmt.Sprintf("row %d, %d heads", r, heads), b.read(alone), want[r*256:(r+1)*256])
	}
}

// TestListsOfOneLaunch sends several lists for one launch, the last of which leaves no
// room for those before it, or more than there is at first.
func TestListsOfOneLaunch(t *testing.T) {
	onEach(t, func(t *testing.T) {
		for _, n := range []int{firstLists * 3 / 4, firstLists + 1} {
			b := openBits(t, 13)
			x, filter, q, dst := b.tensor(50, 256), b.tensor(3, 256), b.tensor(4, 256), b.tensor(4, 256)
			p := kernels.Paths{Slots: b.indices(n, 50), Start: []int32{7, 100, 0, int32(n - 9)}, Count: []int32{5, 1, 30, 9}}
			short := kernels.Paths{Slots: p.Slots[:200], Start: []int32{7, 100, 0, 150}, Count: p.Count}
			copy(short.Slots[150:159], p.Slots[n-9:])
			for name, run := range map[string]func(p kernels.Paths){
				"PathConv":      func(p kernels.Paths) { kernels.PathConv(b.d, dst, x, filter, 1, p) },
				"PathAttention": func(p kernels.Paths) { kernels.PathAttention(b.d, dst, q, x, x, 4, p) },
			} {
				run(short)
				want := b.read(dst)
				b.d.lists.send(b.indices(1000, 50)) // what is in front
				run(p)
				b.same(fmt.Sprintf("%s, %d slots", name, n), b.read(dst), want)
			}
			must(t, b.d.Close())
		}
	})
}

// TestTwoDevices has two devices on one GPU, their work interleaved, and one closed
// in the middle: neither sees the other.
func TestTwoDevices(t *testing.T) {
	onEach(t, func(t *testing.T) {
		a, b := openBits(t, 9), openBits(t, 9)
		x, y := a.tensor(40, 256), b.tensor(40, 256)
		for i := range int32(20) {
			kernels.SiLU(a.d, x, x)
			kernels.StoreRows(b.d, y, y.Slice(39, 40), []int32{i})
			kernels.StoreRows(a.d, x, x.Slice(39, 40), []int32{i})
			kernels.SiLU(b.d, y, y)
			kernels.SiLU(a.d, x, x)
			kernels.SiLU(b.d, y, y)
		}
		got := a.read(x)
		must(t, a.d.Close())
		kernels.Copy(b.d, y.Slice(0, 1), y.Slice(39, 40))
		if after := b.read(y); after[0] != after[39*256] || after[0] != got[39*256] {
			t.Errorf("one device left %g, the other %g and %g", got[39*256], after[0], after[39*256])
		}
		must(t, b.d.Close())
	})
}
