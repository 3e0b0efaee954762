package cpu

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

func exp(x float32) float32 { return float32(math.Exp(float64(x))) }

func sigmoid(x float32) float32 { return 1 / (1 + exp(-x)) }

// dot sums in four interleaved chains, which the processor runs side by side.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	b = b[:len(a)]
	i := 0
	for ; i+4 <= len(a); i += 4 {
		s0 += a[i] * b[i]
		s1 += a[i+1] * b[i+1]
		s2 += a[i+2] * b[i+2]
		s3 += a[i+3] * b[i+3]
	}
	for ; i < len(a); i++ {
		s0 += a[i] * b[i]
	}
	return (s0 + s1) + (s2 + s3)
}

// axpy: dst += a·x.
func axpy(dst []float32, a float32, x []float32) {
	x = x[:len(dst)]
	for i := range dst {
		dst[i] += a * x[i]
	}
}

func rmsNorm(dst, x view, gain []float32, eps float32) {
	for r := range x.rows {
		in, out := x.row(r), dst.row(r)
		scale := float32(1 / math.Sqrt(float64(dot(in, in)/float32(len(in))+eps)))
		for i, v := range in {
			out[i] = v * scale * gain[i]
		}
	}
}

func add(dst, x view) {
	for r := range x.rows {
		axpy(dst.row(r), 1, x.row(r))
	}
}

func silu(dst, x view) {
	for r := range x.rows {
		out := dst.row(r)
		for i, v := range x.row(r) {
			out[i] = v * sigmoid(v)
		}
	}
}

func swiGLU(dst, x view) {
	for r := range x.rows {
		out, gate, up := dst.row(r), x.row(r)[:dst.cols], x.row(r)[dst.cols:]
		for i, g := range gate {
			out[i] = g * sigmoid(g) * up[i]
		}
	}
}

func rope(x, cos, sin view, heads int, positions []int32) {
	half := cos.cols
	for r := range x.rows {
		row, c, s := x.row(r), cos.row(int(positions[r])), sin.row(int(positions[r]))
		for h := range heads {
			a, b := row[2*h*half:][:half], row[(2*h+1)*half:][:half]
			for i := range half {
				a[i], b[i] = a[i]*c[i]-b[i]*s[i], b[i]*c[i]+a[i]*s[i]
			}
		}
	}
}

func conv(dst, x, filter view, dilation, lo, hi int) {
	for t := lo; t < hi; t++ {
		out := dst.row(t)
		clear(out)
		for k := range filter.rows {
			if at := t + (k-filter.rows/2)*dilation; at >= 0 && at < x.rows {
				multiplyAdd(out, filter.row(k), x.row(at))
			}
		}
	}
}

func pathConv(dst, cache, filter view, dilation int, paths kernels.Paths, lo, hi int) {
	for r := lo; r < hi; r++ {
		out, path := dst.row(r), paths.Path(r)
		clear(out)
		for k := range filter.rows {
			if at := len(path) - 1 - (filter.rows-1-k)*dilation; at >= 0 {
				multiplyAdd(out, filter.row(k), cache.row(int(path[at])))
			}
		}
	}
}

func gatherConv(dst, x, filter view, index []int32) {
	for t := range dst.rows {
		out := dst.row(t)
		clear(out)
		for k, at := range index[t*filter.rows : (t+1)*filter.rows] {
			if at >= 0 {
				multiplyAdd(out, filter.row(k), x.row(int(at)))
			}
		}
	}
}

// multiplyAdd: dst += a·x, element by element.
func multiplyAdd(dst, a, x []float32) {
	a, x = a[:len(dst)], x[:len(dst)]
	for i := range dst {
		dst[i] += a[i] * x[i]
	}
}

func scatter(dst, x view, where []int32, gates []float32, top int) {
	for r := range dst.rows {
		for _, i := range where[r*top : (r+1)*top] {
			axpy(dst.row(r), gates[i], x.row(int(i)))
		}
	}
}
