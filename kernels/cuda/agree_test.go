//go:build linux && cgo

package cuda

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/kernels/kerneltest"
)

// bench makes the same inputs on a device each time it is asked.
type bench struct {
	t   testing.TB
	d   kernels.Device
	rng *rand.Rand
}

func (b bench) tensor(rows, cols int) kernels.Tensor {
	x, err := b.d.Alloc(rows, cols)
	must(b.t, err)
	values := make([]float32, rows*cols)
	for i := range values {
		values[i] = float32(b.rng.NormFloat64())
	}
	b.d.Write(x, values)
	return x
}

func (b bench) weight(t kernels.DType, groups, out, in int) kernels.Weight {
	m, _ := kerneltest.HostMatrix(b.rng, t, groups*out, in)
	w, err := b.d.Pack(m, groups)
	must(b.t, err)
	return w
}

func (b bench) indices(n, limit int) []int32 {
	ids := make([]int32, n)
	for i := range ids {
		ids[i] = b.rng.Int32N(int32(limit))
	}
	return ids
}

func (b bench) paths(rows, slots, longest int) kernels.Paths {
	var p kernels.Paths
	for range rows {
		n := 1 + b.rng.IntN(longest)
		p.Start = append(p.Start, int32(len(p.Slots)))
		p.Count = append(p.Count, int32(n))
		p.Slots = append(p.Slots, b.indices(n, slots)...)
	}
	return p
}

const aligned = 768 // columns: more than a warp's share, rows at multiples of 16 bytes

// alignedCases run operations at the sizes of models, where rows are aligned, each
// leaving its result in a tensor; kerneltest has the odd ones.
var alignedCases = map[string]func(b bench) kernels.Tensor{
	"Copy": func(b bench) kernels.Tensor {
		dst, x := b.tensor(9, aligned), b.tensor(9, aligned)
		kernels.Copy(b.d, dst, x)
		return dst
	},
	"Add": func(b bench) kernels.Tensor {
		dst, x := b.tensor(9, aligned), b.tensor(9, aligned)
		kernels.Add(b.d, dst, x)
		return dst
	},
	"SiLU": func(b bench) kernels.Tensor {
		x := b.tensor(9, aligned)
		kernels.SiLU(b.d, x, x)
		return x
	},
	"SwiGLU": func(b bench) kernels.Tensor {
		dst, x := b.tensor(9, aligned), b.tensor(9, 2*aligned)
		kernels.SwiGLU(b.d, dst, x)
		return dst
	},
	"Concat": func(b bench) kernels.Tensor {
		dst, x, y := b.tensor(9, aligned+260), b.tensor(9, aligned), b.tensor(9, 260)
		kernels.Concat(b.d, dst, x, y)
		return dst
	},
	"RMSNorm": func(b bench) kernels.Tensor {
		x, gain := b.tensor(9, aligned), b.tensor(1, aligned)
		kernels.RMSNorm(b.d, x, x, gain, 1e-6)
		return x
	},
	"Embed": func(b bench) kernels.Tensor {
		dst := b.tensor(9, aligned)
		kernels.Embed(b.d, dst, b.weight(kernels.I8, 1, 50, aligned), b.indices(9, 50), 16)
		return dst
	},
	"Rope": func(b bench) kernels.Tensor {
		x, cos, sin := b.tensor(9, aligned), b.tensor(20, 32), b.tensor(20, 32)
		kernels.Rope(b.d, x, cos, sin, 8, b.indices(9, 20))
		return x
	},
	"StoreRows twice": func(b bench) kernels.Tensor { // the later row stays
		cache, x := b.tensor(5, aligned), b.tensor(80, aligned)
		kernels.StoreRows(b.d, cache, x, b.indices(80, 5))
		return cache
	},
	"DepthwiseConv": func(b bench) kernels.Tensor {
		dst, x, filter := b.tensor(40, aligned), b.tensor(40, aligned), b.tensor(5, aligned)
		kernels.DepthwiseConv(b.d, dst, x, filter, 2, kernels.Segments{0, 11, 11, 39, 40})
		return dst
	},
	"PathConv": func(b bench) kernels.Tensor {
		dst, x, filter := b.tensor(9, aligned), b.tensor(40, aligned), b.tensor(5, aligned)
		kernels.PathConv(b.d, dst, x, filter, 2, b.paths(9, 40, 30))
		return dst
	},
	"Unfold": func(b bench) kernels.Tensor {
		dst, x := b.tensor(9, 3*aligned), b.tensor(40, aligned)
		index := b.indices(27, 40)
		index[3], index[26] = -1, -1
		kernels.Unfold(b.d, dst, x, index)
		return dst
	},
	"GatherConv": func(b bench) kernels.Tensor {
		dst, x, filter := b.tensor(9, aligned), b.tensor(40, aligned), b.tensor(9, aligned)
		index := b.indices(81, 40)
		index[3], index[80] = -1, -1
		kernels.GatherConv(b.d, dst, x, filter, index)
		return dst
	},
}

