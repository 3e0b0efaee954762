package mm

import (
	"context"
	"fmt"
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
const inFlight = 1024

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
	if err == nil {
		err = m.launch(ctx, c, reading)
	}
	return c, err
}

// launch starts what prepare made.
func (m *Model) launch(ctx context.Context, c *call, reading gate) error {
	if c.media != nil {
		m.follow(ctx, c, reading)
		return nil
	}
	for _, p := range c.parts {
		if err := m.engine.submit(p.request); err != nil {
			return m.runError(c, err)
		}
	}
	return nil
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
	return a.output(c)
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
