package cpu

import (
	"sync/atomic"
	"testing"
	"time"
)

// tally counts how often each part of a job is done, and each worker's at once.
type tally struct {
	parts, busy []atomic.Int32
	t           *testing.T
}

func newTally(t *testing.T, workers int) *tally {
	return &tally{make([]atomic.Int32, workers), make([]atomic.Int32, workers), t}
}

func (j *tally) do(worker, part, parts int) {
	if parts != len(j.parts) {
		j.t.Errorf("%d parts, want %d", parts, len(j.parts))
	}
	if j.busy[worker].Add(1) != 1 {
		j.t.Errorf("worker %d does two parts at once", worker)
	}
	j.parts[part].Add(1)
	j.busy[worker].Add(-1)
}

// TestPoolDoesEachPartOnce runs many jobs in a row, now and then after a pause that
// is long enough for the workers to fall asleep.
func TestPoolDoesEachPartOnce(t *testing.T) {
	for _, workers := range []int{1, 2, 5} {
		p := newPool(workers)
		for job := range 400 {
			if job%50 == 49 {
				time.Sleep(time.Millisecond)
			}
			j := newTally(t, workers)
			p.run(j)
			for part := range j.parts {
				if n := j.parts[part].Load(); n != 1 {
					t.Fatalf("%d workers, job %d: part %d done %d times, want once", workers, job, part, n)
				}
			}
		}
		p.close()
		p.close()
	}
}
