package learn

import "math/rand/v2"

// random is what a seed stands for, with a stream for each use.
func random(seed, use uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, use)) }

// The uses of a seed.
const (
	useSplit uint64 = iota
	useWeights
	useBatches
	useFolds
	useEpisodes
	useLengths
	useCurve
)

// Split holds out a share of every class, rounded down, drawn by the seed. A class of
// a few examples may have none held out. Both are in order of the examples.
func Split(labels []int, share float64, seed uint64) (kept, held []int) {
	r := random(seed, useSplit)
	by := map[int][]int{}
	for i, l := range labels {
		by[l] = append(by[l], i)
	}
	out := make([]bool, len(labels))
	for l := range most(labels) {
		own := by[l]
		r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		for _, i := range own[:int(share*float64(len(own)))] {
			out[i] = true
		}
	}
	for i := range labels {
		if out[i] {
			held = append(held, i)
		} else {
			kept = append(kept, i)
		}
	}
	return kept, held
}

// judges is how many examples an epoch can be chosen by.
const judges = 20

// HoldOut parts a set, as Split does, into what is learned from and what the epoch is
// chosen by; where that would be too few to judge by, all are learned from.
func HoldOut(s Set, share float64, seed uint64) (train, dev Set) {
	kept, held := Split(s.Labels, share, seed)
	if len(held) < judges {
		return s, Set{Width: s.Width}
	}
	return s.Pick(kept), s.Pick(held)
}

// most is one more than the largest label.
func most(labels []int) int {
	n := 0
	for _, l := range labels {
		n = max(n, l+1)
	}
	return n
}

// folds gives every example one of n numbers, evenly over each class.
func folds(labels []int, n int, seed uint64) []int {
	r := random(seed, useFolds)
	order := r.Perm(len(labels))
	next, fold := map[int]int{}, make([]int, len(labels))
	for _, i := range order {
		fold[i] = next[labels[i]] % n
		next[labels[i]]++
	}
	return fold
}

// FewEach draws n examples of each class, or all where there are fewer.
func FewEach(labels []int, n int, seed uint64) []int {
	r := random(seed, useCurve)
	left := map[int]int{}
	var few []int
	for _, i := range r.Perm(len(labels)) {
		if left[labels[i]] < n {
			left[labels[i]]++
			few = append(few, i)
		}
	}
	return few
}
