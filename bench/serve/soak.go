package main

import (
	"context"
	"slices"
	"time"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/bench/procmem"
)

// soak is what happened to memory during many short requests.
type soak struct {
	Requests int      `json:"requests"`
	Seconds  float64  `json:"seconds"`
	Samples  []sample `json:"samples"`
	// Growth is from the second tenth of the samples to the last, medians of
	// each; the first tenth warms up.
	Growth int64 `json:"growth_bytes"`
}

type sample struct {
	Requests int   `json:"requests"` // so far
	Resident int64 `json:"resident"` // bytes
}

// Parts of a soak: one sample after each.
const soakParts = 100

// shortest is a part of the requests: the shortest, at least one.
func shortest(requests []request) []request {
	size := func(r request) int {
		n := len(r.Text) + len(r.file)
		for _, w := range r.Words {
			n += len(w) + 1
		}
		return n
	}
	sorted := slices.SortedStableFunc(slices.Values(requests), func(a, b request) int { return size(a) - size(b) })
	return sorted[:max(1, len(sorted)/8)]
}

// watch asks n of the requests, again and again, from so many goroutines.
func watch(ctx context.Context, m *mm.Model, requests []request, goroutines, n int) (*soak, error) {
	s := &soak{Requests: n}
	start := time.Now()
	for part := range soakParts {
		count := n*(part+1)/soakParts - n*part/soakParts
		if count == 0 {
			continue
		}
		some := make([]request, count)
		for i := range some {
			some[i] = requests[(n*part/soakParts+i)%len(requests)]
		}
		if _, err := ask(ctx, m, some, goroutines); err != nil {
			return nil, err
		}
		resident, _, err := procmem.Held()
		if err != nil {
			return nil, err
		}
		s.Samples = append(s.Samples, sample{n * (part + 1) / soakParts, resident})
	}
	s.Seconds = time.Since(start).Seconds()
	s.Growth = growth(s.Samples)
	return s, nil
}

func growth(samples []sample) int64 {
	tenth := max(1, len(samples)/10)
	first := min(tenth, len(samples)-1)
	return median(samples[len(samples)-tenth:]) - median(samples[first:min(first+tenth, len(samples))])
}

func median(samples []sample) int64 {
	sizes := make([]int64, len(samples))
	for i, s := range samples {
		sizes[i] = s.Resident
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}
