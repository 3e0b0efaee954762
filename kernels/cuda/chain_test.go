//go:build linux && cgo

package cuda

import (
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// shortChain is a chain of steps of one greedy search with a step that does nothing but
// choose among logits.
func shortChain(t *testing.T, d *Device, steps int) (c *kernels.Chain, step func()) {
	c = &kernels.Chain{
		Steps: steps, Searches: kernels.Segments{0, 1}, End: 1, Logs: []float64{0}, Ends: []kernels.Ends{{Factors: make([]float64, steps)}},
		Tokens: []int32{0}, Positions: []int32{0}, Slots: []int32{0}, Fresh: make([]int32, steps-1),
		Paths: kernels.Paths{Slots: make([]int32, 2*steps), Start: []int32{0}, Count: []int32{1}},
	}
	c.Candidates.Resize(1, 1)
	logits, err := d.Alloc(1, 40)
	must(t, err)
	allowed := []kernels.Allowed{{Limit: 40}}
	return c, func() {
		for range 10 {
			kernels.SiLU(d, logits, logits)
		}
		kernels.TopK(d, c.Candidates, logits, allowed)
	}
}

// TestChainRecordsOnce wants chains of one shape, however many steps they have, to share
// a graph, and steps beyond the room that there always is to be as good.
func TestChainRecordsOnce(t *testing.T) {
	onEach(t, func(t *testing.T) {
		d := open(t)
		c, step := shortChain(t, d, 8)
		for _, steps := range []int{8, 5, 2, 8, 6} {
			c.Steps, c.Fresh, c.Ends[0].Factors = steps, make([]int32, steps-1), make([]float64, steps)
			kernels.RunChain(d, c, step)
			if c.Taken.Steps != steps || c.Taken.Tokens[steps-1] != 0 {
				t.Errorf("%d steps take %v", c.Taken.Steps, c.Taken.Tokens)
			}
		}
		if n := len(d.journal.steps); n != 1 {
			t.Errorf("%d graphs for chains that differ in their number of steps, want 1", n)
		}
		c, step = shortChain(t, d, 50)
		for range sightsOf + 1 {
			kernels.RunChain(d, c, step)
			if c.Taken.Steps != 50 {
				t.Errorf("%d steps, want 50", c.Taken.Steps)
			}
		}
		if n := len(d.journal.steps); n != 2 {
			t.Errorf("%d graphs, want the last chain to have one", n)
		}
		must(t, d.Close())
	})
}

// TestChainFails lets each call that a chain makes fail, and steps that cannot be
// repeated.
func TestChainFails(t *testing.T) {
	emulate(t)
	for _, call := range []string{"cuStreamBeginCapture", "cuStreamEndCapture", "cuGraphInstantiate", "cuGraphLaunch", "cuGraphLaunch@3",
		"cuMemcpyDtoHAsync", "cuEventCreate", "cuEventRecord", "cuEventSynchronize", "cuStreamSynchronize"} {
		d := open(t)
		c, step := shortChain(t, d, 4)
		name, nth, _ := strings.Cut(call, "@")
		plan := name + "=304"
		if nth != "" {
			plan += "@" + nth
		}
		t.Setenv("EMU_FAIL", plan)
		failure := failing(t, func() {
			for range sightsOf {
				kernels.RunChain(d, c, step)
			}
		})
		t.Setenv("EMU_FAIL", "")
		if !strings.Contains(failure.Error(), name) {
			t.Errorf("error %q, want %s in it", failure, name)
		}
		if again := failing(t, func() { kernels.RunChain(d, c, step) }); again != failure {
			t.Errorf("then %v", again)
		}
		must(t, d.Close())
	}
	for what, before := range map[string]func(d *Device, x kernels.Tensor){
		"a result":              func(d *Device, x kernels.Tensor) { d.Read(make([]float32, 4), x) },
		"too many":              func(d *Device, x kernels.Tensor) { repeatAlone(d, x, longest+1) },
		"lists that are longer": func(d *Device, x kernels.Tensor) { d.lists.ensure(2 * len(d.lists.numbers)) },
	} {
		d := open(t)
		c, step := shortChain(t, d, 4)
		x, err := d.Alloc(1, 4)
		must(t, err)
		failure := failing(t, func() { kernels.RunChain(d, c, func() { before(d, x); step() }) })
		if failure.Err != errInterrupted {
			t.Errorf("a step that wants %s: error %q, want %q", what, failure, errInterrupted)
		}
		must(t, d.Close())
	}
}

// TestChainIsForgotten has chains end by a panic: what comes next computes on its own
// numbers, and the half step is not run.
func TestChainIsForgotten(t *testing.T) {
	emulate(t)
	t.Setenv("EMU_MEMORY", "8388608")
	d := open(t)
	c, _ := shortChain(t, d, 4)
	table, err := d.Pack(kernels.Matrix{Rows: 3, Cols: 1, F32: []float32{5, 6, 7}}, 1)
	must(t, err)
	x, err := d.Alloc(1, 1)
	must(t, err)
	filler, err := d.Alloc(1024, 1700)
	must(t, err)
	for what, step := range map[string]func(){
		"a panic": func() {
			kernels.Embed(d, x, table, c.Tokens, 1)
			kernels.SiLU(d, x, x)
			panic("no more")
		},
		"no memory for what it leaves": nil,
	} {
		c.Tokens[0] = 0
		if step == nil {
			c.Candidates.Resize(1, 1<<18)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", what)
				}
			}()
			kernels.RunChain(d, c, step)
		}()
		c.Candidates.Resize(1, 1)
		c.Tokens[0] = 2
		got := []float32{0}
		kernels.Embed(d, x, table, c.Tokens, 1)
		if d.Read(got, x); got[0] != 7 {
			t.Errorf("after %s: %g, want 7", what, got[0])
		}
	}
	d.Free(filler)
	must(t, d.Close())
}

// repeatAlone queues n launches and nothing that wants their results.
func repeatAlone(d *Device, x kernels.Tensor, n int) {
	for range n {
		kernels.SiLU(d, x, x)
	}
}
