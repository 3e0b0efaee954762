package kernels

import (
	"math"
	"slices"
)

// topKListed is TopK where some rows have ids and a limit. The best below the limit
// joins the list, of which it is then the first, and what it has of the probability
// among all tells what the others have.
func topKListed(d Device, c Candidates, logits Tensor, allowed []Allowed) {
	rows := logits.Rows
	var first, more Candidates
	first.Resize(rows, 1)
	limits, lists := make([]Allowed, rows), slices.Clone(allowed)
	for r, a := range allowed {
		if limits[r] = a; a.both() {
			limits[r].IDs = nil
		}
	}
	d.TopK(first, logits, limits)
	for r, a := range allowed {
		if best := first.IDs[r]; a.both() && best >= 0 && !slices.Contains(a.IDs, best) {
			lists[r].IDs = append(slices.Clone(a.IDs), best)
		}
		if a.both() {
			lists[r].Limit = 0
		}
	}
	more.Resize(rows, c.K+1) // one of which may not be allowed
	d.TopK(more, logits, lists)
	for r, a := range allowed {
		ids, logs := more.IDs[r*more.K:][:more.K], more.Logs[r*more.K:][:more.K]
		to, toLogs, n := c.IDs[r*c.K:][:c.K], c.Logs[r*c.K:][:c.K], 0
		share := float32(0)
		if a.both() && ids[0] >= 0 {
			share = first.Logs[r] - logs[0]
		}
		for i, id := range ids {
			if n < c.K && (id >= 0 && len(lists[r].IDs) == len(a.IDs) || slices.Contains(a.IDs, id)) {
				to[n], toLogs[n] = id, logs[i]+share
				n++
			}
		}
		for ; n < c.K; n++ {
			to[n], toLogs[n] = -1, float32(math.Inf(-1))
		}
	}
}
