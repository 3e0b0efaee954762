package mm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"

	"github.com/mm-runtime/mm/encoders/audio"
	"github.com/mm-runtime/mm/internal/checkpoint"
)

// media makes the requests of a sound or a picture, one after another.
type media interface {
	// next reads as much as one request needs; io.EOF says that there is no more.
	next(ctx context.Context) (part, error)
	// close ends the reading, wherever it is.
	close()
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

// gates bound the memory that sounds and pictures take, however many calls there
// are at a time.
type gates struct {
	line      gate // what was read and is not yet encoded
	decoding  gate // image files, the largest of which take a gigabyte
	listening gate // sounds that are being read, a megabyte each
}

const (
	lineBytes = 64 << 20 // in line, unless two are more
	lineMost  = 128
	soundMost = 64
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
		line:      make(gate, max(2, min(lineBytes/largest, lineMost))),
		decoding:  make(gate, runtime.GOMAXPROCS(0)),
		listening: make(gate, soundMost),
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

// mediaAhead is how many requests of one call run at once: some minutes of sound.
const mediaAhead = 16

// follow starts it.
func (m *Model) follow(ctx context.Context, c *call) {
	c.following = &following{done: make(chan struct{})}
	go func() {
		defer close(c.done)
		defer func() { c.panicked = recover() }()
		c.out, c.err = m.gather(ctx, c)
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

func (m *Model) gather(ctx context.Context, c *call) (Output, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // also those that run ahead of one that failed
	defer c.media.close()
	var a answer
	var ahead []part
	for more := true; more || len(ahead) > 0; {
		for more && len(ahead) < mediaAhead {
			p, err := c.next(ctx)
			if more = !errors.Is(err, io.EOF); !more {
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
			break
		}
		if err := ahead[0].wait(); err != nil {
			return Output{}, err
		}
		if err := m.read(&a, c, ahead[0]); err != nil {
			return Output{}, err
		}
		ahead = slices.Delete(ahead, 0, 1)
	}
	a.Elapsed = time.Since(c.start)
	return a.output(c), nil
}

// named puts a file's name, if it has one, in front of an error.
func named(file any, err error) error {
	if f, ok := file.(interface{ Name() string }); ok && f.Name() != "" {
		return fmt.Errorf("%s: %w", f.Name(), err)
	}
	return err
}
