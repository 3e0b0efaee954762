package learn

import (
	"math"

	"github.com/mm-runtime/mm/decoders/classes"
)

// Herd picks at most limit exemplars, as many of each label, in herding order (Rebuffi
// et al. 2017, "iCaRL", algorithm 4): each one brings the mean activation of those
// picked closest to that of all of its label. So the first of a label are the best to
// keep when there is room for fewer.
func Herd(n *classes.Network, s Set, labels, limit int) Set {
	by, left := s.ByLabel(labels), labels
	var picked []int
	for _, own := range by {
		room := (limit - len(picked)) / left // what some labels do not need, the others get
		left--
		picked = append(picked, herd(n, s, own, room)...)
	}
	return s.Pick(picked)
}

func herd(n *classes.Network, s Set, own []int, room int) []int {
	if room >= len(own) && len(own) < 2 {
		return own
	}
	all := activations(n, s.Pick(own))
	mean, sum := make([]float64, all.Width), make([]float64, all.Width)
	for i := range own {
		for c, v := range all.Row(i) {
			mean[c] += float64(v) / float64(len(own))
		}
	}
	var order []int
	taken := make([]bool, len(own))
	for k := 1; k <= min(room, len(own)); k++ {
		best, least := -1, math.Inf(1)
		for i := range own {
			if taken[i] {
				continue
			}
			z := all.Row(i)
			apart := 0.0
			for c, v := range z {
				d := mean[c] - (sum[c]+float64(v))/float64(k)
				apart += d * d
			}
			if apart < least {
				best, least = i, apart
			}
		}
		taken[best] = true
		for c, v := range all.Row(best) {
			sum[c] += float64(v)
		}
		order = append(order, own[best])
	}
	return order
}

// Shrink keeps the first exemplars of each label, at most limit of all together.
func Shrink(memory Set, labels, limit int) Set {
	by, left := memory.ByLabel(labels), labels
	var kept []int
	for _, own := range by {
		room := (limit - len(kept)) / left
		left--
		kept = append(kept, own[:min(room, len(own))]...)
	}
	return memory.Pick(kept)
}
