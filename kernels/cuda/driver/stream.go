//go:build linux && cgo

package driver

// #include "shim.h"
// #cgo noescape mm_cuEventRecord
// #cgo nocallback mm_cuEventRecord
// #cgo noescape mm_cuStreamSynchronize
// #cgo nocallback mm_cuStreamSynchronize
import "C"

import "time"

// Stream runs what it is given in order.
type Stream struct {
	context *Context
	handle  C.mm_handle
}

const streamNonBlocking = 1 // CU_STREAM_NON_BLOCKING: does not wait for the legacy default stream

// NewStream makes a stream.
func (c *Context) NewStream() (*Stream, error) {
	s := &Stream{context: c}
	err := c.library.check("cuStreamCreate", C.mm_cuStreamCreate(c.library.calls, c.handle, &s.handle, streamNonBlocking))
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Close ends the stream once its work is done.
func (s *Stream) Close() error {
	c := s.context
	return c.library.check("cuStreamDestroy", C.mm_cuStreamDestroy_v2(c.library.calls, c.handle, s.handle))
}

// Synchronize waits for all that the stream was given. An error may stem from any
// of it.
func (s *Stream) Synchronize() error {
	c := s.context
	return c.library.check("cuStreamSynchronize", C.mm_cuStreamSynchronize(c.library.calls, c.handle, s.handle))
}

// Wait lets what s is given from now on wait for the event.
func (s *Stream) Wait(e *Event) error {
	c := s.context
	return c.library.check("cuStreamWaitEvent", C.mm_cuStreamWaitEvent(c.library.calls, c.handle, s.handle, e.handle, 0))
}

// Event is a place in a stream's work.
type Event struct {
	context *Context
	handle  C.mm_handle
}

const eventDisableTiming = 2 // CU_EVENT_DISABLE_TIMING

// NewEvent makes an event; those without timing are cheaper to wait for.
func (c *Context) NewEvent(timing bool) (*Event, error) {
	e, flags := &Event{context: c}, C.uint(eventDisableTiming)
	if timing {
		flags = 0
	}
	if err := c.library.check("cuEventCreate", C.mm_cuEventCreate(c.library.calls, c.handle, &e.handle, flags)); err != nil {
		return nil, err
	}
	return e, nil
}

// Close frees the event.
func (e *Event) Close() error {
	c := e.context
	return c.library.check("cuEventDestroy", C.mm_cuEventDestroy_v2(c.library.calls, c.handle, e.handle))
}

// Record puts the event behind all that s has been given.
func (e *Event) Record(s *Stream) error {
	c := e.context
	return c.library.check("cuEventRecord", C.mm_cuEventRecord(c.library.calls, c.handle, e.handle, s.handle))
}

// Done says whether the stream has come to the event.
func (e *Event) Done() (bool, error) {
	c := e.context
	code := C.mm_cuEventQuery(c.library.calls, c.handle, e.handle)
	if code == codeNotReady {
		return false, nil
	}
	return code == 0, c.library.check("cuEventQuery", code)
}

// Synchronize waits until the stream has come to the event.
func (e *Event) Synchronize() error {
	c := e.context
	return c.library.check("cuEventSynchronize", C.mm_cuEventSynchronize(c.library.calls, c.handle, e.handle))
}

// Since is the time from start to e, both with timing and done.
func (e *Event) Since(start *Event) (time.Duration, error) {
	c := e.context
	var ms C.float
	err := c.library.check("cuEventElapsedTime", C.mm_cuEventElapsedTime(c.library.calls, c.handle, &ms, start.handle, e.handle))
	return time.Duration(float64(ms) * float64(time.Millisecond)), err
}

// Graph is recorded work, ready to be launched as one.
type Graph struct {
	context *Context
	handle  C.mm_handle
}

// captureRelaxed lets the goroutine change threads between the calls.
const captureRelaxed = 2 // CU_STREAM_CAPTURE_MODE_RELAXED

// Capture records what f gives to s instead of running it.
func (s *Stream) Capture(f func() error) (*Graph, error) {
	c := s.context
	if err := c.library.check("cuStreamBeginCapture", C.mm_cuStreamBeginCapture_v2(c.library.calls, c.handle, s.handle, captureRelaxed)); err != nil {
		return nil, err
	}
	failed := f()
	var recorded C.mm_handle
	err := c.library.check("cuStreamEndCapture", C.mm_cuStreamEndCapture(c.library.calls, c.handle, s.handle, &recorded))
	if failed != nil {
		err = failed
	}
	if recorded != 0 {
		defer C.mm_cuGraphDestroy(c.library.calls, c.handle, recorded)
	}
	if err != nil {
		return nil, err
	}
	g := &Graph{context: c}
	if err := c.library.check("cuGraphInstantiate", C.mm_cuGraphInstantiateWithFlags(c.library.calls, c.handle, &g.handle, recorded, 0)); err != nil {
		return nil, err
	}
	return g, nil
}

// Launch runs the recorded work on s.
func (g *Graph) Launch(s *Stream) error {
	c := g.context
	return c.library.check("cuGraphLaunch", C.mm_cuGraphLaunch(c.library.calls, c.handle, g.handle, s.handle))
}

// Close frees the graph.
func (g *Graph) Close() error {
	c := g.context
	return c.library.check("cuGraphExecDestroy", C.mm_cuGraphExecDestroy(c.library.calls, c.handle, g.handle))
}
