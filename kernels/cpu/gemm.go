package cpu

import (
	"fmt"

	"github.com/mm-runtime/mm/kernels"
)

// gemm is a device's matrix products. Each element of a result is summed over the
// inputs in one fixed order, whatever the number of rows: a row's result is the
// same to the bit in any company.
type gemm struct {
	pool  *pool
	loops gemmLoops
	task  product
}

// gemmLoops are the inner loops of one instruction set.
type gemmLoops interface {
	// pack lays out groups matrices; m has been checked.
	pack(m kernels.Matrix, groups int) packed
	// row sets dst to scale times row o of a weight of one group.
	row(dst []float32, w kernels.Weight, o int, scale float32)
	// quantized says whether products with a type read p.rows instead of p.x.
	quantized(t kernels.DType) bool
	// prepare quantizes rows lo up to hi of p.x into p.rows.
	prepare(p *product, lo, hi int)
	// units is the number of equal pieces that a product can be cut into.
	units(p *product) int
	// multiply does the units lo up to hi.
	multiply(p *product, lo, hi int)
}

// packed is a weight's elements as a path's loops want them; one field of the
// first three is set.
type packed struct {
	f32    []float32
	bf16   []uint16
	i8     []int8
	scales []float32 // of i8, by output
	group  int       // elements from one group to the next
	scale  int       // scales from one group to the next
}

// product is a matrix product in progress: dst (rows, Out) = x (rows, In)·wᵀ.
type product struct {
	loops     gemmLoops
	dst, x    []float32
	ldd, ldx  int
	count     int // rows
	w         kernels.Weight
	group     int
	add       bool
	preparing bool
	rows      quantizedRows
}

// quantizedRows are rows of activations as integers of 16 bits: whole
// (gemm_pairs_amd64.c), or each row's upper digits, then its lower ones
// (gemm_vnni_amd64.c).
type quantizedRows struct {
	codes  []int16 // (count, stride)
	stride int
	scales []float32 // by row
	sums   []int32   // (count, 2) of the digits, or (count) of the sizes
}

// inlineProducts is the number of multiplications below which waking the other
// threads costs more than they save.
const inlineProducts = 1 << 16

func newGEMM(path string, p *pool) *gemm {
	loops := gemmLoopsFor(path)
	return &gemm{pool: p, loops: loops, task: product{loops: loops}}
}

// pack checks m and lays it out.
func (g *gemm) pack(m kernels.Matrix, groups int) (kernels.Weight, error) {
	n := m.Rows * m.Cols
	want := map[kernels.DType][4]int{kernels.F32: {n, 0, 0, 0}, kernels.BF16: {0, n, 0, 0}, kernels.I8: {0, 0, n, m.Rows}}
	lengths, known := want[m.DType]
	switch {
	case !known:
		return kernels.Weight{}, fmt.Errorf("cpu: pack: %v, want f32, bf16 or i8", m.DType)
	case groups < 1 || m.Rows%groups != 0 || m.Rows < 0 || m.Cols < 0:
		return kernels.Weight{}, fmt.Errorf("cpu: pack: %d groups of a matrix [%d %d], want a divisor of the rows", groups, m.Rows, m.Cols)
	case [4]int{len(m.F32), len(m.BF16), len(m.I8), len(m.Scales)} != lengths:
		return kernels.Weight{}, fmt.Errorf("cpu: pack: %d f32, %d bf16, %d i8 values and %d scales for %v [%d %d], want %v",
			len(m.F32), len(m.BF16), len(m.I8), len(m.Scales), m.DType, m.Rows, m.Cols, lengths)
	case m.DType == kernels.I8 && m.Cols > maxQuantizedIn:
		return kernels.Weight{}, fmt.Errorf("cpu: pack: i8 matrix with %d columns, want at most %d", m.Cols, maxQuantizedIn)
	}
	w := kernels.Weight{Groups: groups, Out: m.Rows / groups, In: m.Cols, DType: m.DType}
	p := g.loops.pack(m, groups)
	w.Packed = &p
	return w, nil
}

// maxQuantizedIn keeps sums of 8-bit products within int32: 255·128·In < 2³¹.
const maxQuantizedIn = 1 << 16

// matmul sets rows of dst to x·wᵀ, w being one group of a weight, or adds it.
func (g *gemm) matmul(dst []float32, ldd int, x []float32, ldx, rows int, w kernels.Weight, group int, add bool) {
	p := &g.task
	p.dst, p.ldd, p.x, p.ldx, p.count = dst, ldd, x, ldx, rows
	p.w, p.group, p.add = w, group, add
	if g.loops.quantized(w.DType) {
		p.rows.reserve(rows, w.In)
		p.preparing = true
		g.run(rows * w.In)
		p.preparing = false
	}
	g.run(rows * w.In * w.Out)
	p.dst, p.x = nil, nil
}

func (g *gemm) run(work int) {
	if work < inlineProducts || g.pool.workers == 1 {
		g.task.do(0, 0, 1)
		return
	}
	g.pool.run(&g.task)
}

// do is the part-th of parts equal shares of preparing the rows, or of the product.
func (p *product) do(_, part, parts int) {
	n, f := p.count, p.loops.prepare
	if !p.preparing {
		n, f = p.loops.units(p), p.loops.multiply
	}
	if lo, hi := n*part/parts, n*(part+1)/parts; lo < hi {
		f(p, lo, hi)
	}
}

// weight is the group's part of a packed weight.
func (p *product) weight() *packed { return p.w.Packed.(*packed) }

func (q *quantizedRows) reserve(rows, in int) {
	const vector = 16
	q.stride = (in + vector - 1) / vector * vector
	if n := rows * q.stride; cap(q.codes) < n {
		q.codes = make([]int16, 2*n)
	}
	if cap(q.scales) < rows {
		q.scales, q.sums = make([]float32, 2*rows), make([]int32, 4*rows)
	}
	q.codes, q.scales, q.sums = q.codes[:cap(q.codes)], q.scales[:cap(q.scales)], q.sums[:cap(q.sums)]
}
