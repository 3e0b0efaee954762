package mm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"

	"github.com/mm-runtime/mm/internal/token"
)

// Run answers one input. It may be called from many goroutines; their requests
// share one batch. An empty input gives an empty output. When ctx ends, Run
// returns its error and the request leaves the batch.
func (m *Model) Run(ctx context.Context, in Input) (Output, error) {
	results := m.RunBatch(ctx, []Input{in})
	return results[0].Output, results[0].Err
}

// Result is an answer or the error of one input of a batch.
type Result struct {
	Output
	Err error
}

// inFlight is how many inputs of one RunBatch are on their way at once: enough
// to keep the batch full while the oldest of them is waited for.
const inFlight = 4 * maxRows

// RunBatch answers many inputs of any tasks together; results[i] is for
// inputs[i], and one input's error is its own.
func (m *Model) RunBatch(ctx context.Context, inputs []Input) []Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]Result, len(inputs))
	calls := make([]*call, min(len(inputs), inFlight)) // a ring
	reading := make(gate, readingMost)
	wait := func(i int) {
		c := calls[i%len(calls)]
		if results[i].Err == nil {
			results[i].Output, results[i].Err = m.wait(c)
		}
	}
	for i, in := range inputs {
		if i >= len(calls) {
			wait(i - len(calls))
		}
		calls[i%len(calls)], results[i].Err = m.start(ctx, in, reading)
	}
	for i := len(inputs) - len(calls); i < len(inputs); i++ {
		wait(i)
	}
	return results
}

// start prepares an input and puts its requests in line, or starts to read its
// sound or picture when reading lets it.
func (m *Model) start(ctx context.Context, in Input, reading gate) (*call, error) {
	c, err := m.prepare(ctx, in)
	if err != nil {
		return nil, err
	}
	if c.media != nil {
		m.follow(ctx, c, reading)
		return c, nil
	}
	for _, p := range c.parts {
		if err := m.engine.submit(p.request); err != nil {
			return nil, m.runError(c, err)
		}
	}
	return c, nil
}

// wait returns when all of a call's requests are done.
func (m *Model) wait(c *call) (Output, error) {
	out, err := m.answers(c)
	if err != nil {
		return Output{}, m.runError(c, err)
	}
	return out, nil
}

func (m *Model) answers(c *call) (Output, error) {
	if c.following != nil {
		return c.following.wait()
	}
	var a answer
	for _, p := range c.parts {
		if err := p.wait(); err != nil {
			return Output{}, err
		}
		if err := m.read(&a, c, p); err != nil {
			return Output{}, err
		}
	}
	return a.output(c), nil
}

// wait returns when r is done, or when its context is: the batch takes it out at
// its next step, and until then nobody else may look at it.
func (r *request) wait() error {
	select {
	case <-r.done:
		return r.err
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

func (m *Model) runError(c *call, err error) error {
	if err == ErrClosed {
		return err
	}
	return fmt.Errorf("mm: %s: %w", c.task.Name, err)
}

// Stream answers one input piece by piece: the texts it yields, joined, are
// Run's Output.Text. It searches greedily, whatever the beam, and serves tasks
// that write text; others are an error. A long sound is read as the loop goes on,
// some segments ahead. What Run would say in notices stays unsaid. A loop that
// stops early ends the request.
func (m *Model) Stream(ctx context.Context, in Input) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if err := m.stream(ctx, in, yield); err != nil {
			yield("", err)
		}
	}
}

func (m *Model) stream(ctx context.Context, in Input, yield func(string, error) bool) error {
	in.Beam = 1
	c, err := m.prepare(ctx, in)
	if err != nil {
		return err
	}
	if c.task.Output != "sequence" {
		return fmt.Errorf("mm: %s: cannot be streamed, its output is %q, want %q", c.task.Name, c.task.Output, "sequence")
	}
	w := writer{ctx: ctx, yield: yield}
	err = m.streamParts(ctx, c, &w)
	if w.left {
		return nil // whatever else happened: there is nobody to tell
	}
	if err != nil {
		return m.runError(c, err)
	}
	return nil
}

// written is a part whose tokens come on a channel.
type written struct {
	part
	tokens <-chan int32
}

// streamParts runs the parts of a call together, some ahead of the one that is
// read.
func (m *Model) streamParts(ctx context.Context, c *call, w *writer) error {
	most := streamAhead
	if c.media != nil {
		most = mediaAhead
	}
	var ahead []written
	for more := true; ; {
		for more && len(ahead) < most {
			p, err := c.next(ctx)
			if more = !errors.Is(err, io.EOF); !more {
				break
			}
			if err != nil {
				return err
			}
			ahead = append(ahead, written{p, p.written()})
			if err := m.engine.submit(p.request); err != nil {
				return err
			}
		}
		if len(ahead) == 0 {
			return nil
		}
		if err := w.read(m.tok.Stream(), ahead[0].request, ahead[0].tokens); err != nil || w.left {
			return err
		}
		ahead = slices.Delete(ahead, 0, 1)
	}
}

// streamAhead is how many sentences of a stream run at once.
const streamAhead = 32

// written makes the channel that r's tokens come on. It holds a whole output, so
// that a slow reader never holds up the batch.
func (r *request) written() chan int32 {
	tokens := make(chan int32, r.length)
	r.emit = func(ids []int32) {
		for _, id := range ids {
			tokens <- id
		}
	}
	return tokens
}

// writer yields the texts of a stream, with a space between those of two parts.
type writer struct {
	ctx     context.Context
	yield   func(string, error) bool
	written bool // something
	space   bool // is due before the next text
	left    bool // the reader has: yield must not be called again
}

// stopped says whether nobody wants more, the reader or the context.
func (w *writer) stopped() bool { return w.left || w.ctx.Err() != nil }

func (w *writer) write(text string) {
	if text == "" || w.stopped() {
		return
	}
	if w.space {
		text = " " + text
	}
	w.written, w.space = true, false
	w.left = !w.yield(text, nil)
}

// read writes the text of one part as its tokens come.
func (w *writer) read(decoder *token.Stream, r *request, tokens <-chan int32) error {
	w.space = w.written
	count := 0
	for !w.stopped() {
		select {
		case id := <-tokens:
			count++
			w.write(decoder.Add(id))
			continue
		case <-r.done:
		case <-r.ctx.Done():
		}
		if err := r.wait(); err != nil {
			return err
		}
		best, err := r.best()
		if err != nil {
			return err
		}
		// Those still in the channel, and the last where the output was cut.
		for _, id := range best.Tokens[count:] {
			w.write(decoder.Add(id))
		}
		w.write(decoder.Flush())
		break
	}
	return w.ctx.Err()
}
