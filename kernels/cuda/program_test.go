//go:build linux && cgo

package cuda

import (
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/kerneltest"
)

// onClusters runs a test with programs, on an emulated GPU whose clusters have several
// blocks, and on a GPU that has clusters.
func onClusters(t *testing.T, test func(t *testing.T)) {
	for _, order := range []string{"forward", "reverse"} {
		t.Run(order, func(t *testing.T) {
			t.Setenv("EMU_ORDER", order)
			t.Setenv("EMU_CAPABILITY", "100")
			t.Setenv("EMU_CLUSTER", "3")
			emulate(t)
			t.Setenv(StepsVariable, "program")
			test(t)
		})
	}
	t.Run("gpu", func(t *testing.T) {
		d := openGPU(t).(*Device)
		clustered, name := d.clustered(), d.Name()
		must(t, d.Close())
		if !clustered {
			t.Skipf("%s has no clusters", name)
		}
		t.Setenv(StepsVariable, "program")
		test(t)
	})
}

// TestProgramChains runs the suite's chains as programs.
func TestProgramChains(t *testing.T) {
	onClusters(t, func(t *testing.T) {
		kerneltest.RunChains(t, func(t testing.TB) kernels.Device { return open(t) })
	})
}

// TestProgram has every operation of programs in a step, and wants the bits that graphs
// leave.
func TestProgram(t *testing.T) {
	onClusters(t, func(t *testing.T) {
		program := openBits(t, 23)
		t.Setenv(StepsVariable, "graph")
		graph := openBits(t, 23)
		compareAll(program, graph)
		if ran := len(program.d.chaining.operations); ran < 25 || len(program.d.journal.steps) != 0 || len(graph.d.journal.steps) == 0 {
			t.Errorf("a program of %d operations and %d graphs, beside %d graphs", ran, len(program.d.journal.steps), len(graph.d.journal.steps))
		}
		must(t, program.d.Close())
		must(t, graph.d.Close())
	})
}

// TestSequence wants launches that were joined to leave the bits of each by itself.
func TestSequence(t *testing.T) {
	onEach(t, func(t *testing.T) {
		joined, apart := openBits(t, 23), openBits(t, 23)
		apart.d.journal.sequential = nil
		compareAll(joined, apart)
		j := &joined.d.journal
		j.launches = append(j.launches[:0], j.steps[0].launches...)
		j.words = append(j.words[:0], j.steps[0].words...)
		count := 0
		for i := 0; i < len(j.launches); count++ {
			_, _, n := j.next(j.launches[i:])
			i += n
		}
		if all := len(j.launches); count > all*3/4 {
			t.Errorf("%d operations are %d launches, want fewer", all, count)
		}
		j.launches = j.launches[:0]
		must(t, joined.d.Close())
		must(t, apart.d.Close())
	})
}

// compareAll runs everything on two devices and wants the same bits.
func compareAll(a, b bits) {
	b.t.Helper()
	got, x := everything(a)
	want, y := everything(b)
	if !slices.Equal(got.Tokens, want.Tokens) || !slices.Equal(got.From, want.From) || got.Steps != want.Steps {
		b.t.Errorf("%d steps take %v from %v, want %d, %v, %v", got.Steps, got.Tokens, got.From, want.Steps, want.Tokens, want.From)
	}
	b.same("log-probabilities", got.Candidates.Logs, want.Candidates.Logs)
	b.same("rows", x, y)
}

