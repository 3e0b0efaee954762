//go:build cgo

package cpu

// #cgo noescape mm_gemm_avx2
// #cgo nocallback mm_gemm_avx2
// #cgo noescape mm_gemm_avx512
// #cgo nocallback mm_gemm_avx512
// #cgo noescape mm_digits
// #cgo nocallback mm_digits
// #cgo noescape mm_gemm_vnni
// #cgo nocallback mm_gemm_vnni
// #cgo noescape mm_codes
// #cgo nocallback mm_codes
// #cgo noescape mm_gemm_pairs
// #cgo nocallback mm_gemm_pairs
// #include "gemm_amd64.h"
import "C"

import (
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
)

func gemmLoopsFor(path string) gemmLoops {
	switch path {
	case "avx512":
		return panelLoops{width: 32, tile: 12, deep: 4, vnni: true, room: &slab{}}
	case "avx2":
		return panelLoops{width: 16, tile: 6, deep: 2, room: &slab{}}
	}
	return goLoops{}
}

// panelLoops are the products in C over weights in panels (gemm_body.h). Those of
// I8 weights take integer activations: two digits each with vnni
// (gemm_vnni_amd64.c), else whole (gemm_pairs_amd64.c).
type panelLoops struct {
	width int // outputs of a panel
	tile  int // rows of a unit
	deep  int // inputs of an output that stand together in a panel of I8 weights: 2 or 4
	vnni  bool
	room  *slab
}

// integerTile is the rows of a unit of a product with integer activations.
const integerTile = 6

func (panelLoops) quantized(t kernels.DType) bool { return t == kernels.I8 }

func (l panelLoops) pack(m kernels.Matrix, groups int) packed {
	out := m.Rows / groups
	wide := (out + l.width - 1) / l.width * l.width
	inputs := m.Cols
	if m.DType == kernels.I8 {
		inputs = (inputs + 3) / 4 * 4
	}
	p := packed{group: wide * inputs, scale: out, scales: m.Scales}
	n := groups * p.group
	switch m.DType {
	case kernels.I8:
		p.i8 = take[int8](l.room, n)
	case kernels.BF16:
		p.bf16 = take[uint16](l.room, n)
	default:
		p.f32 = take[float32](l.room, n)
	}
	for g := range groups {
		from, to := g*out*m.Cols, g*p.group
		switch m.DType {
		case kernels.I8:
			l.packCodes(p.i8[to:], m.I8[from:], out, m.Cols)
		case kernels.BF16:
			packPanels(p.bf16[to:], m.BF16[from:], out, m.Cols, l.width)
		default:
			packPanels(p.f32[to:], m.F32[from:], out, m.Cols, l.width)
		}
	}
	return p
}

// packPanels lays out one group: input by input, the outputs of each panel.
func packPanels[T any](dst, src []T, out, in, width int) {
	for o := range out {
		row, to := src[o*in:(o+1)*in], dst[o/width*width*in+o%width:]
		for i, v := range row {
			to[i*width] = v
		}
	}
}

// packCodes lays out one group, l.deep inputs of each output together, up to a
// multiple of four. With vnni
// each code is stored plus 128, as a byte without sign.
func (l panelLoops) packCodes(dst, src []int8, out, in int) {
	inputs := (in + 3) / 4 * 4
	for o := range out {
		row, to := src[o*in:(o+1)*in], dst[o/l.width*l.width*inputs+o%l.width*l.deep:]
		for g := range (in + l.deep - 1) / l.deep {
			at := to[g*l.deep*l.width:]
			switch left := row[g*l.deep:]; {
			case l.vnni && len(left) >= 4:
				put4(at, take4(left)^0x80808080)
			case !l.vnni && len(left) >= 2:
				at[0], at[1] = left[0], left[1]
			default:
				for i, v := range left {
					at[i] = v
					if l.vnni {
						at[i] ^= -0x80
					}
				}
			}
		}
	}
}

func take4(p []int8) uint32 { return *(*uint32)(unsafe.Pointer(unsafe.SliceData(p[:4]))) }

func put4(p []int8, v uint32) { *(*uint32)(unsafe.Pointer(unsafe.SliceData(p[:4]))) = v }

