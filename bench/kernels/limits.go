package main

import (
	"runtime"
	"sync"
	"time"
)

// limits are what the machine can do with so many threads: multiplications from
// register to register, and reading memory without doing anything with it.
type limits struct {
	Peak  map[string]float64 `json:"peak_gflop_s"` // by type; empty where no loop is built in
	Reads []reading          `json:"reads"`
}

// reading is the rate at which a buffer of so many bytes is read again and
// again, each thread having its part.
type reading struct {
	Bytes int     `json:"bytes"`
	GBps  float64 `json:"gb_s"`
}

// Buffers read, from one that the nearest cache holds to one that none does.
const (
	smallestRead = 16 << 10
	largestRead  = 64 << 20
)

func measureLimits(threads int, r rule) limits {
	l := limits{Peak: map[string]float64{}}
	for _, loop := range peakLoops() {
		l.Peak[loop.dtype] = peak(loop, threads, r)
	}
	if !canRead() {
		return l
	}
	for size := smallestRead; size <= largestRead; size *= 2 {
		l.Reads = append(l.Reads, reading{size, readRate(size, threads, r)})
	}
	return l
}

// read is the rate for the smallest buffer measured that has at least so many
// bytes, or the largest.
func (l limits) read(bytes int) float64 {
	rate := 0.0
	for _, m := range l.Reads {
		rate = m.GBps
		if m.Bytes >= bytes {
			break
		}
	}
	return rate
}

// peakLoop multiplies in registers alone.
type peakLoop struct {
	dtype string
	flops float64         // of one turn
	run   func(turns int) // on the calling thread
}

// peak is the rate in GFLOP/s of all threads together.
func peak(loop peakLoop, threads int, r rule) float64 {
	return together(threads, r, loop.flops, func(_, turns int) { loop.run(turns) }) / 1e9
}

func readRate(size, threads int, r rule) float64 {
	parts := make([][]byte, threads)
	for i := range parts {
		parts[i] = make([]byte, size/threads)
		for at := range parts[i] {
			parts[i][at] = byte(at) // pages of zeros may all be one
		}
	}
	return together(threads, r, float64(size/threads), func(thread, turns int) { readAll(parts[thread], turns) }) / 1e9
}

// together runs work on so many threads at once, in as many turns as the rule's
// sample takes, and returns the units a second of all of them. It is a limit, so
// the fastest sample counts.
func together(threads int, r rule, units float64, work func(thread, turns int)) float64 {
	turns := 1
	for {
		start := time.Now()
		work(0, turns)
		if took := time.Since(start); took >= r.sample/2 {
			turns = int(float64(turns)*float64(r.sample)/float64(took)) + 1
			break
		}
		turns *= 2
	}
	once := rule{0, r.samples}
	times, _ := once.times(func() {
		var all sync.WaitGroup
		for thread := range threads {
			all.Go(func() {
				runtime.LockOSThread()
				defer runtime.UnlockOSThread()
				work(thread, turns)
			})
		}
		all.Wait()
	})
	return units * float64(turns) * float64(threads) / times[0].Seconds()
}
