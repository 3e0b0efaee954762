package mm

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

func testInput(task, text string) Input {
	in := Input{Task: task, Text: text}
	if task == "translate" {
		in.To = "de"
	}
	return in
}

// hold stops the batch in the middle of a step until release is called.
func hold(t testing.TB, m *Model) (release func()) {
	t.Helper()
	c, err := m.prepare(context.Background(), testInput("translate", "Good morning!"))
	if err != nil {
		t.Fatal(err)
	}
	r, held, gate := c.parts[0].request, make(chan bool), make(chan bool)
	var first sync.Once
	r.emit = func([]int32) {
		first.Do(func() {
			close(held)
			<-gate
		})
	}
	if err := m.engine.submit(r); err != nil {
		t.Fatal(err)
	}
	select {
	case <-held:
	case <-r.done:
		t.Fatal("the request ended at once: no step to hold")
	}
	return sync.OnceFunc(func() { close(gate) })
}

// inLine waits until n requests stand in the queue.
func inLine(t *testing.T, m *Model, n int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); len(m.engine.queue) < n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d requests in line after a minute, want %d", len(m.engine.queue), n)
		}
	}
}

func TestCancelledBefore(t *testing.T) {
	m := LoadTiny(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for range 50 { // a place in line and the context are chosen from at random
		_, err := m.Run(ctx, testInput("translate", "Good morning!"))
		if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "mm: translate: ") {
			t.Fatalf("error %v, want %v", err, context.Canceled)
		}
	}
	for piece, err := range m.Stream(ctx, testInput("translate", "Good morning!")) {
		if piece != "" || !errors.Is(err, context.Canceled) {
			t.Errorf("stream: %q, error %v, want %v", piece, err, context.Canceled)
		}
	}
	if _, err := m.Run(context.Background(), testInput("parse", "There is room.")); err != nil {
		t.Error(err)
	}
	CheckPlaces(t, m)
}

// TestCancelledWhileRunning cancels every way that a request can be on, and runs
// others in the places.
func TestCancelledWhileRunning(t *testing.T) {
	m := LoadTiny(t)
	ctx, cancel := context.WithCancel(context.Background())
	release := hold(t, m)
	var callers sync.WaitGroup
	for i := range 3 * queueLength { // some wait in line, some for a place in it
		callers.Go(func() {
			in := testInput([]string{"translate", "parse"}[i%2], "It is late.")
			in.Beam = 1 + i%3
			if _, err := m.Run(ctx, in); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		})
	}
	inLine(t, m, queueLength)
	cancel()
	callers.Wait() // the batch is held: nobody waits for it
	release()
	if _, err := m.Run(context.Background(), testInput("parse", "There is room.")); err != nil {
		t.Error(err)
	}
	CheckPlaces(t, m)
}

func TestDeadlineWhileRunning(t *testing.T) {
	m := LoadTiny(t)
	var late atomic.Int32
	var callers sync.WaitGroup
	for i := range 40 {
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i)*500*time.Microsecond)
			defer cancel()
			_, err := m.Run(ctx, testInput("translate", strings.Repeat("x", 60)))
			if errors.Is(err, context.DeadlineExceeded) {
				late.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()
	if late.Load() == 0 {
		t.Error("no call was late, want at least the one without any time")
	}
	CheckPlaces(t, m)
}

// TestCloseWhileBusy closes while requests run, wait in line and for a place in it.
func TestCloseWhileBusy(t *testing.T) {
	m := LoadTiny(t)
	release := hold(t, m)
	var callers sync.WaitGroup
	for range 3 * queueLength {
		callers.Go(func() {
			if _, err := m.Run(context.Background(), testInput("translate", "It is late.")); err != ErrClosed {
				t.Errorf("error %v, want %v", err, ErrClosed)
			}
		})
	}
	callers.Go(func() {
		for _, err := range m.Stream(context.Background(), testInput("translate", "It is late.")) {
			if err != ErrClosed {
				t.Errorf("stream: error %v, want %v", err, ErrClosed)
			}
		}
	})
	inLine(t, m, queueLength)
	closeHeld(t, m, release, &callers)
}

// closeHeld closes m while its batch is held, then lets it go on.
func closeHeld(t *testing.T, m *Model, release func(), callers *sync.WaitGroup) {
	t.Helper()
	closed := make(chan error)
	go func() { closed <- m.Close() }()
	<-m.engine.closing
	release()
	if err := <-closed; err != nil {
		t.Error(err)
	}
	callers.Wait()
	CheckPlaces(t, m)
}

