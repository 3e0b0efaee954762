//go:build linux && cgo

package cuda

import (
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// TestSteps runs steps of one shape again and again, of which the numbers in the
// lists change, with one of another shape in between: most are one launch, and all
// leave the same bits as on a device that never sees a step twice.
func TestSteps(t *testing.T) {
	onEach(t, func(t *testing.T) {
		a, b := openBits(t, 11), openBits(t, 11)
		run := func(d bits, between func()) (all [][]float32) {
			x, cache, dst := d.tensor(4, 256), d.tensor(300, 256), d.tensor(4, 256)
			w, table := d.weight(kernels.I8, 1, 256, 256), d.weight(kernels.I8, 1, 50, 256)
			logits := d.tensor(4, 50)
			for i := range 12 {
				rows := 4
				if i == 6 {
					rows = 3
				}
				between()
				paths := d.paths(rows, 300, 20+i)
				kernels.Embed(d.d, x.Slice(0, rows), table, d.indices(rows, 50), 1)
				for range 4 {
					kernels.StoreRows(d.d, cache, x.Slice(0, rows), d.indices(rows, 300))
					kernels.PathAttention(d.d, dst.Slice(0, rows), x.Slice(0, rows), cache, cache, 8, paths)
					kernels.MatMul(d.d, x.Slice(0, rows), dst.Slice(0, rows), w, true)
				}
				kernels.MatMul(d.d, logits, x, table, false)
				all = append(all, d.read(logits), d.read(x))
			}
			return all
		}
		got := run(a, func() {})
		want := run(b, func() { b.d.journal.seen = [256]sighting{} })
		for i := range want {
			a.same("step", got[i], want[i])
		}
		if a.d.journal.replays < 4 || b.d.journal.replays != 0 {
			t.Errorf("%d and %d of 12 steps were one launch, want most and none", a.d.journal.replays, b.d.journal.replays)
		}
		must(t, a.d.Close())
		must(t, b.d.Close())
	})
}

// repeat runs n steps of ten launches.
func repeat(d *Device, x kernels.Tensor, n int) {
	for range n {
		for range 10 {
			kernels.SiLU(d, x, x)
		}
		d.Read(make([]float32, x.Rows*x.Cols), x)
	}
}

// TestStepsAreBounded records more steps than are kept.
func TestStepsAreBounded(t *testing.T) {
	emulate(t)
	d := open(t)
	x, err := d.Alloc(mostKept+10, 4)
	must(t, err)
	for rows := range mostKept + 10 {
		repeat(d, x.Slice(0, rows+1), sightsOf)
	}
	if len(d.journal.steps) != mostKept || d.journal.replays != mostKept+10 {
		t.Errorf("%d steps kept, %d replayed, want %d and %d", len(d.journal.steps), d.journal.replays, mostKept, mostKept+10)
	}
	repeat(d, x.Slice(0, mostKept+10), 1)
	if d.journal.replays != mostKept+11 {
		t.Error("a step that was just recorded is not known")
	}
	must(t, d.Close())
}

// TestStepsFail lets the calls that make and run graphs fail.
func TestStepsFail(t *testing.T) {
	emulate(t)
	for _, call := range []string{"cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch"} {
		d := open(t)
		x, err := d.Alloc(3, 5)
		must(t, err)
		t.Setenv("EMU_FAIL", call+"=304")
		failure := failing(t, func() { repeat(d, x, sightsOf) })
		t.Setenv("EMU_FAIL", "")
		if says := "cuda: a step of 10 kernels: " + call; !strings.HasPrefix(failure.Error(), says) {
			t.Errorf("error %q, want %q in front", failure, says)
		}
		if again := failing(t, func() { kernels.SiLU(d, x, x) }); again != failure {
			t.Errorf("then %v", again)
		}
		must(t, d.Close())
	}
}
