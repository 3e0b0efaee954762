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
