package cpu

import "github.com/mm-runtime/mm/kernels"

// Embed looks up one row an id.
func (d *Device) Embed(dst kernels.Tensor, table kernels.Weight, ids []int32, scale float32) {
	v := of(dst)
	for r, id := range ids {
		d.gemm.loops.row(v.row(r), table, int(id), scale)
	}
}

// MatMul multiplies all rows by one matrix.
func (d *Device) MatMul(dst, x kernels.Tensor, w kernels.Weight, add bool) {
	if x.Rows == 0 || dst.Cols == 0 {
		return
	}
	out, in := of(dst), of(x)
	d.gemm.matmul(out.data, out.stride, in.data, in.stride, in.rows, w, 0, add)
}

// Pack lays a weight out for MatMul, GroupMatMul and Embed.
func (d *Device) Pack(m kernels.Matrix, groups int) (kernels.Weight, error) {
	return d.gemm.pack(m, groups)
}

// RMSNorm normalises row by row.
func (d *Device) RMSNorm(dst, x, gain kernels.Tensor, eps float32) {
	t := &d.task
	t.dst, t.x, t.y, t.eps = of(dst), of(x), of(gain), eps
	d.start(runRMSNorm, x.Rows, x.Rows*x.Cols)
}

func runRMSNorm(t *task, _, lo, hi int) {
	t.ops.rmsNorm(t.dst.slice(lo, hi), t.x.slice(lo, hi), t.y.data, t.eps)
}

// Copy copies row by row.
func (d *Device) Copy(dst, x kernels.Tensor) {
	d.task.dst, d.task.x = of(dst), of(x)
	d.start(runCopy, x.Rows, x.Rows*x.Cols/4)
}

func runCopy(t *task, _, lo, hi int) {
	for r := lo; r < hi; r++ {
		copy(t.dst.row(r), t.x.row(r))
	}
}

// Add adds element by element.
func (d *Device) Add(dst, x kernels.Tensor) {
	d.task.dst, d.task.x = of(dst), of(x)
	d.start(runAdd, x.Rows, x.Rows*x.Cols/4)
}

func runAdd(t *task, _, lo, hi int) { t.ops.add(t.dst.slice(lo, hi), t.x.slice(lo, hi)) }

// Concat copies rows side by side.
func (d *Device) Concat(dst, a, b kernels.Tensor) {
	t := &d.task
	t.dst, t.x, t.y = of(dst), of(a), of(b)
	d.start(runConcat, dst.Rows, dst.Rows*dst.Cols/4)
}

func runConcat(t *task, _, lo, hi int) {
	for r := lo; r < hi; r++ {
		row := t.dst.row(r)
		copy(row, t.x.row(r))
		copy(row[t.x.cols:], t.y.row(r))
	}
}

// SiLU runs element by element.
func (d *Device) SiLU(dst, x kernels.Tensor) {
	d.task.dst, d.task.x = of(dst), of(x)
	d.start(runSiLU, x.Rows, x.Rows*x.Cols)
}

func runSiLU(t *task, _, lo, hi int) { t.ops.silu(t.dst.slice(lo, hi), t.x.slice(lo, hi)) }

// SwiGLU runs element by element over the two halves of each row.
func (d *Device) SwiGLU(dst, x kernels.Tensor) {
	d.task.dst, d.task.x = of(dst), of(x)
	d.start(runSwiGLU, x.Rows, x.Rows*x.Cols)
}

func runSwiGLU(t *task, _, lo, hi int) { t.ops.swiGLU(t.dst.slice(lo, hi), t.x.slice(lo, hi)) }

// Rope rotates row by row.
func (d *Device) Rope(x, cos, sin kernels.Tensor, heads int, positions []int32) {
	t := &d.task
	t.x, t.y, t.z, t.heads, t.positions = of(x), of(cos), of(sin), heads, positions
	d.start(runRope, x.Rows, x.Rows*heads*cos.Cols)
}

func runRope(t *task, _, lo, hi int) {
	t.ops.rope(t.x.slice(lo, hi), t.y, t.z, t.heads, t.positions[lo:hi])
}

// StoreRows copies in order, so that of two rows for one slot the later stays.
func (d *Device) StoreRows(cache, x kernels.Tensor, slots []int32) {
	to, from := of(cache), of(x)
	for r, slot := range slots {
		copy(to.row(int(slot)), from.row(r))
	}
}

// TopK runs a row of logits at a time.
func (d *Device) TopK(c kernels.Candidates, logits kernels.Tensor, allowed []kernels.Allowed) {
	t := &d.task
	t.x, t.candidates, t.allowed = of(logits), c, allowed
	d.start(runTopK, logits.Rows, logits.Rows*logits.Cols)
}

func runTopK(t *task, _, lo, hi int) {
	c := t.candidates
	for r := lo; r < hi; r++ {
		ids, logs := c.IDs[r*c.K:(r+1)*c.K], c.Logs[r*c.K:(r+1)*c.K]
		t.ops.topK(ids, logs, t.x.row(r), t.allowed[r])
	}
}
