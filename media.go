package mm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/mm-runtime/mm/encoders/audio"
	"github.com/mm-runtime/mm/internal/checkpoint"
)

// media makes the requests of a sound or a picture, one after another.
type media interface {
	// next reads as much as one request needs; io.EOF says that there is no more.
	next(ctx context.Context) (part, error)
}

// gate lets a number of goroutines in at a time.
type gate chan struct{}

func (g gate) enter(ctx context.Context) error {
	select {
	case g <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g gate) leave() { <-g }

// gates bound the memory that sounds and pictures of all calls take together.
// Nobody holds a place in one while it waits for a reader.
type gates struct {
	line     gate // what was read and is not yet encoded
	decoding gate // image files, the largest of which take a gigabyte
}

const (
	lineBytes = 64 << 20 // in line, unless two are more
	lineMost  = 128
)

func newGates(c checkpoint.Config) gates {
	largest := 1
	if a := c.Model.Audio; a != nil {
		largest = 4 * a.Window * audio.Bands
	}
	for _, t := range c.Tasks {
		if t.Canvas != nil {
			largest = max(largest, 4*3*t.Canvas[0]*t.Canvas[1])
		}
	}
	return gates{
		line:     make(gate, max(2, min(lineBytes/largest, lineMost))),
		decoding: make(gate, runtime.GOMAXPROCS(0)),
	}
}

// following is a call that runs by itself: it reads its media, submits what it
// read, and gathers the answers.
type following struct {
	done     chan struct{}
	out      Output
	err      error
	panicked any // by the caller's reader
}

const (
	// mediaAhead is how many requests of one call run at once: some minutes of sound.
	mediaAhead = 16
	// readingMost is how many sounds and pictures of one RunBatch are read at once.
	readingMost = 64
)

// follow starts it. It reads when reading lets it in.
func (m *Model) follow(ctx context.Context, c *call, reading gate) {
	c.following = &following{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer func() { c.panicked = recover() }()
		c.out, c.err = m.gather(ctx, c, reading)
	}()
}

// wait returns when nothing of the call runs any more and its readers are the
// caller's again.
func (f *following) wait() (Output, error) {
	<-f.done
	if f.panicked != nil {
		panic(f.panicked)
	}
	return f.out, f.err
}

func (m *Model) gather(ctx context.Context, c *call, reading gate) (Output, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also those that run ahead of one that failed
	if err := reading.enter(ctx); err != nil {
		return Output{}, err
	}
	leave := sync.OnceFunc(reading.leave)
	defer leave()
	var a answer
	var ahead []part
	for more := true; ; {
		for more && len(ahead) < mediaAhead {
			p, err := c.next(ctx)
			if more = !errors.Is(err, io.EOF); !more {
				leave()
				break
			}
			if err == nil {
				err = m.engine.submit(p.request)
			}
			if err != nil {
				return Output{}, err
			}
			ahead = append(ahead, p)
		}
		if len(ahead) == 0 {
			a.Elapsed = time.Since(c.start)
			return a.output(c)
		}
		if err := ahead[0].wait(); err != nil {
			return Output{}, err
		}
		if err := m.read(&a, c, ahead[0]); err != nil {
			return Output{}, err
		}
		ahead = slices.Delete(ahead, 0, 1)
	}
}

// named puts a file's name, if it has one, in front of an error.
func named(file any, err error) error {
	if f, ok := file.(interface{ Name() string }); ok && f.Name() != "" {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return err
}
