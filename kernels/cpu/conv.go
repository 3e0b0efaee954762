package cpu

import "github.com/mm-runtime/mm/kernels"

// DepthwiseConv shares the rows between the threads, whatever their segments.
func (d *Device) DepthwiseConv(dst, x, filter kernels.Tensor, dilation int, segs kernels.Segments) {
	t := &d.task
	t.dst, t.x, t.y, t.dilation, t.segs = of(dst), of(x), of(filter), dilation, segs
	d.start(runDepthwiseConv, x.Rows, x.Rows*x.Cols*filter.Rows/4)
}

func runDepthwiseConv(t *task, _, lo, hi int) {
	for i := range len(t.segs) - 1 {
		first, end := int(t.segs[i]), int(t.segs[i+1])
		from, to := max(lo, first), min(hi, end)
		if from < to {
			t.ops.conv(t.dst.slice(first, end), t.x.slice(first, end), t.y, t.dilation, from-first, to-first)
		}
	}
}

// PathConv runs row by row.
func (d *Device) PathConv(dst, cache, filter kernels.Tensor, dilation int, paths kernels.Paths) {
	t := &d.task
	t.dst, t.x, t.y, t.dilation, t.paths = of(dst), of(cache), of(filter), dilation, paths
	d.start(runPathConv, dst.Rows, dst.Rows*dst.Cols*filter.Rows/4)
}

func runPathConv(t *task, _, lo, hi int) {
	t.ops.pathConv(t.dst, t.x, t.y, t.dilation, t.paths, lo, hi)
}

// Unfold copies row by row.
func (d *Device) Unfold(dst, x kernels.Tensor, index []int32) {
	t := &d.task
	t.dst, t.x, t.index = of(dst), of(x), index
	d.start(runUnfold, dst.Rows, dst.Rows*dst.Cols/4)
}

func runUnfold(t *task, _, lo, hi int) {
	taps, cols := t.dst.cols/t.x.cols, t.x.cols
	for r := lo; r < hi; r++ {
		row := t.dst.row(r)
		for k, at := range t.index[r*taps : (r+1)*taps] {
			to := row[k*cols : (k+1)*cols]
			if at < 0 {
				clear(to)
			} else {
				copy(to, t.x.row(int(at)))
			}
		}
	}
}

// GatherConv runs row by row.
func (d *Device) GatherConv(dst, x, filter kernels.Tensor, index []int32) {
	t := &d.task
	t.dst, t.x, t.y, t.index = of(dst), of(x), of(filter), index
	d.start(runGatherConv, dst.Rows, dst.Rows*dst.Cols*filter.Rows/4)
}

func runGatherConv(t *task, _, lo, hi int) {
	taps := t.y.rows
	t.ops.gatherConv(t.dst.slice(lo, hi), t.x, t.y, t.index[lo*taps:hi*taps])
}
