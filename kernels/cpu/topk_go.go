package cpu

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// topK fills ids and logs, both of length K, from one row of logits.
func topK(ids []int32, logs, logits []float32, allowed kernels.Allowed) {
	for i := range ids {
		ids[i], logs[i] = -1, float32(math.Inf(-1))
	}
	if len(allowed.IDs) == 0 {
		for id, v := range logits[:allowed.Limit] {
			insert(ids, logs, int32(id), v)
		}
	} else {
		for _, id := range allowed.IDs {
			insert(ids, logs, id, logits[id])
		}
	}
	if ids[0] < 0 {
		return
	}
	top, sum := logs[0], 0.0 // in float64: thousands of terms
	if len(allowed.IDs) == 0 {
		for _, v := range logits[:allowed.Limit] {
			sum += float64(exp(v - top))
		}
	} else {
		for _, id := range allowed.IDs {
			sum += float64(exp(logits[id] - top))
		}
	}
	toLogs(logs, float32(sum))
}

// insert puts a candidate in its place among the best so far, best first, and the
// lower id first among equals. An id whose logit is -Inf or NaN is never chosen.
func insert(ids []int32, logs []float32, id int32, v float32) {
	last := len(logs) - 1
	if !(v > logs[last] || v == logs[last] && id < ids[last]) {
		return
	}
	i := last
	for ; i > 0 && (v > logs[i-1] || v == logs[i-1] && id < ids[i-1]); i-- {
		ids[i], logs[i] = ids[i-1], logs[i-1]
	}
	ids[i], logs[i] = id, v
}

// toLogs turns the best logits into log-probabilities, given the sum over all
// allowed ids of exp(logit - best).
func toLogs(logs []float32, sum float32) {
	best, norm := logs[0], float32(math.Log(float64(sum)))
	for i := range logs {
		logs[i] = logs[i] - best - norm
	}
}