// take makes n zeros of a weight.
func take[T int8 | uint16 | float32](room *slab, n int) []T {
	if n == 0 {
		return nil
	}
	var one T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(room.take(n*int(unsafe.Sizeof(one)))))), n)
}

func (l panelLoops) row(dst []float32, w kernels.Weight, o int, scale float32) {
	p := w.Packed.(*packed)
	if p.i8 == nil {
		first := o/l.width*w.In*l.width + o%l.width
		for i := range dst {
			if p.bf16 != nil {
				dst[i] = scale * bf16(p.bf16[first+i*l.width])
			} else {
				dst[i] = scale * p.f32[first+i*l.width]
			}
		}
		return
	}
	var flip int8
	if l.vnni {
		flip = -0x80
	}
	inputs, own := (w.In+3)/4*4, p.scales[o]
	codes := p.i8[o/l.width*l.width*inputs+o%l.width*l.deep:]
	for i := range dst {
		at := i & (l.deep - 1)
		if i > 0 && at == 0 {
			codes = codes[l.deep*l.width:]
		}
		dst[i] = scale * (float32(codes[at]^flip) * own)
	}
}

func (l panelLoops) units(p *product) int {
	tile := l.tile
	if l.quantized(p.w.DType) {
		tile = integerTile
	}
	return (p.w.Out + l.width - 1) / l.width * ((p.count + tile - 1) / tile)
}

func (l panelLoops) prepare(p *product, lo, hi int) {
	q := &p.rows
	if l.vnni {
		C.mm_digits(q.digits(), size(q.stride), floats(q.scales), ints(q.sums), floats(p.x), size(p.ldx), size(p.w.In),
			size(lo), size(hi))
		return
	}
	C.mm_codes(q.whole(), size(q.stride), floats(q.scales), ints(q.sums), floats(p.x), size(p.ldx), size(p.w.In),
		size(lo), size(hi))
}

// digits and whole are the codes as C sees them.
func (q *quantizedRows) digits() *C.int8_t {
	return (*C.int8_t)(unsafe.Pointer(unsafe.SliceData(q.codes)))
}

func (q *quantizedRows) whole() *C.int16_t { return (*C.int16_t)(unsafe.SliceData(q.codes)) }

func (l panelLoops) multiply(p *product, lo, hi int) {
	w, add := p.weight(), C.int(0)
	if p.add {
		add = 1
	}
	at := p.group * w.group
	switch {
	case w.i8 != nil:
		l.integer(p, w.i8[at:], w.scales[p.group*w.scale:], add, lo, hi)
	case w.bf16 != nil:
		l.float(p, C.MM_BF16, unsafe.Pointer(unsafe.SliceData(w.bf16[at:])), add, lo, hi)
	default:
		l.float(p, C.MM_F32, unsafe.Pointer(unsafe.SliceData(w.f32[at:])), add, lo, hi)
	}
}

// integer multiplies with the activations in p.rows.
func (l panelLoops) integer(p *product, w []int8, scales []float32, add C.int, lo, hi int) {
	q := &p.rows
	if l.vnni {
		C.mm_gemm_vnni(floats(p.dst), size(p.ldd), q.digits(), size(q.stride), floats(q.scales), ints(q.sums), size(p.count),
			(*C.uint8_t)(unsafe.Pointer(unsafe.SliceData(w))), floats(scales), size(p.w.In), size(p.w.Out), add, size(lo), size(hi))
		return
	}
	C.mm_gemm_pairs(floats(p.dst), size(p.ldd), q.whole(), size(q.stride), floats(q.scales), ints(q.sums), size(p.count),
		(*C.int8_t)(unsafe.SliceData(w)), floats(scales), size(p.w.In), size(p.w.Out), add, size(lo), size(hi))
}

// float multiplies with float32 activations.
func (l panelLoops) float(p *product, t C.int, w unsafe.Pointer, add C.int, lo, hi int) {
	if l.vnni {
		C.mm_gemm_avx512(t, floats(p.dst), size(p.ldd), floats(p.x), size(p.ldx), size(p.count), w, size(p.w.In),
			size(p.w.Out), add, size(lo), size(hi))
		return
	}
	C.mm_gemm_avx2(t, floats(p.dst), size(p.ldd), floats(p.x), size(p.ldx), size(p.count), w, size(p.w.In),
		size(p.w.Out), add, size(lo), size(hi))
}
