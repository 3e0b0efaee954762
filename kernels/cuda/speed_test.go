//go:build linux && cgo

package cuda

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mm-runtime/mm/kernels"
)

// speedCase is an operation to time. train/bench_kernels.py reads its shape off its
// name and times what PyTorch has for it.
type speedCase struct {
	name         string
	flops, bytes float64 // of the arithmetic meant, of what is read and written once
	build        func(b bench) (run func())
}

func productCase(t kernels.DType, rows, in, out int) speedCase {
	size := map[kernels.DType]int{kernels.F32: 4, kernels.BF16: 2, kernels.I8: 1}[t]
	return speedCase{
		name:  fmt.Sprintf("matmul/%v/%dx%dx%d", t, rows, in, out),
		flops: 2 * float64(rows) * float64(in) * float64(out),
		bytes: 4*float64(rows)*float64(in+out) + float64(size)*float64(in)*float64(out),
		build: func(b bench) func() {
			dst, x, w := b.blank(rows, out), b.blank(rows, in), b.filled(t, out, in)
			return func() { kernels.MatMul(b.d, dst, x, w, false) }
		},
	}
}

// hopperCase is the same product by the kernel for Hopper alone.
func hopperCase(t kernels.DType, rows, in, out int) speedCase {
	c := productCase(t, rows, in, out)
	c.name = "hopper" + c.name
	c.build = func(b bench) func() {
		d := b.d.(*Device)
		if !d.hopper() {
			return nil
		}
		dst, x, w := b.blank(rows, out), b.blank(rows, in), b.filled(t, out, in)
		return func() { d.matMul(hopperVariants[t], dst, x, w, false) }
	}
	return c
}

// bulkCase is it by a kernel of matmul_bulk.cu. Rows are cut by it or, where it is to do
// what other libraries call a bfloat16 product, beforehand.
func bulkCase(v bulkVariant, name string, rows, in, out int) speedCase {
	c := productCase(kernels.BF16, rows, in, out)
	c.name = name + c.name
	if v.parts == 1 {
		c.bytes -= 2 * float64(rows) * float64(in) // it reads rows of two bytes
	}
	c.build = func(b bench) func() {
		d := b.d.(*Device)
		if !d.hopper() {
			return nil
		}
		dst, x, w := b.blank(rows, out), b.blank(rows, in), b.filled(kernels.BF16, out, in)
		parts, err := d.cut(v, x)
		must(b.t, err)
		return func() {
			if v.parts > 1 {
				d.cutInto(v, x, parts)
			}
			d.matMulBulk(v, dst, x, parts, w, false)
		}
	}
	return c
}

func attentionCase(segments, length, heads, width int) speedCase {
	rows, cols := segments*length, heads*width
	return speedCase{
		name:  fmt.Sprintf("attention/%dx%dx%dx%d", segments, length, heads, width),
		flops: 4 * float64(rows) * float64(length) * float64(cols),
		bytes: 16 * float64(rows) * float64(cols),
		build: func(b bench) func() {
			dst, q, k, v := b.blank(rows, cols), b.blank(rows, cols), b.blank(rows, cols), b.blank(rows, cols)
			segs := make(kernels.Segments, segments+1)
			for i := range segs {
				segs[i] = int32(i * length)
			}
			return func() { kernels.Attention(b.d, dst, q, k, v, heads, segs, segs) }
		},
	}
}

// pathCase is a decode step's attention: each row sees a path of its own.
func pathCase(rows, length, heads, width int) speedCase {
	cols := heads * width
	return speedCase{
		name:  fmt.Sprintf("paths/%dx%dx%dx%d", rows, length, heads, width),
		flops: 4 * float64(rows) * float64(length) * float64(cols),
		bytes: 8 * float64(rows) * float64(cols) * float64(length+1),
		build: func(b bench) func() {
			dst, q, k, v := b.blank(rows, cols), b.blank(rows, cols), b.blank(rows*length, cols), b.blank(rows*length, cols)
			var p kernels.Paths
			for r := range rows {
				p.Start, p.Count = append(p.Start, int32(r*length)), append(p.Count, int32(length))
			}
			for i := range rows * length {
				p.Slots = append(p.Slots, int32(i))
			}
			return func() { kernels.PathAttention(b.d, dst, q, k, v, heads, p) }
		},
	}
}

func rowCase(name string, rows, cols int, run func(d kernels.Device, dst, x, gain kernels.Tensor)) speedCase {
	return speedCase{
		name:  fmt.Sprintf("%s/%dx%d", name, rows, cols),
		bytes: 8 * float64(rows) * float64(cols),
		build: func(b bench) func() {
			dst, x, gain := b.blank(rows, cols), b.blank(rows, cols), b.blank(1, cols)
			return func() { run(b.d, dst, x, gain) }
		},
	}
}

func topKCase(rows, cols, k int) speedCase {
	return speedCase{
		name:  fmt.Sprintf("topk/%dx%dx%d", rows, cols, k),
		bytes: 4 * float64(rows) * float64(cols),
		build: func(b bench) func() {
			logits, allowed := b.blank(rows, cols), make([]kernels.Allowed, rows)
			for r := range allowed {
				allowed[r].Limit = int32(cols)
			}
			var c kernels.Candidates
			c.Resize(rows, k)
			return func() { kernels.TopK(b.d, c, logits, allowed) }
		},
	}
}

