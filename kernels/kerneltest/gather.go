package kerneltest

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// taps makes n indices below limit, a third of them -1; all of them when there is
// nothing to name.
func (s *suite) taps(n, limit int) []int32 {
	index := make([]int32, n)
	for i := range index {
		index[i] = -1
		if limit > 0 && s.rng.IntN(3) > 0 {
			index[i] = s.rng.Int32N(int32(limit))
		}
	}
	return index
}

// eachGather calls f with shapes of results, numbers of taps and of rows to take
// from: none, fewer and more than the result has.
func eachGather(f func(rows, cols, taps, from int)) {
	eachShape(func(rows, cols int) {
		for _, taps := range []int{1, 3, 9} {
			for _, from := range []int{0, 5, 70} {
				f(rows, cols, taps, from)
			}
		}
	})
}

func testUnfold(s *suite) {
	eachGather(func(rows, cols, taps, from int) {
		x, dst, index := s.normal(from, cols), s.empty(rows, taps*cols), s.taps(rows*taps, from)
		kernels.Unfold(s.d, dst.Tensor, x.Tensor, index)
		got, zeros := s.read(dst), make([]float32, cols)
		for i, at := range index {
			want := zeros
			if at >= 0 {
				want = x.row(int(at))
			}
			s.same("unfolded row", got[i*cols:(i+1)*cols], want)
		}
	})
}

func testGatherConv(s *suite) {
	eachGather(func(rows, cols, taps, from int) {
		x, filter, dst := s.normal(from, cols), s.normal(taps, cols), s.empty(rows, cols)
		index := s.taps(rows*taps, from)
		kernels.GatherConv(s.d, dst.Tensor, x.Tensor, filter.Tensor, index)
		for i, got := range s.read(dst) {
			t, c := i/cols, i%cols
			want, scale := 0.0, 0.0
			for k, at := range index[t*taps : (t+1)*taps] {
				if at >= 0 {
					term := float64(filter.row(k)[c]) * float64(x.row(int(at))[c])
					want, scale = want+term, scale+math.Abs(term)
				}
			}
			s.near(got, want, scale, "[%d %d], %d taps over %d rows, row %d", rows, cols, taps, from, t)
		}
	})
}

// itemTaps lists taps taps for each row of each picked item, all inside the item:
// for row t the rows around it with a step of two, -1 past the ends.
func itemTaps(segs kernels.Segments, taps int) []int32 {
	var index []int32
	for i := range len(segs) - 1 {
		for t := segs[i]; t < segs[i+1]; t++ {
			for k := range int32(taps) {
				at := t + 2*k - int32(taps)
				if at < segs[i] || at >= segs[i+1] {
					at = -1
				}
				index = append(index, at)
			}
		}
	}
	return index
}

func buildUnfold(s *suite, pick []int) (func(), func() [][]float32) {
	x, segs := s.forItems(pick, 1, width, func(item int) int { return item % 20 })
	dst, index := s.empty(x.Rows, 3*width), itemTaps(segs, 3)
	return func() { kernels.Unfold(s.d, dst.Tensor, x.Tensor, index) },
		func() [][]float32 { return s.parts(dst, segs) }
}

func buildGatherConv(s *suite, pick []int) (func(), func() [][]float32) {
	filter := s.normal(9, width)
	x, segs := s.forItems(pick, 1, width, func(item int) int { return item % 20 })
	dst, index := s.empty(x.Rows, width), itemTaps(segs, 9)
	return func() { kernels.GatherConv(s.d, dst.Tensor, x.Tensor, filter.Tensor, index) },
		func() [][]float32 { return s.parts(dst, segs) }
}
