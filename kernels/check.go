package kernels

import "fmt"

// The exported operations check their arguments here and panic with both shapes
// when they do not fit: a mismatch is a bug in a layer, never the user's input,
// which the layers above have checked. Conditions stand at the call, in an if, so
// that the message's arguments are only boxed, and memory allocated, on failure.

func fail(op, format string, args ...any) {
	panic("kernels: " + op + ": " + fmt.Sprintf(format, args...))
}

func shape(t Tensor) string { return fmt.Sprintf("[%d %d]", t.Rows, t.Cols) }

func weightShape(w Weight) string {
	if w.Groups == 1 {
		return fmt.Sprintf("[%d %d]", w.Out, w.In)
	}
	return fmt.Sprintf("[%d %d %d]", w.Groups, w.Out, w.In)
}

func same(op string, a, b Tensor) {
	if a.Rows != b.Rows || a.Cols != b.Cols {
		fail(op, "shapes %s and %s differ", shape(a), shape(b))
	}
}

func checkIndex(op, what string, id int32, n int) {
	if uint64(int64(id)) >= uint64(n) {
		fail(op, "%s %d, want 0 up to %d", what, id, n)
	}
}

func checkIndices(op, what string, ids []int32, n int) {
	for _, id := range ids {
		checkIndex(op, what, id, n)
	}
}

// checkTaps wants rows of n, or -1 for none.
func checkTaps(op string, index []int32, n int) {
	for i, at := range index {
		if at < -1 || int(at) >= n {
			fail(op, "index %d is %d, want -1 up to %d", i, at, n)
		}
	}
}

// checkSegments wants offsets that start at 0, never fall and end at rows.
func checkSegments(op string, segs Segments, rows int) {
	if len(segs) == 0 {
		if rows != 0 {
			fail(op, "no segments for %d rows", rows)
		}
		return
	}
	last := int32(0)
	for i, at := range segs {
		if at < last || i == 0 && at != 0 {
			fail(op, "segment offset %d is %d, after %d", i, at, last)
		}
		last = at
	}
	if int(last) != rows {
		fail(op, "segments end at %d, want %d rows", last, rows)
	}
}

// checkPaths wants one path a row, none empty and all inside Slots. The slots
// themselves are checked where they are read.
func checkPaths(op string, p Paths, rows int) {
	if len(p.Start) != rows || len(p.Count) != rows {
		fail(op, "%d starts and %d counts for %d rows", len(p.Start), len(p.Count), rows)
	}
	for r, start := range p.Start {
		if n := p.Count[r]; start < 0 || n < 1 || int64(start)+int64(n) > int64(len(p.Slots)) {
			fail(op, "path of row %d is slots %d and %d more, of %d", r, start, n, len(p.Slots))
		}
	}
}

func checkFilter(op string, x, filter Tensor, dilation int) {
	if filter.Rows < 1 || filter.Cols != x.Cols || dilation < 1 {
		fail(op, "x %s, filter %s, dilation %d", shape(x), shape(filter), dilation)
	}
}

func checkHeads(op string, dst, q, k, v Tensor, heads int) {
	same(op, dst, q)
	same(op, k, v)
	if q.Cols != k.Cols || heads < 1 || q.Cols%heads != 0 {
		fail(op, "queries %s, keys %s, %d heads", shape(q), shape(k), heads)
	}
}
