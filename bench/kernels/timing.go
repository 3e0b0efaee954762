package main

import (
	"slices"
	"time"
)

// rule says how long something is timed: samples of as many calls as last at
// least sample, of which the median counts. The drivers of the peers have the
// same one (bench/peers/products.h).
type rule struct {
	sample  time.Duration
	samples int
}

// seconds of one call of work.
func (r rule) seconds(work func()) float64 {
	times, calls := r.times(work)
	return times[len(times)/2].Seconds() / float64(calls)
}

// times are those of the samples, the shortest first, after a call that warms up.
func (r rule) times(work func()) (times []time.Duration, calls int) {
	work()
	calls = 1
	for took := lasts(calls, work); took < r.sample; took = lasts(calls, work) {
		// A tenth more than seems needed, at most ten times as many.
		calls = min(10*calls, int(1.1*float64(calls)*float64(r.sample)/float64(max(took, 1)))+1)
	}
	times = make([]time.Duration, r.samples)
	for i := range times {
		times[i] = lasts(calls, work)
	}
	slices.Sort(times)
	return times, calls
}

func lasts(calls int, work func()) time.Duration {
	start := time.Now()
	for range calls {
		work()
	}
	return time.Since(start)
}
