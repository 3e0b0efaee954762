package mm

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// wish is a request with so many rows of source, hypotheses and tokens at most.
type wish struct{ rows, width, tokens int }

// line puts requests in line of a still engine.
func line(t *testing.T, ctx context.Context, m *Model, e *engine, wishes ...wish) []*request {
	t.Helper()
	var requests []*request
	for _, w := range wishes {
		in := testInput("translate", strings.Repeat("x", w.rows-2)) // a command and a space
		in.Beam, in.MaxTokens = w.width, w.tokens
		c, err := m.prepare(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.parts) != 1 || c.parts[0].rows != w.rows {
			t.Fatalf("%d parts, the first of %d rows, want one of %d", len(c.parts), c.parts[0].rows, w.rows)
		}
		requests = append(requests, c.parts[0].request)
	}
	e.waiting = append(e.waiting, requests...)
	return requests
}

func ended(r *request) bool {
	select {
	case <-r.done:
		return true
	default:
		return false
	}
}

// full are wishes that take all hypotheses of e's batch but some.
func full(e *engine, but int) (wishes []wish) {
	for left := e.limits.rows - but; left > 0; left -= MaxBeam {
		wishes = append(wishes, wish{3, min(left, MaxBeam), 20})
	}
	return wishes
}

// TestShortIsNotBehindLong wants a request to leave when it is done, whoever came
// before it and goes on.
func TestShortIsNotBehindLong(t *testing.T) {
	m, ctx := LoadTiny(t), context.Background()
	e := still(m)
	long := line(t, ctx, m, e, wish{40, 1, 100}, wish{60, 1, 100}, wish{50, 3, 100})
	e.turn()
	short := line(t, ctx, m, e, wish{10, 1, 2})[0]
	e.turn()
	e.turn()
	if !ended(short) || short.err != nil {
		t.Errorf("a request of two tokens is not done after two steps, or with the error %v", short.err)
	}
	for i, r := range long {
		if ended(r) {
			t.Errorf("long request %d ended before the short one", i)
		}
	}
	e.failActive(ErrClosed)
}

// TestNobodyIsOvertaken wants requests to join in the order in which they came, so
// that a wide one waits for places and not for ever.
func TestNobodyIsOvertaken(t *testing.T) {
	m, ctx := LoadTiny(t), context.Background()
	e := still(m)
	line(t, ctx, m, e, full(e, 1)...)
	e.turn()
	wide := line(t, ctx, m, e, wish{5, 4, 20})[0]
	narrow := line(t, ctx, m, e, wish{5, 1, 2})[0] // for which there is room
	for step := 0; e.rows > e.limits.rows-4; step++ {
		if wide.slots != nil && len(wide.slots) > 0 || ended(narrow) || len(e.waiting) != 2 {
			t.Fatalf("after %d steps, %d of two in line, want the narrow one behind the wide one", step, len(e.waiting))
		}
		if step > 20 {
			t.Fatal("requests of 20 tokens are still running after 20 steps")
		}
		e.turn()
	}
	e.turn()
	if len(e.waiting) != 0 || len(wide.slots) == 0 {
		t.Errorf("%d in line, want both to have joined", len(e.waiting))
	}
	e.failActive(ErrClosed)
}

// TestCancelledPlaceIsTaken wants the place of a request whose context is done to be
// another's in the same step.
func TestCancelledPlaceIsTaken(t *testing.T) {
	m := LoadTiny(t)
	e := still(m)
	ctx, cancel := context.WithCancel(context.Background())
	gone := line(t, ctx, m, e, full(e, 0)...)
	e.turn()
	next := line(t, context.Background(), m, e, wish{5, MaxBeam, 9})[0]
	left := line(t, ctx, m, e, wish{5, 1, 9})[0]
	e.turn()
	if len(next.slots) > 0 {
		t.Fatal("more hypotheses than a batch may have")
	}
	cancel()
	e.turn()
	for i, r := range append(gone, left) {
		if !ended(r) || r.err != context.Canceled {
			t.Errorf("request %d: ended %v with error %v, want %v", i, ended(r), r.err, context.Canceled)
		}
	}
	if len(next.slots) == 0 || e.rows != MaxBeam || e.reserved != 9*MaxBeam {
		t.Errorf("%d rows and %d output slots reserved, want those of the next one", e.rows, e.reserved)
	}
	e.failActive(ErrClosed)
}

// TestCachesHaveBounds runs more than they hold: those that do not fit wait, and
// one that is larger by itself is answered all the same.
func TestCachesHaveBounds(t *testing.T) {
	m := LoadTiny(t)
	e := still(m)
	ctx, cancel := context.WithCancel(context.Background())
	line(t, ctx, m, e, slices.Repeat([]wish{{3, 1, 256}}, 30)...) // 7,680 output slots
	short := line(t, context.Background(), m, e, slices.Repeat([]wish{{120, 1, 3}}, 80)...)
	line(t, context.Background(), m, e, slices.Repeat([]wish{{3, 1, 256}}, 5)...)
	for step := 0; slices.ContainsFunc(short, func(r *request) bool { return !ended(r) }); step++ {
		e.turn()
		if e.outputs.size > maxOutputSlots || e.memories.size > maxMemorySlots {
			t.Fatalf("caches of %d and %d rows, want at most %d and %d", e.outputs.size, e.memories.size, maxOutputSlots, maxMemorySlots)
		}
		if step > 30 {
			t.Fatal("requests of 3 tokens are not done after 30 steps")
		}
	}
	e.turn()
	if len(e.waiting) != 3 { // two find room for 512 tokens
		t.Errorf("%d in line, want the 3 for whose outputs there is no room", len(e.waiting))
	}
	cancel()
	e.turn()
	if len(e.waiting) != 0 {
		t.Errorf("%d in line where there is room, want none", len(e.waiting))
	}
	e.failActive(ErrClosed)
	if s, ok := e.reserve(maxMemorySlots + 5); !ok || s.count != maxMemorySlots+5 {
		t.Errorf("span %v for a source larger than the cache, want a larger cache", s)
	}
}

// TestBackPressure asks far more than may wait: callers do, and none is lost.
func TestBackPressure(t *testing.T) {
	m := LoadTiny(t)
	release := hold(t, m)
	in := testInput("translate", "It is late.")
	in.MaxTokens = 2
	var callers sync.WaitGroup
	for range 4 * queueLength {
		callers.Go(func() {
			if _, err := m.Run(context.Background(), in); err != nil {
				t.Error(err)
			}
		})
	}
	inLine(t, m, queueLength)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, in); err == nil || ctx.Err() == nil {
		t.Errorf("error %v where no place in line was free, want the context's", err)
	}
	release()
	callers.Wait()
	CheckPlaces(t, m)
}

// TestReaderThatStops reads one piece of a stream and no more until others are done:
// the batch does not wait for it.
func TestReaderThatStops(t *testing.T) {
	m, ctx := LoadTiny(t), context.Background()
	in := testInput("translate", strings.Repeat("It is late. ", 20*streamAhead))
	in.MaxTokens = 3
	pieces := 0
	for _, err := range m.Stream(ctx, in) {
		if err != nil {
			t.Fatal(err)
		}
		if pieces++; pieces > 1 {
			continue
		}
		for range 3 {
			if _, err := m.Run(ctx, testInput("parse", "There is room.")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if pieces < 20*streamAhead {
		t.Errorf("%d pieces, want the whole text, at least one of each sentence", pieces)
	}
	CheckPlaces(t, m)
}
