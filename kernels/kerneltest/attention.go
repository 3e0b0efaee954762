package kerneltest

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// headShapes are pairs of a number of heads and their width.
func headShapes() [][2]int { return [][2]int{{1, 1}, {3, 3}, {1, 31}, {4, 64}, {2, 128}, {1, 257}} }

func testAttention(s *suite) {
	for _, shape := range headShapes() {
		heads, d := shape[0], shape[1]
		for _, rows := range rowCounts() {
			segs := cuts(rows)
			s.attention(heads, d, segs, segs) // self-attention
			keys := kernels.Segments{0}       // and with memories of other lengths
			for i := range len(segs) - 1 {
				keys = append(keys, keys[i]+int32(i*7%20))
			}
			s.attention(heads, d, segs, keys)
		}
	}
	s.attention(4, 64, kernels.Segments{0, 3, 4}, kernels.Segments{0, 301, 303})
}

func (s *suite) attention(heads, d int, qSegs, kSegs kernels.Segments) {
	rows, keys := int(qSegs[len(qSegs)-1]), int(kSegs[len(kSegs)-1])
	q, k, v := s.normal(rows, heads*d), s.normal(keys, heads*d), s.normal(keys, heads*d)
	dst := s.empty(rows, heads*d)
	kernels.Attention(s.d, dst.Tensor, q.Tensor, k.Tensor, v.Tensor, heads, qSegs, kSegs)
	got := s.read(dst)
	for i := range len(qSegs) - 1 {
		var path []int32
		for j := kSegs[i]; j < kSegs[i+1]; j++ {
			path = append(path, j)
		}
		for r := int(qSegs[i]); r < int(qSegs[i+1]); r++ {
			s.attended(got[r*dst.Cols:(r+1)*dst.Cols], q.row(r), k, v, heads, path)
		}
	}
}

func testPathAttention(s *suite) {
	const slots = 41
	for _, shape := range headShapes() {
		heads, d := shape[0], shape[1]
		for _, rows := range rowCounts() {
			q, k, v := s.normal(rows, heads*d), s.normal(slots, heads*d), s.normal(slots, heads*d)
			dst, paths := s.empty(rows, heads*d), s.beam(rows, slots)
			kernels.PathAttention(s.d, dst.Tensor, q.Tensor, k.Tensor, v.Tensor, heads, paths)
			got := s.read(dst)
			for r := range rows {
				s.attended(got[r*dst.Cols:(r+1)*dst.Cols], q.row(r), k, v, heads, paths.Path(r))
			}
		}
	}
}

// attended checks one row of attention over the keys of path. An error of epsilon
// in q·k/√d, relative to |q||k|/√d, is an error of that relative size in a weight;
// the weights average the values.
func (s *suite) attended(got, q []float32, k, v matrix, heads int, path []int32) {
	s.t.Helper()
	d := len(q) / heads
	for h := range heads {
		lo, hi := h*d, (h+1)*d
		scores, weights, top, reach := make([]float64, len(path)), 0.0, math.Inf(-1), 0.0
		for j, slot := range path {
			key := k.row(int(slot))[lo:hi]
			scores[j] = dot(q[lo:hi], key) / math.Sqrt(float64(d))
			top = max(top, scores[j])
			reach = max(reach, norm(q[lo:hi])*norm(key)/math.Sqrt(float64(d)))
		}
		for j := range scores {
			scores[j] = math.Exp(scores[j] - top)
			weights += scores[j]
		}
		for c := lo; c < hi; c++ {
			want, largest := 0.0, 0.0
			for j, slot := range path {
				value := float64(v.row(int(slot))[c])
				want += scores[j] / weights * value
				largest = max(largest, math.Abs(value))
			}
			s.near(got[c], want, (1+reach)*largest, "%d heads of %d over %d keys, column %d", heads, d, len(path), c)
		}
	}
}
