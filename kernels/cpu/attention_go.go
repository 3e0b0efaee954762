package cpu

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

func attention(dst, q, k, v view, heads, lo, hi int, scores []float32) {
	d := q.cols / heads
	for u := lo; u < hi; u++ {
		r, c := u/heads, u%heads*d
		out, query := dst.row(r)[c:c+d], q.row(r)[c:c+d]
		weights := scores[:k.rows]
		for j := range weights {
			weights[j] = dot(query, k.row(j)[c:c+d])
		}
		scale := softmax(weights, d)
		clear(out)
		for j, w := range weights {
			axpy(out, w*scale, v.row(j)[c:c+d])
		}
	}
}

func pathAttention(dst, q, k, v view, heads int, paths kernels.Paths, lo, hi int, scores []float32) {
	d := q.cols / heads
	for u := lo; u < hi; u++ {
		r, c := u/heads, u%heads*d
		out, query := dst.row(r)[c:c+d], q.row(r)[c:c+d]
		path := paths.Path(r)
		weights := scores[:len(path)]
		for j, slot := range path {
			weights[j] = dot(query, k.row(int(slot))[c:c+d])
		}
		scale := softmax(weights, d)
		clear(out)
		for j, slot := range path {
			axpy(out, weights[j]*scale, v.row(int(slot))[c:c+d])
		}
	}
}

// softmax turns scores s into exp((s - max s)/√d) and returns 1 over their sum.
func softmax(s []float32, d int) float32 {
	top := float32(math.Inf(-1))
	for _, v := range s {
		top = max(top, v)
	}
	scale, sum := float32(1/math.Sqrt(float64(d))), float32(0)
	for i, v := range s {
		s[i] = exp((v - top) * scale)
		sum += s[i]
	}
	return 1 / sum
}
