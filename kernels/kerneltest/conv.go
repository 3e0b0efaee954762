package kerneltest

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// cuts are segments of odd lengths, empty ones at the start, inside and at the end.
func cuts(rows int) kernels.Segments {
	segs := kernels.Segments{0, 0}
	for at, n := 0, 1; at < rows; n += 2 {
		at = min(at+n, rows)
		segs = append(segs, int32(at))
		if n == 3 {
			segs = append(segs, int32(at))
		}
	}
	return append(segs, int32(rows))
}

func testDepthwiseConv(s *suite) {
	eachShape(func(rows, cols int) {
		for _, taps := range []int{1, 2, 3, 5} {
			for _, dilation := range []int{1, 2, 4, 50} {
				s.depthwiseConv(rows, cols, taps, dilation, cuts(rows))
			}
		}
	})
}

func (s *suite) depthwiseConv(rows, cols, taps, dilation int, segs kernels.Segments) {
	x, filter, dst := s.normal(rows, cols), s.normal(taps, cols), s.empty(rows, cols)
	kernels.DepthwiseConv(s.d, dst.Tensor, x.Tensor, filter.Tensor, dilation, segs)
	got := s.read(dst)
	for i := range len(segs) - 1 {
		lo, hi := int(segs[i]), int(segs[i+1])
		for t := lo; t < hi; t++ {
			for c := range cols {
				want, scale := 0.0, 0.0
				for k := range taps {
					if at := t + (k-taps/2)*dilation; at >= lo && at < hi {
						term := float64(filter.row(k)[c]) * float64(x.row(at)[c])
						want, scale = want+term, scale+math.Abs(term)
					}
				}
				s.near(got[t*cols+c], want, scale, "[%d %d], %d taps, dilation %d, row %d", rows, cols, taps, dilation, t)
			}
		}
	}
}

// beam makes paths over a cache whose first slots are a past that all rows share,
// followed by rows of their own, in no order; every third path is one slot long.
func (s *suite) beam(rows, slots int) kernels.Paths {
	var p kernels.Paths
	past := s.permutation(slots/2, slots)
	for r := range rows {
		own := s.indices(1+r%3, slots)
		path := append(append([]int32(nil), past...), own...)
		if r%3 == 2 {
			path = own[:1]
		}
		p.Start = append(p.Start, int32(len(p.Slots)))
		p.Count = append(p.Count, int32(len(path)))
		p.Slots = append(p.Slots, path...)
	}
	if rows > 1 { // two rows over the very same path
		p.Start[1], p.Count[1] = p.Start[0], p.Count[0]
	}
	return p
}

func testPathConv(s *suite) {
	eachShape(func(rows, cols int) {
		for _, taps := range []int{1, 3, 5} {
			for _, dilation := range []int{1, 4, 50} {
				s.pathConv(rows, cols, taps, dilation)
			}
		}
	})
}

func (s *suite) pathConv(rows, cols, taps, dilation int) {
	const slots = 23
	cache, filter, dst := s.normal(slots, cols), s.normal(taps, cols), s.empty(rows, cols)
	paths := s.beam(rows, slots)
	kernels.PathConv(s.d, dst.Tensor, cache.Tensor, filter.Tensor, dilation, paths)
	got := s.read(dst)
	for r := range rows {
		path := paths.Path(r)
		for c := range cols {
			want, scale := 0.0, 0.0
			for k := range taps {
				if at := len(path) - 1 - (taps-1-k)*dilation; at >= 0 {
					term := float64(filter.row(k)[c]) * float64(cache.row(int(path[at]))[c])
					want, scale = want+term, scale+math.Abs(term)
				}
			}
			s.near(got[r*cols+c], want, scale, "[%d %d], %d taps, dilation %d, row %d", rows, cols, taps, dilation, r)
		}
	}
}