// TestRunIsNotBehindAWholeBatch starts a long RunBatch and then a Run, which must
// not wait for all of it.
func TestRunIsNotBehindAWholeBatch(t *testing.T) {
	m := LoadTiny(t)
	release := hold(t, m)
	inputs := make([]Input, 4000)
	for i := range inputs {
		inputs[i] = testInput("translate", "It is late.")
		inputs[i].MaxTokens = 2
	}
	done := make(chan bool)
	go func() {
		for _, r := range m.RunBatch(context.Background(), inputs) {
			if r.Err != nil {
				t.Error(r.Err)
			}
		}
		close(done)
	}()
	inLine(t, m, queueLength)
	result := make(chan error)
	go func() {
		_, err := m.Run(context.Background(), inputs[0])
		result <- err
	}()
	time.Sleep(5 * time.Millisecond) // it waits for a place in line now
	release()
	if err := <-result; err != nil {
		t.Error(err)
	}
	select {
	case <-done:
		t.Errorf("Run came after all %d inputs of the RunBatch before it", len(inputs))
	default:
	}
	<-done
	CheckPlaces(t, m)
}

// scarce is a device on which no tensor may have more rows than that.
type scarce struct {
	kernels.Device
	rows int
}

func (d scarce) Alloc(rows, cols int) (kernels.Tensor, error) {
	if rows > d.rows {
		return kernels.Tensor{}, errors.New("no memory left")
	}
	return d.Device.Alloc(rows, cols)
}

// TestMemoryRunsOut fails what was running, and only that.
func TestMemoryRunsOut(t *testing.T) {
	m := LoadTiny(t)
	e := still(m)
	e.dev = scarce{m.dev, 256}
	e.scope, e.cache = nn.NewScope(e.dev), e.mixer.NewCache(e.dev)
	answer := func(n int) (failed int) {
		var requests []*request
		for range n {
			in := testInput("translate", strings.Repeat("x", 100))
			in.MaxTokens = 2
			c, err := m.prepare(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.parts {
				requests = append(requests, p.request)
			}
		}
		e.waiting = append(e.waiting, requests...)
		for len(e.waiting)+len(e.active) > 0 {
			e.turn()
		}
		for _, r := range requests {
			if <-r.done; r.err != nil {
				failed++
			}
		}
		return failed
	}
	for _, step := range []struct{ requests, failed int }{{2, 0}, {3, 3}, {2, 0}} {
		if failed := answer(step.requests); failed != step.failed {
			t.Errorf("%d of %d requests failed, want %d", failed, step.requests, step.failed)
		}
	}
	if e.rows != 0 || e.reserved != 0 {
		t.Errorf("%d rows and %d output slots reserved for nobody", e.rows, e.reserved)
	}
}

// TestMemoryStaysFlat runs thousands of requests of every kind.
func TestMemoryStaysFlat(t *testing.T) {
	m := LoadTiny(t)
	inputs := make([]Input, 600)
	for i := range inputs {
		inputs[i] = testInput([]string{"translate", "parse"}[i%8/7], "The cat sat on the mat."[:2+i%10])
		inputs[i].MaxTokens = 1 + i%17
		inputs[i].Beam = 1 + i%11/10
	}
	held := func() (host, device int64) {
		for _, r := range m.RunBatch(context.Background(), inputs) {
			if r.Err != nil {
				t.Fatal(r.Err)
			}
		}
		runtime.GC()
		runtime.GC() // pools keep what they hold for one
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		// On the CPU the device's memory is on the heap.
		device = m.engine.scope.Bytes() + m.engine.cache.Bytes()
		return int64(s.HeapAlloc) - device, device
	}
	Meet(t, m, queueLength) // as many run together as ever will
	held()
	host, device := held()
	for range 3 {
		held()
	}
	hostAfter, deviceAfter := held()
	if hostAfter > host+1<<20 {
		t.Errorf("%d KiB held after %d requests more, want %d as before", hostAfter>>10, 4*len(inputs), host>>10)
	}
	// How many requests meet is luck, and what they need grows by doubling.
	if deviceAfter > 2*device+1<<20 {
		t.Errorf("cache and scratch of %d KiB, want about %d as before", deviceAfter>>10, device>>10)
	}
	CheckPlaces(t, m)
}