// everything runs a chain of a greedy search and a beam of four and returns what it took
// and the last rows.
func everything(b bits) (*kernels.Taken, []float32) {
	const rows, width, steps, past, vocabulary = 5, 256, 6, 4, 90
	d, t := b.d, b.t
	table, gate := b.weight(kernels.I8, 1, vocabulary, width), b.weight(kernels.F32, 1, 4, width)
	square, twice := b.weight(kernels.BF16, 1, width, width), b.weight(kernels.I8, 1, 2*width, width)
	up, down := b.weight(kernels.I8, 4, 2*width, width), b.weight(kernels.BF16, 4, width, width)
	x, y, both, logits, routed := b.tensor(rows, width), b.tensor(rows, width), b.tensor(rows, 2*width), b.tensor(rows, vocabulary), b.tensor(rows, 4)
	pairs, hidden := b.tensor(2*rows, width), b.tensor(2*rows, 2*width)
	cache, filter, gain := b.tensor(rows*(past+steps), width), b.tensor(3, width), b.tensor(1, width)
	cos, sin := b.tensor(32, 16), b.tensor(32, 16)
	routing, err := d.NewRouting(rows, 4, 2)
	must(t, err)
	c := &kernels.Chain{Steps: steps, Searches: kernels.Segments{0, 1, rows}, End: 3, Logs: make([]float64, rows)}
	for range 2 {
		c.Ends = append(c.Ends, kernels.Ends{Factors: []float64{1, 1, 1, 1, 1, 1}, Longest: 1})
	}
	const room = past + steps
	c.Paths.Slots = make([]int32, 2*room*rows)
	for r := range int32(rows) {
		c.Tokens, c.Positions, c.Slots = append(c.Tokens, 9*r), append(c.Positions, past), append(c.Slots, past*r+past-1)
		c.Paths.Start, c.Paths.Count = append(c.Paths.Start, room*r), append(c.Paths.Count, past)
		for i := range int32(past) {
			c.Paths.Slots[room*r+i] = past*r + i
		}
	}
	for i := range int32((steps - 1) * rows) {
		c.Fresh = append(c.Fresh, past*rows+i)
	}
	c.Candidates.Resize(rows, 8)
	allowed := make([]kernels.Allowed, rows)
	for i := range allowed {
		allowed[i].Limit = vocabulary
	}
	step := func() {
		kernels.Embed(d, x, table, c.Tokens, 1)
		kernels.Copy(d, y, x)
		kernels.RMSNorm(d, y, y, gain, 1e-6)
		kernels.Rope(d, y, cos, sin, 8, c.Positions)
		kernels.StoreRows(d, cache, y, c.Slots)
		kernels.PathConv(d, y, cache, filter, 1, c.Paths)
		kernels.SiLU(d, y, y)
		for _, heads := range []int{8, 4, 2} {
			kernels.PathAttention(d, y, x, cache, cache, heads, c.Paths)
			kernels.MatMul(d, x, y, square, true)
			kernels.RMSNorm(d, x, x, gain, 1e-6)
		}
		kernels.MatMul(d, both, x, twice, false)
		kernels.SwiGLU(d, y, both)
		kernels.Concat(d, both, x, y)
		kernels.SwiGLU(d, y, both)
		kernels.Add(d, x, y)
		kernels.MatMul(d, routed, x, gate, false)
		kernels.Route(d, routing, routed)
		kernels.GatherRows(d, pairs, x, routing)
		kernels.GroupMatMul(d, hidden, pairs, up, routing)
		kernels.SwiGLU(d, pairs, hidden)
		hidden := hidden.Columns(0, width)
		kernels.GroupMatMul(d, hidden, pairs, down, routing)
		kernels.ScatterRows(d, x, hidden, routing)
		kernels.RMSNorm(d, x, x, gain, 1e-6)
		kernels.MatMul(d, logits, x, table, false)
		kernels.TopK(d, c.Candidates, logits, allowed)
	}
	for range sightsOf {
		kernels.RunChain(d, c, step)
	}
	return &c.Taken, b.read(x)
}

// TestProgramIsLeft wants a chain of which a program lacks an operation, or of too many
// rows, to run as before.
func TestProgramIsLeft(t *testing.T) {
	onClusters(t, func(t *testing.T) {
		d := open(t)
		c, step := shortChain(t, d, 4)
		x, err := d.Alloc(1, 8)
		must(t, err)
		y, err := d.Alloc(1, 4)
		must(t, err)
		for range sightsOf {
			kernels.RunChain(d, c, func() { kernels.Unfold(d, x, y, []int32{0, -1}); step() })
		}
		if c.Taken.Steps != 4 || len(d.journal.steps) != 1 {
			t.Errorf("%d steps, %d graphs, want 4 and 1", c.Taken.Steps, len(d.journal.steps))
		}
		must(t, d.Close())
	})
}

// TestProgramUnwanted opens devices that cannot have what the variable wants.
func TestProgramUnwanted(t *testing.T) {
	emulate(t)
	for value, wants := range map[string]string{
		"program": `MM_CUDA_STEPS is program, which wants compute capability 9.0 or 10, not 8.0`,
		"overlap": `MM_CUDA_STEPS is overlap, which wants compute capability 9.0 or 10, not 8.0`,
		"graphs":  `MM_CUDA_STEPS is "graphs", want graph, overlap or program`,
	} {
		t.Setenv(StepsVariable, value)
		if _, err := Open(0); err == nil || !strings.HasSuffix(err.Error(), wants) {
			t.Errorf("%s: error %v, want %q", value, err, wants)
		}
	}
	t.Setenv(StepsVariable, "program")
	t.Setenv("EMU_CAPABILITY", "100")
	for _, call := range []string{"cuFuncSetAttribute@4", "cuOccupancyMaxPotentialClusterSize"} {
		name, nth, _ := strings.Cut(call, "@")
		plan := name + "=801"
		if nth != "" {
			plan += "@" + nth
		}
		t.Setenv("EMU_FAIL", plan)
		if _, err := Open(0); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %s in it", err, name)
		}
	}
}
