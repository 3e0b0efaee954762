package mm

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/png"
	"io"
	"math"
	"sync"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// mediaInput is an input of one of four tasks over sounds and pictures.
func mediaInput(t testing.TB, i int) Input {
	t.Helper()
	if i%2 == 0 {
		samples := make([]float32, 4000+1000*(i%5))
		for j := range samples {
			samples[j] = float32(math.Sin(float64(j*j) / 1e5))
		}
		return Input{Task: []string{"transcribe", "digits"}[i/2%2], Audio: PCM(samples, 16000)}
	}
	m := image.NewGray(image.Rect(0, 0, 30, 20))
	for j := range m.Pix {
		m.Pix[j] = byte(i * j)
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return Input{Task: []string{"classify", "detect"}[i/2%2], Image: &b}
}

// mediaRequest is the first request of such an input.
func mediaRequest(t *testing.T, m *Model, i int) *request {
	t.Helper()
	c, err := m.prepare(context.Background(), mediaInput(t, i))
	if err != nil {
		t.Fatal(err)
	}
	p, err := c.next(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return p.request
}

// TestMediaCancelled cancels more calls than there are places for.
func TestMediaCancelled(t *testing.T) {
	m := LoadSenses(t)
	ctx, cancel := context.WithCancel(context.Background())
	release := hold(t, m)
	var callers sync.WaitGroup
	for i := range 3 * cap(m.gates.line) {
		in := mediaInput(t, i)
		callers.Go(func() {
			if _, err := m.Run(ctx, in); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		})
	}
	inLine(t, m, cap(m.gates.line)/2)
	cancel()
	callers.Wait() // the batch is held: nobody waits for it
	release()
	for i := range 4 {
		if _, err := m.Run(context.Background(), mediaInput(t, i)); err != nil {
			t.Error(err)
		}
	}
	CheckPlaces(t, m)
}

// TestMediaClosed closes while calls wait for every kind of place.
func TestMediaClosed(t *testing.T) {
	m := LoadSenses(t)
	release := hold(t, m)
	var callers sync.WaitGroup
	for i := range 3 * cap(m.gates.line) {
		in := mediaInput(t, i)
		callers.Go(func() {
			if _, err := m.Run(context.Background(), in); err != ErrClosed {
				t.Errorf("error %v, want %v", err, ErrClosed)
			}
		})
	}
	inLine(t, m, cap(m.gates.line)/2)
	closeHeld(t, m, release, &callers)
}

// TestManyMedia runs more in one batch than may be in line, with a bad one now and
// then.
func TestManyMedia(t *testing.T) {
	m := LoadSenses(t)
	inputs := make([]Input, 3*cap(m.gates.line))
	for i := range inputs {
		inputs[i] = mediaInput(t, i)
		inputs[i].MaxTokens = 0
		if i%50 == 49 {
			inputs[i].Image = bytes.NewReader([]byte("no picture"))
		}
	}
	for i, r := range m.RunBatch(context.Background(), inputs) {
		if bad := i%50 == 49; bad != (r.Err != nil) {
			t.Errorf("input %d: error %v", i, r.Err)
		}
		if r.Err == nil && r.Task != inputs[i].Task {
			t.Errorf("input %d: %s, want %s", i, r.Task, inputs[i].Task)
		}
	}
	CheckPlaces(t, m)
}

// slow is a reader that waits, and says so where somebody listens.
type slow struct {
	io.Reader
	reading chan bool
	gate    chan bool
}

func (s slow) Read(p []byte) (int, error) {
	if s.reading != nil {
		s.reading <- true
	}
	<-s.gate
	return s.Reader.Read(p)
}

// TestReadersAreGivenBack cancels while a file is being read: the call ends when
// nobody uses the reader any more, and another's goes on meanwhile.
func TestReadersAreGivenBack(t *testing.T) {
	m := LoadSenses(t)
	ctx, cancel := context.WithCancel(context.Background())
	in := mediaInput(t, 0)
	reader := slow{io.MultiReader(in.Audio), make(chan bool), make(chan bool)}
	in.Audio = reader
	ended := make(chan error)
	go func() {
		_, err := m.Run(ctx, in)
		ended <- err
	}()
	<-reader.reading
	cancel()
	if _, err := m.Run(context.Background(), testInput("parse", "Meanwhile.")); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		t.Errorf("Run returned %v while its reader was in use", err)
	default:
	}
	go func() {
		for range reader.reading {
		}
	}()
	close(reader.gate)
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	close(reader.reading)
	CheckPlaces(t, m)
}

// TestSlowReadersHoldUpNobody reads more files at once than there are places of any
// kind, none of which comes.
func TestSlowReadersHoldUpNobody(t *testing.T) {
	m := LoadSenses(t)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan bool)
	var callers sync.WaitGroup
	for i := range 2 * cap(m.gates.line) {
		in := mediaInput(t, i)
		if in.Audio != nil {
			in.Audio = slow{io.MultiReader(in.Audio), nil, gone}
		} else {
			in.Image = slow{in.Image, nil, gone}
		}
		callers.Go(func() {
			if _, err := m.Run(ctx, in); !errors.Is(err, context.Canceled) {
				t.Errorf("error %v, want %v", err, context.Canceled)
			}
		})
	}
	for i := range 8 {
		if _, err := m.Run(context.Background(), mediaInput(t, i)); err != nil {
			t.Error(err)
		}
	}
	cancel()
	close(gone)
	callers.Wait()
	CheckPlaces(t, m)
}

