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

// Stream answers one input piece by piece: the texts it yields, joined, are
// Run's Output.Text. A greedy search yields as it decides, a wider one a sentence or
// a segment of a sound at a time. Tasks that do not write text are an error. A long sound is read as the loop goes on,
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
	var failed error // what ended the parts; those before it are whole
	for more := true; ; {
		for more && len(ahead) < most {
			p, err := c.next(ctx)
			if err != nil {
				more = false
				if !errors.Is(err, io.EOF) {
					failed = err
				}
				break
			}
			ahead = append(ahead, written{p, p.written()})
			if err := m.engine.submit(p.request); err != nil {
				return err
			}
		}
		if len(ahead) == 0 {
			return failed
		}
		if err := w.read(m.tok.Stream(), ahead[0].request, ahead[0].tokens); err != nil || w.left {
			return err
		}
		ahead = slices.Delete(ahead, 0, 1)
	}
}

// streamAhead is how many sentences of a stream run at once.
const streamAhead = 32

// written makes the channel that the tokens of a greedy search come on. It holds a
// whole output, so that a slow reader never holds up the batch.
func (r *request) written() chan int32 {
	if r.width > 1 {
		return nil
	}
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
