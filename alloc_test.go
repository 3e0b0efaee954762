package mm

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/internal/nn"
)

// still is an engine of m's parts that nobody runs: the test makes its steps.
func still(m *Model) *engine {
	return &engine{
		dev: m.dev, net: m.engine.net, embed: m.engine.embed, mixer: m.engine.mixer,
		scope: nn.NewScope(m.dev), cache: m.engine.mixer.NewCache(m.dev), limits: m.engine.limits,
	}
}

// join lets n long requests join e.
func join(t *testing.T, m *Model, e *engine, n, beam int) {
	t.Helper()
	for range n {
		in := testInput("translate", strings.Repeat("long ", 12))
		in.MaxTokens, in.Beam = 200, beam
		c, err := m.prepare(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		e.waiting = append(e.waiting, c.parts[0].request)
	}
	for len(e.waiting) > 0 {
		if err := e.admit(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDecodeAllocatesNothing counts the allocations of steps, greedy and with a
// beam, after requests as long and as many ran before.
func TestDecodeAllocatesNothing(t *testing.T) {
	for _, threads := range []int{1, 2} {
		for _, beam := range []int{1, 4} {
			t.Run(fmt.Sprintf("threads %d, beam %d", threads, beam), func(t *testing.T) { allocates(t, threads, beam) })
		}
	}
}

func allocates(t *testing.T, threads, beam int) {
	m := LoadTiny(t, WithThreads(threads))
	e := still(m)
	for range 2 { // warm-up
		join(t, m, e, 8, beam)
		for len(e.active) > 0 {
			if err := e.decode(); err != nil {
				t.Fatal(err)
			}
		}
	}
	join(t, m, e, 8, beam)
	const steps, tries = 20, 3
	allocs := math.Inf(1)
	for range tries { // the best counts: the runtime may start a thread, which allocates
		allocs = min(allocs, testing.AllocsPerRun(1, func() {
			for range steps {
				e.sweep()
				if err := e.decode(); err != nil {
					t.Fatal(err)
				}
			}
		}))
	}
	if len(e.active) != 8 {
		t.Fatalf("%d requests still running after %d steps, want all 8", len(e.active), 2*tries*steps)
	}
	if allocs != 0 {
		t.Errorf("%v allocations in %d steps, want none", allocs, steps)
	}
	e.failActive(ErrClosed)
	if n := len(e.outputs.free); n != e.outputs.size || e.rows != 0 || e.reserved != 0 {
		t.Errorf("%d of %d slots free, %d rows and %d slots reserved", n, e.outputs.size, e.rows, e.reserved)
	}
}