// TestEncodeAtOnce wants all that fits to be encoded together, within the bounds.
func TestEncodeAtOnce(t *testing.T) {
	m := LoadSenses(t)
	e := still(m)
	var requests []*request
	for i := range 60 {
		requests = append(requests, mediaRequest(t, m, i))
	}
	e.waiting = append(e.waiting, requests...)
	for len(e.waiting) > 0 {
		n, rows := 0, 0
		for _, r := range e.waiting {
			if rows+r.rows > e.limits.encode {
				break
			}
			n, rows = n+1, rows+r.rows
		}
		waiting := len(e.waiting)
		if err := e.admit(); err != nil {
			t.Fatal(err)
		}
		if got := waiting - len(e.waiting); got != n {
			t.Errorf("%d requests encoded together, want the %d whose rows are at most %d", got, n, e.limits.encode)
		}
		if used := len(e.step.pixels); used > 3*maxPixels {
			t.Errorf("%d values of pixels at once, want at most %d", used, 3*maxPixels)
		}
	}
	for i, r := range requests {
		finished := r.search == nil
		select {
		case <-r.done:
		default:
			finished = false
		}
		if want := r.search == nil; finished != want || r.frames != nil || r.pixels != nil || r.line != nil {
			t.Errorf("request %d (%s): finished %v, want %v and nothing of its file left", i, r.task.Name, finished, want)
		}
	}
	e.failActive(ErrClosed)
	if e.rows != 0 || e.reserved != 0 {
		t.Errorf("%d rows and %d output slots reserved for nobody", e.rows, e.reserved)
	}
}

// TestMediaMemoryRunsOut fails what was being encoded, and only that.
func TestMediaMemoryRunsOut(t *testing.T) {
	m := LoadSenses(t)
	e := still(m)
	e.dev = noMemory{m.dev}
	e.scope.Dev = e.dev
	for i := range 4 {
		r := mediaRequest(t, m, i)
		e.waiting = append(e.waiting, r)
		e.turn()
		if <-r.done; r.err == nil || len(e.active) != 0 {
			t.Errorf("%s: error %v with %d active, want one and none", r.task.Name, r.err, len(e.active))
		}
	}
	CheckPlaces(t, m)
}

// noMemory is a device that has none left.
type noMemory struct{ kernels.Device }

func (noMemory) Alloc(int, int) (kernels.Tensor, error) {
	return kernels.Tensor{}, errors.New("no memory left")
}
