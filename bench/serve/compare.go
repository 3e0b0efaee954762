package main

import (
	"context"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mm-runtime/mm"
)

// service is how requests were served.
type service struct {
	PerSecond float64 `json:"requests_per_second"`
	Tokens    float64 `json:"tokens_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Worst     float64 `json:"worst_ms"`
}

// served is one pass over all requests.
type served struct {
	outputs   []mm.Output
	latencies []time.Duration
	took      time.Duration
}

// ask sends requests in order from so many goroutines, each waiting for its answer
// before it takes the next.
func ask(ctx context.Context, m *mm.Model, requests []request, goroutines int) (served, error) {
	s := served{outputs: make([]mm.Output, len(requests)), latencies: make([]time.Duration, len(requests))}
	var next atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	start := time.Now()
	for range goroutines {
		all.Go(func() {
			for failed.Load() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(requests) {
					return
				}
				began := time.Now()
				out, err := m.Run(ctx, requests[i].input())
				if err != nil {
					failed.CompareAndSwap(nil, &err)
					return
				}
				s.outputs[i], s.latencies[i] = out, time.Since(began)
			}
		})
	}
	all.Wait()
	s.took = time.Since(start)
	if err := failed.Load(); err != nil {
		return s, *err
	}
	return s, nil
}

// askAll sends all requests in one batch; each waits for the last one's answer.
func askAll(ctx context.Context, m *mm.Model, requests []request) (served, error) {
	var s served
	inputs := make([]mm.Input, len(requests))
	for i, r := range requests {
		inputs[i] = r.input()
	}
	start := time.Now()
	results := m.RunBatch(ctx, inputs)
	s.took = time.Since(start)
	for _, r := range results {
		if r.Err != nil {
			return s, r.Err
		}
		s.outputs, s.latencies = append(s.outputs, r.Output), append(s.latencies, s.took)
	}
	return s, nil
}

// compare serves the requests one by one, together and in one batch, in turns.
func compare(ctx context.Context, m *mm.Model, requests []request, goroutines, rounds int) (report, error) {
	r := report{Device: m.Info().Device, Requests: len(requests), Goroutines: goroutines, Rounds: rounds}
	var alone, together, batch []served
	for range rounds {
		one, err := ask(ctx, m, requests, 1)
		if err != nil {
			return r, err
		}
		many, err := ask(ctx, m, requests, goroutines)
		if err != nil {
			return r, err
		}
		all, err := askAll(ctx, m, requests)
		if err != nil {
			return r, err
		}
		alone, together, batch = append(alone, one), append(together, many), append(batch, all)
	}
	for _, s := range slices.Concat(alone, together, batch) {
		r.Different += different(alone[0].outputs, s.outputs)
	}
	r.Alone, r.Together, r.Batch = summary(alone), summary(together), summary(batch)
	r.Ratio, r.Batched = r.Together.PerSecond/r.Alone.PerSecond, r.Batch.PerSecond/r.Alone.PerSecond
	return r, nil
}

// different counts the answers that are not the same to the bit.
func different(want, got []mm.Output) int {
	n := 0
	for i, w := range want {
		g := got[i]
		if w.Text != g.Text || w.Tokens != g.Tokens || math.Float64bits(w.Score) != math.Float64bits(g.Score) ||
			!slices.Equal(w.Notices, g.Notices) || len(w.Trees) != len(g.Trees) || !slices.Equal(w.Classes, g.Classes) ||
			!slices.Equal(w.Boxes, g.Boxes) || !slices.Equal(w.Segments, g.Segments) {
			n++
		}
	}
	return n
}

// summary is the round of median length; latencies are those of all rounds.
func summary(rounds []served) service {
	var latencies []time.Duration
	for _, s := range rounds {
		latencies = append(latencies, s.latencies...)
	}
	slices.Sort(latencies)
	sorted := slices.SortedFunc(slices.Values(rounds), func(a, b served) int { return int(a.took - b.took) })
	middle := sorted[len(sorted)/2]
	tokens := 0
	for _, out := range middle.outputs {
		tokens += out.Tokens
	}
	seconds := middle.took.Seconds()
	return service{
		PerSecond: float64(len(middle.outputs)) / seconds, Tokens: float64(tokens) / seconds,
		P50: ms(at(latencies, 0.50)), P99: ms(at(latencies, 0.99)), Worst: ms(latencies[len(latencies)-1]),
	}
}

// at is the value that a share of the sorted values do not exceed.
func at(sorted []time.Duration, share float64) time.Duration {
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

func ms(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