func TestAligned(t *testing.T) {
	for _, dtype := range []kernels.DType{kernels.F32, kernels.BF16, kernels.I8} {
		for _, rows := range []int{3, 12, 30, 130} {
			alignedCases[fmt.Sprintf("MatMul %v, %d rows", dtype, rows)] = func(b bench) kernels.Tensor {
				dst, x := b.tensor(rows, 300), b.tensor(rows, 1280)
				kernels.MatMul(b.d, dst, x, b.weight(dtype, 1, 300, 1280), true)
				return dst
			}
		}
	}
	for _, heads := range []int{8, 4, 2} { // 32, 64 and 128 columns wide
		alignedCases[fmt.Sprintf("Attention, %d heads", heads)] = func(b bench) kernels.Tensor {
			q, k, v, dst := b.tensor(75, 256), b.tensor(150, 256), b.tensor(150, 256), b.tensor(75, 256)
			kernels.Attention(b.d, dst, q, k, v, heads, kernels.Segments{0, 0, 67, 72, 75}, kernels.Segments{0, 3, 100, 100, 150})
			return dst
		}
		alignedCases[fmt.Sprintf("PathAttention, %d heads", heads)] = func(b bench) kernels.Tensor {
			q, k, v, dst := b.tensor(9, 256), b.tensor(400, 256), b.tensor(400, 256), b.tensor(9, 256)
			kernels.PathAttention(b.d, dst, q, k, v, heads, b.paths(9, 400, 300))
			return dst
		}
	}
	onEach(t, func(t *testing.T) {
		for name, run := range alignedCases {
			t.Run(name, func(t *testing.T) { agree(t, name, run) })
		}
	})
}

// agree compares a case's result with the CPU's.
func agree(t *testing.T, name string, run func(b bench) kernels.Tensor) {
	gpu := open(t)
	host, err := cpu.Open(cpu.Options{Path: "go", Threads: 1})
	must(t, err)
	got, want := result(t, gpu, run), result(t, host, run)
	// The largest are sums of 1,280 products of deviates; int8 weights meet inputs cut
	// to 16 bits, each off by 2⁻¹⁶ of itself at most.
	bound := 2e-4
	if strings.HasPrefix(name, "MatMul i8") {
		bound = math.Sqrt(1280) / (1 << 14)
	}
	for i := range want {
		if diff := math.Abs(float64(got[i]) - float64(want[i])); !(diff <= bound*(1+math.Abs(float64(want[i])))) {
			t.Fatalf("element %d is %g, on the CPU %g", i, got[i], want[i])
		}
	}
	must(t, gpu.Close())
	must(t, host.Close())
}

func result(t *testing.T, d kernels.Device, run func(b bench) kernels.Tensor) []float32 {
	x := run(bench{t, d, rand.New(rand.NewPCG(3, 4))})
	values := make([]float32, x.Rows*x.Cols)
	d.Read(values, x)
	return values
}
