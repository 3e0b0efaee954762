package cpu_test

import (
	"fmt"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// BenchmarkMatMul times products at the base model's shapes and reports GFLOP/s,
// the weights hot in whatever cache holds them.
func BenchmarkMatMul(b *testing.B) {
	for _, t := range []kernels.DType{kernels.F32, kernels.BF16, kernels.I8} {
		for _, s := range [][3]int{{1, 256, 256}, {1, 256, 1536}, {1, 256, 8448}, {32, 256, 768}, {512, 256, 1536}, {512, 512, 512}} {
			b.Run(fmt.Sprintf("%v/%dx%dx%d", t, s[0], s[1], s[2]), func(b *testing.B) {
				d := open(b, "", 0)
				defer d.Close()
				w := benchWeight(b, d, t, s[2], s[1])
				x, _ := d.Alloc(s[0], s[1])
				dst, _ := d.Alloc(s[0], s[2])
				for b.Loop() {
					kernels.MatMul(d, dst, x, w, false)
				}
				b.ReportMetric(2*float64(s[0]*s[1]*s[2])*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}

func benchWeight(b *testing.B, d kernels.Device, t kernels.DType, out, in int) kernels.Weight {
	m := kernels.Matrix{Rows: out, Cols: in, DType: t}
	switch t {
	case kernels.F32:
		m.F32 = make([]float32, out*in)
	case kernels.BF16:
		m.BF16 = make([]uint16, out*in)
	case kernels.I8:
		m.I8, m.Scales = make([]int8, out*in), make([]float32, out)
	}
	w, err := d.Pack(m, 1)
	if err != nil {
		b.Fatal(err)
	}
	return w
}

// BenchmarkAttention times self-attention of a picture's rows, and that of hypotheses
// over one memory, in GFLOP/s.
func BenchmarkAttention(b *testing.B) {
	const heads, width = 4, 64
	d := open(b, "", 0)
	defer d.Close()
	for _, keys := range []int{30, 433} {
		x, _ := d.Alloc(keys, heads*width)
		dst, _ := d.Alloc(keys, heads*width)
		b.Run(fmt.Sprintf("rows/%d", keys), func(b *testing.B) {
			segs := kernels.Segments{0, int32(keys)}
			for b.Loop() {
				kernels.Attention(d, dst, x, x, x, heads, segs, segs)
			}
			b.ReportMetric(4*float64(keys*keys*heads*width)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
		})
		for _, rows := range []int{1, 8} {
			b.Run(fmt.Sprintf("paths/%dx%d", rows, keys), func(b *testing.B) {
				var p kernels.Paths
				for i := range keys {
					p.Slots = append(p.Slots, int32(i))
				}
				for range rows {
					p.Start, p.Count = append(p.Start, 0), append(p.Count, int32(keys))
				}
				for b.Loop() {
					kernels.PathAttention(d, dst.Slice(0, rows), x.Slice(0, rows), x, x, heads, p)
				}
				b.ReportMetric(4*float64(rows*keys*heads*width)*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
			})
		}
	}
}
