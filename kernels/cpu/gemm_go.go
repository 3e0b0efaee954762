package cpu

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// goLoops are the products in pure Go, over weights as the checkpoint has them,
// row by row: nothing is copied.
type goLoops struct{}

func (goLoops) pack(m kernels.Matrix, groups int) packed {
	rows := m.Rows / groups
	return packed{f32: m.F32, bf16: m.BF16, i8: m.I8, scales: m.Scales, group: rows * m.Cols, scale: rows}
}

func (goLoops) quantized(kernels.DType) bool { return false }

func (goLoops) prepare(*product, int, int) {}

// units are outputs.
func (goLoops) units(p *product) int { return p.w.Out }

func (goLoops) row(dst []float32, w kernels.Weight, o int, scale float32) {
	p, first := w.Packed.(*packed), o*w.In
	for i := range dst {
		switch w.DType {
		case kernels.BF16:
			dst[i] = scale * bf16(p.bf16[first+i])
		case kernels.I8:
			dst[i] = scale * (float32(p.i8[first+i]) * p.scales[o])
		default:
			dst[i] = scale * p.f32[first+i]
		}
	}
}

func (goLoops) multiply(p *product, lo, hi int) {
	w, in := p.weight(), p.w.In
	for o := lo; o < hi; o++ {
		at := p.group*w.group + o*in
		for r := range p.count {
			x, to := p.x[r*p.ldx:][:in], &p.dst[r*p.ldd+o]
			var sum float32
			switch p.w.DType {
			case kernels.F32:
				sum = dot(x, w.f32[at:])
			case kernels.BF16:
				sum = dotBF16(x, w.bf16[at:])
			case kernels.I8:
				sum = dotI8(x, w.i8[at:]) * w.scales[p.group*w.scale+o]
			}
			if p.add {
				sum += *to
			}
			*to = sum
		}
	}
}

func bf16(v uint16) float32 { return math.Float32frombits(uint32(v) << 16) }

func dotBF16(x []float32, w []uint16) float32 {
	var s0, s1 float32
	w = w[:len(x)]
	i := 0
	for ; i+2 <= len(x); i += 2 {
		s0 += x[i] * bf16(w[i])
		s1 += x[i+1] * bf16(w[i+1])
	}
	if i < len(x) {
		s0 += x[i] * bf16(w[i])
	}
	return s0 + s1
}

func dotI8(x []float32, w []int8) float32 {
	var s0, s1, s2, s3 float32
	w = w[:len(x)]
	i := 0
	for ; i+4 <= len(x); i += 4 {
		s0 += x[i] * float32(w[i])
		s1 += x[i+1] * float32(w[i+1])
		s2 += x[i+2] * float32(w[i+2])
		s3 += x[i+3] * float32(w[i+3])
	}
	for ; i < len(x); i++ {
		s0 += x[i] * float32(w[i])
	}
	return (s0 + s1) + (s2 + s3)
}
