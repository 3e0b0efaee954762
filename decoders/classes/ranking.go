package classes

import (
	"cmp"
	"math"
	"slices"
)

// Softmax turns one segment's logits into probabilities.
func Softmax(logits []float32) []float64 {
	top := math.Inf(-1)
	for _, v := range logits {
		top = max(top, float64(v))
	}
	probs, sum := make([]float64, len(logits)), 0.0
	for i, v := range logits {
		probs[i] = math.Exp(float64(v) - top)
		sum += probs[i]
	}
	for i := range probs {
		probs[i] /= sum
	}
	return probs
}

// Ranked lists the labels' numbers, the most probable first; of equals the lower
// one.
func Ranked(probs []float64) []int {
	order := make([]int, len(probs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(probs[b], probs[a]) })
	return order
}