// speedCases are the model's shapes, then the large ones that others publish.
func speedCases() []speedCase {
	var all []speedCase
	for _, rows := range []int{1, 8, 32, 256, 4096} {
		for _, s := range [][2]int{{256, 768}, {256, 1536}, {768, 256}, {256, 8448}} {
			all = append(all, productCase(kernels.I8, rows, s[0], s[1]))
		}
	}
	all = append(all, hopperCase(kernels.I8, 4096, 256, 1536), hopperCase(kernels.I8, 4096, 256, 8448),
		bulkCase(bulkRounded, "rounded", 4096, 256, 1536), bulkCase(bulkRounded, "rounded", 4096, 256, 8448))
	for _, n := range []int{4096, 8192} {
		all = append(all, productCase(kernels.BF16, n, n, n), hopperCase(kernels.BF16, n, n, n), hopperCase(kernels.I8, n, n, n),
			bulkCase(bulkExact, "bulk", n, n, n), bulkCase(bulkRounded, "rounded", n, n, n))
	}
	return append(all,
		attentionCase(64, 60, 4, 64), attentionCase(16, 256, 4, 64), attentionCase(1, 16384, 8, 128),
		pathCase(1, 40, 4, 64), pathCase(256, 60, 4, 64),
		rowCase("norm", 4096, 256, func(d kernels.Device, dst, x, gain kernels.Tensor) { kernels.RMSNorm(d, dst, x, gain, 1e-6) }),
		rowCase("copy", 65536, 1024, func(d kernels.Device, dst, x, _ kernels.Tensor) { kernels.Copy(d, dst, x) }),
		topKCase(1, 8448, 1), topKCase(256, 8448, 1), topKCase(256, 8448, 4))
}

// blank is a tensor of small numbers, the same for all rows: how large they are does
// not matter to the time, that they are not all zeros does to the clock.
func (b bench) blank(rows, cols int) kernels.Tensor {
	x, err := b.d.Alloc(rows, cols)
	must(b.t, err)
	first := x.Slice(0, min(rows, 64))
	values := make([]float32, first.Rows*cols)
	for i := range values {
		values[i] = float32(b.rng.IntN(2048)-1024) / 1024
	}
	b.d.Write(first, values)
	for done := first.Rows; done < rows; {
		n := min(done, rows-done)
		kernels.Copy(b.d, x.Slice(done, done+n), x.Slice(0, n))
		done += n
	}
	return x
}

// filled is a weight of random bits that are finite numbers.
func (b bench) filled(t kernels.DType, out, in int) kernels.Weight {
	m := kernels.Matrix{Rows: out, Cols: in, DType: t}
	switch t {
	case kernels.BF16:
		m.BF16 = make([]uint16, out*in)
		for i := range m.BF16 {
			m.BF16[i] = uint16(b.rng.Uint32()) & 0xbfff
		}
	case kernels.I8:
		m.I8, m.Scales = make([]int8, out*in), slices.Repeat([]float32{1.0 / 64}, out)
		for i := range m.I8 {
			m.I8[i] = int8(b.rng.Uint32())
		}
	}
	w, err := b.d.Pack(m, 1)
	must(b.t, err)
	return w
}

const l2Flush = 32 << 20 // floats, more than the cache holds

// BenchmarkGPU times kernels by CUDA events, the cache flushed before each: the
// medians of -benchtime Nx launches. It needs a GPU.
func BenchmarkGPU(b *testing.B) {
	d := openGPU(b).(*Device)
	flush, err := d.Alloc(l2Flush/1024, 1024)
	must(b, err)
	at := d.view(flush).data
	for _, c := range speedCases() {
		b.Run(c.name, func(b *testing.B) {
			d := openGPU(b).(*Device)
			defer d.Close()
			run := c.build(bench{b, d, rand.New(rand.NewPCG(1, 2))})
			if run == nil {
				b.Skip("not for this GPU")
			}
			µs := d.time(b, run, func() error { return d.stream.Fill(at, 0, 4*l2Flush) })
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(µs, "gpu-µs")
			if c.flops > 0 {
				b.ReportMetric(c.flops/µs/1e6, "TFLOP/s")
			}
			b.ReportMetric(c.bytes/µs/1e3, "GB/s")
		})
	}
	must(b, d.Close())
}

// time is the median of b.N runs in microseconds. The GPU is still flushing its cache
// while a run is queued, so that no gap counts.
func (d *Device) time(b *testing.B, run func(), flush func() error) float64 {
	start, err := d.context.NewEvent(true)
	must(b, err)
	end, err := d.context.NewEvent(true)
	must(b, err)
	run()
	d.wait()
	var all []time.Duration
	for range b.N {
		must(b, flush())
		must(b, start.Record(d.stream))
		run()
		d.journal.flush()
		must(b, end.Record(d.stream))
		d.wait()
		took, err := end.Since(start)
		must(b, err)
		all = append(all, took)
	}
	must(b, start.Close())
	must(b, end.Close())
	slices.Sort(all)
	return float64(all[len(all)/2]) / float64(time.Microsecond)
}
