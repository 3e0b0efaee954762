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
// #include "gemm_amd64.h"
import "C"

import (
	"encoding/binary"
	"unsafe"

	"github.com/mm-runtime/mm/kernels"
)

func gemmLoopsFor(path string) gemmLoops {
	switch path {
	case "avx512":
		return panelLoops{width: 32, tile: 12, vnni: true}
	case "avx2":
		return panelLoops{width: 16, tile: 6}
	}
	return goLoops{}
}

// panelLoops are the products in C over weights in panels (gemm_body.h). With vnni
// those of I8 weights take integer activations (gemm_vnni_amd64.c).
type panelLoops struct {
	width int // outputs of a panel
	tile  int // rows of a unit
	vnni  bool
}

// vnniTile is the rows of a unit of a product with integer activations.
const vnniTile = 6

func (l panelLoops) quantized(t kernels.DType) bool { return l.vnni && t == kernels.I8 }

func (l panelLoops) pack(m kernels.Matrix, groups int) packed {
	out := m.Rows / groups
	wide := (out + l.width - 1) / l.width * l.width
	deep := m.Cols
	if l.quantized(m.DType) {
		deep = (deep + 3) / 4 * 4
	}
	p := packed{group: wide * deep, scale: out, scales: m.Scales}
	n := groups * p.group
	switch {
	case l.quantized(m.DType):
		p.u8 = alignedBytes(n)
	case m.DType == kernels.I8:
		p.i8 = make([]int8, n)
	case m.DType == kernels.BF16:
		p.bf16 = make([]uint16, n)
	default:
		p.f32 = aligned(n)
	}
	for g := range groups {
		from, to := g*out*m.Cols, g*p.group
		switch {
		case p.u8 != nil:
			packQuads(p.u8[to:], m.I8[from:], out, m.Cols, l.width)
		case p.i8 != nil:
			packPanels(p.i8[to:], m.I8[from:], out, m.Cols, l.width)
		case p.bf16 != nil:
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

// packQuads lays out one group four inputs at a time, each code plus 128.
func packQuads(dst []uint8, src []int8, out, in, width int) {
	quads := (in + 3) / 4
	for o := range out {
		row, to := src[o*in:(o+1)*in], dst[(o/width*quads*width+o%width)*4:]
		for len(row) >= 4 {
			binary.NativeEndian.PutUint32(to, *(*uint32)(unsafe.Pointer(unsafe.SliceData(row)))^0x80808080)
			row = row[4:]
			if len(row) > 0 {
				to = to[4*width:]
			}
		}
		for i, v := range row {
			to[i] = uint8(v) ^ 0x80
		}
	}
}

// index is where element (o, i) of a group stands.
func (l panelLoops) index(t kernels.DType, in, o, i int) int {
	if l.quantized(t) {
		return (o/l.width*((in+3)/4)+i/4)*4*l.width + o%l.width*4 + i%4
	}
	return (o/l.width*in+i)*l.width + o%l.width
}

// alignedBytes makes n zeros whose first stands on a cache line.
func alignedBytes(n int) []uint8 {
	f := aligned((n + 3) / 4)
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*uint8)(unsafe.Pointer(unsafe.SliceData(f))), n)
}

func (l panelLoops) at(w kernels.Weight, o, i int) float32 {
	p, at := w.Packed.(*packed), l.index(w.DType, w.In, o, i)
	switch {
	case p.u8 != nil:
		return float32(int(p.u8[at])-128) * p.scales[o]
	case p.i8 != nil:
		return float32(p.i8[at]) * p.scales[o]
	case p.bf16 != nil:
		return bf16(p.bf16[at])
	}
	return p.f32[at]
}

func (l panelLoops) units(p *product) int {
	tile := l.tile
	if l.quantized(p.w.DType) {
		tile = vnniTile
	}
	return (p.w.Out + l.width - 1) / l.width * ((p.count + tile - 1) / tile)
}

func (panelLoops) prepare(p *product, lo, hi int) {
	q := &p.rows
	C.mm_digits((*C.int8_t)(unsafe.SliceData(q.digits)), size(q.stride), floats(q.scales), ints(q.sums),
		floats(p.x), size(p.ldx), size(p.w.In), size(lo), size(hi))
}

func (l panelLoops) multiply(p *product, lo, hi int) {
	w, add := p.weight(), C.int(0)
	if p.add {
		add = 1
	}
	at := p.group * w.group
	switch {
	case w.u8 != nil:
		q := &p.rows
		C.mm_gemm_vnni(floats(p.dst), size(p.ldd), (*C.int8_t)(unsafe.SliceData(q.digits)), size(q.stride),
			floats(q.scales), ints(q.sums), size(p.count), (*C.uint8_t)(unsafe.SliceData(w.u8[at:])),
			floats(w.scales[p.group*w.scale:]), size(p.w.In), size(p.w.Out), add, size(lo), size(hi))
	case w.i8 != nil:
		l.float(p, C.MM_I8, unsafe.Pointer(unsafe.SliceData(w.i8[at:])), w.scales[p.group*w.scale:], add, lo, hi)
	case w.bf16 != nil:
		l.float(p, C.MM_BF16, unsafe.Pointer(unsafe.SliceData(w.bf16[at:])), nil, add, lo, hi)
	default:
		l.float(p, C.MM_F32, unsafe.Pointer(unsafe.SliceData(w.f32[at:])), nil, add, lo, hi)
	}
}

// float multiplies with float32 activations.
func (l panelLoops) float(p *product, t C.int, w unsafe.Pointer, scales []float32, add C.int, lo, hi int) {
	if l.vnni {
		C.mm_gemm_avx512(t, floats(p.dst), size(p.ldd), floats(p.x), size(p.ldx), size(p.count), w, floats(scales),
			size(p.w.In), size(p.w.Out), add, size(lo), size(hi))
		return
	}
	C.mm_gemm_avx2(t, floats(p.dst), size(p.ldd), floats(p.x), size(p.ldx), size(p.count), w, floats(scales),
		size(p.w.In), size(p.w.Out), add, size(lo), size(hi))
}
