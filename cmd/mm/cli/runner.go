package cli

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/mm-runtime/mm"
)

// item is one input on its way to an answer. The text of its line is what answers
// call it.
type item struct {
	line
	id           []byte   // of a job, passed through
	input        mm.Input // but for the files
	audio, image string   // their paths
}

// runner answers items.
type runner struct {
	files
	m    *mm.Model
	open chan struct{} // bounds the items with open files
	out  string        // the file for the only picture with its boxes, if there is to be one
}

const (
	// inFlight is how many inputs are on their way at once: enough to fill the
	// model's batch, few enough that memory stays flat over any number of lines.
	inFlight = 512
	// openFiles is how many of them have open files.
	openFiles = 64
)

func newRunner(m *mm.Model) *runner { return &runner{m: m, open: make(chan struct{}, openFiles)} }

// all runs the items and prints their results in order.
func (r *runner) all(ctx context.Context, items iter.Seq[item], p *printer) error {
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make(chan chan result, inFlight)
	go func() {
		defer close(results)
		for it := range items {
			done := make(chan result, 1)
			select {
			case results <- done:
			case <-running.Done():
				return
			}
			go func() {
				answered := result{item: it}
				if it.err == nil && it.broken == nil {
					answered.Output, answered.err = r.run(running, it)
				}
				done <- answered
			}()
		}
	}()
	for {
		done, more, err := receive(ctx, results, p.flush)
		if err != nil || !more {
			return err
		}
		answered, _, err := receive(ctx, done, p.flush)
		if err != nil {
			return err
		}
		if answered.broken != nil {
			return answered.broken
		}
		if err := p.print(answered); err != nil {
			return err
		}
	}
}

// receive takes the next value of ch. If it has to wait for it, it calls idle
// first, so that a reader at the other end sees all that is there to see.
func receive[T any](ctx context.Context, ch <-chan T, idle func() error) (v T, more bool, err error) {
	if ctx.Err() == nil {
		select {
		case v, more = <-ch:
			return v, more, nil
		default:
		}
		if err := idle(); err != nil {
			return v, false, err
		}
	}
	select {
	case v, more = <-ch:
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return v, false, fmt.Errorf("stopped: %w", context.Cause(ctx))
	}
	return v, more, nil
}

// run answers one item.
func (r *runner) run(ctx context.Context, it item) (mm.Output, error) {
	if it.audio == "" && it.image == "" {
		return r.m.Run(ctx, it.input)
	}
	select {
	case r.open <- struct{}{}:
	case <-ctx.Done():
		return mm.Output{}, ctx.Err()
	}
	defer func() { <-r.open }()
	for _, f := range []struct {
		path string
		to   *io.Reader
	}{{it.audio, &it.input.Audio}, {it.image, &it.input.Image}} {
		if f.path == "" {
			continue
		}
		file, closeFile, err := r.files.get(f.path)
		if err != nil {
			return mm.Output{}, fmt.Errorf("%s: %w", it.input.Task, err)
		}
		defer closeFile()
		*f.to = file
	}
	if r.out != "" {
		return r.drawn(ctx, it.input)
	}
	return r.m.Run(ctx, it.input)
}

// drawn answers an input and draws the boxes.
func (r *runner) drawn(ctx context.Context, in mm.Input) (mm.Output, error) {
	picture, err := keep(in.Image)
	if err != nil {
		return mm.Output{}, fmt.Errorf("%s: %w", in.Task, err)
	}
	in.Image = picture
	out, err := r.m.Run(ctx, in)
	if err == nil {
		err = drawBoxes(r.out, picture, out.Boxes)
	}
	return out, err
}
