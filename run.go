package mm

import (
	"context"
	"fmt"
	"iter"
	"strings"
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

// RunBatch answers many inputs of any tasks together; results[i] is for
// inputs[i], and one input's error is its own.
func (m *Model) RunBatch(ctx context.Context, inputs []Input) []Result {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]Result, len(inputs))
	calls := make([]*call, len(inputs))
	for i, in := range inputs {
		calls[i], results[i].Err = m.start(ctx, in)
	}
	for i, c := range calls {
		if results[i].Err == nil {
			results[i].Output, results[i].Err = m.wait(c)
		}
	}
	return results
}

// start prepares an input and puts its requests in line.
func (m *Model) start(ctx context.Context, in Input) (*call, error) {
	c, err := m.prepare(ctx, in)
	if err != nil {
		return nil, err
	}
	for i, p := range c.parts {
		if err := m.engine.submit(p.request); err != nil {
			c.parts = c.parts[:i]
			m.drain(c)
			return nil, m.runError(c, err)
		}
	}
	return c, nil
}

// wait returns when all of a call's requests are done.
func (m *Model) wait(c *call) (Output, error) {
	if err := m.drain(c); err != nil {
		return Output{}, m.runError(c, err)
	}
	return m.output(c)
}

// drain waits for every part and returns the first error.
func (m *Model) drain(c *call) error {
	var first error
	for _, p := range c.parts {
		<-p.done
		if p.err != nil && first == nil {
			first = p.err
		}
	}
	return first
}

func (m *Model) runError(c *call, err error) error {
	if err == ErrClosed {
		return err
	}
	return fmt.Errorf("mm: %s: %w", c.task.Name, err)
}

// Stream answers one input piece by piece: the texts it yields, joined, are
// Run's Output.Text. It searches greedily and serves tasks that write text;
// others are an error. A loop that stops early ends the request.
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
		return fmt.Errorf("mm: %s: cannot be streamed, its output is a %s", c.task.Name, c.task.Output)
	}
	// Sentences run together; what they write is read in order. The channels
	// hold a whole output, so that a slow reader never holds up the batch.
	tokens := make([]chan int32, len(c.parts))
	for i, p := range c.parts {
		written := make(chan int32, m.ckpt.Config.Model.MaxPositions+1)
		tokens[i] = written
		p.emit = func(ids []int32) {
			for _, id := range ids {
				written <- id
			}
		}
		if err := m.engine.submit(p.request); err != nil {
			return m.runError(c, err)
		}
	}
	for i, p := range c.parts {
		stop, err := m.read(p, tokens[i], i > 0, yield)
		if err != nil {
			return m.runError(c, err)
		}
		if stop {
			return nil
		}
	}
	return nil
}

// read yields the text of one part as its tokens come.
func (m *Model) read(p part, tokens <-chan int32, later bool, yield func(string, error) bool) (stop bool, err error) {
	decoder := m.tok.Stream()
	send := func(piece string) bool {
		if later {
			piece, later = " "+piece, false
		}
		return piece == "" || yield(piece, nil)
	}
	for {
		select {
		case id := <-tokens:
			if piece := decoder.Add(id); piece != "" && !send(piece) {
				return true, nil
			}
			continue
		case <-p.done:
		}
		if p.err != nil {
			return false, p.err
		}
		for len(tokens) > 0 {
			if piece := decoder.Add(<-tokens); piece != "" && !send(piece) {
				return true, nil
			}
		}
		return !send(strings.TrimRight(decoder.Flush(), " ")), nil
	}
}
