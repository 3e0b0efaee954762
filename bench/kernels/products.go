package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/mm-runtime/mm/kernels"
)

// timed is a product with what it took, and what share that is of the limits
// measured in the same run; 0 where a limit is not known.
type timed struct {
	product
	Seconds float64 `json:"seconds"`
	GFLOPS  float64 `json:"gflop_s"`
	OfPeak  float64 `json:"of_peak"` // of the multiplications of that type
	Read    float64 `json:"read_gb_s"`
	OfRead  float64 `json:"of_read"` // of reading as many bytes and nothing else
}

// multiplier is a product with its operands on a device.
type multiplier struct {
	product
	dev     kernels.Device
	dst, x  kernels.Tensor
	in      []float32
	source  kernels.Matrix
	packed  []kernels.Weight
	routing *kernels.Routing // of grouped products
	next    int
}

func newMultiplier(dev kernels.Device, p product, rng *rand.Rand) (*multiplier, error) {
	m := &multiplier{product: p, dev: dev, source: randomMatrix(p, rng)}
	for range p.Copies {
		w, err := dev.Pack(m.source, p.Groups)
		if err != nil {
			return nil, err
		}
		m.packed = append(m.packed, w)
	}
	rows := p.M * p.Top
	var err error
	if m.x, err = dev.Alloc(rows, p.K); err != nil {
		return nil, err
	}
	if m.dst, err = dev.Alloc(rows, p.N); err != nil {
		return nil, err
	}
	m.in = normal(rows*p.K, rng)
	dev.Write(m.x, m.in)
	if p.Groups > 1 {
		err = m.route(rng)
	}
	return m, err
}

// route sends the rows to experts at random.
func (m *multiplier) route(rng *rand.Rand) error {
	logits, err := m.dev.Alloc(m.M, m.Groups)
	if err != nil {
		return err
	}
	m.dev.Write(logits, normal(m.M*m.Groups, rng))
	if m.routing, err = m.dev.NewRouting(m.M, m.Groups, m.Top); err != nil {
		return err
	}
	kernels.Route(m.dev, m.routing, logits)
	return nil
}

func (m *multiplier) close() {
	m.dev.Free(m.x)
	m.dev.Free(m.dst)
}

func (m *multiplier) multiply() {
	w := m.packed[m.next]
	if m.next++; m.next == len(m.packed) {
		m.next = 0
	}
	if m.routing != nil {
		kernels.GroupMatMul(m.dev, m.dst, m.x, w, m.routing)
		return
	}
	kernels.MatMul(m.dev, m.dst, m.x, w, false)
}

// check compares some elements of a plain product with sums in float64. Weights
// of 8 bits may meet rounded activations: 1/127 of the largest in each term.
func (m *multiplier) check() error {
	if m.routing != nil {
		return nil
	}
	m.multiply()
	out := make([]float32, m.M*m.N)
	m.dev.Read(out, m.dst)
	rounding := map[kernels.DType]float64{kernels.F32: 1e-6, kernels.BF16: 1. / 256, kernels.I8: 1. / 127}[m.source.DType]
	for _, at := range []int{0, len(out) / 3, len(out) - 1} {
		row, col := at/m.N, at%m.N
		sum, size := 0.0, 0.0
		for i := range m.K {
			w, x := element(m.source, col, i), float64(m.in[row*m.K+i])
			sum, size = sum+w*x, size+math.Abs(w)*math.Max(math.Abs(x), 4)
		}
		if got := float64(out[at]); !(math.Abs(got-sum) <= rounding*size) {
			return fmt.Errorf("%s %s %d×%d×%d: element (%d, %d) is %v, want %v", m.Name, m.DType, m.M, m.N, m.K, row, col, got, sum)
		}
	}
	return nil
}

func timeProduct(dev kernels.Device, p product, l limits, r rule, rng *rand.Rand) (timed, error) {
	m, err := newMultiplier(dev, p, rng)
	if err != nil {
		return timed{}, err
	}
	defer m.close()
	if err := m.check(); err != nil {
		return timed{}, err
	}
	t := timed{product: p, Seconds: r.seconds(m.multiply)}
	t.GFLOPS = p.flops() / t.Seconds / 1e9
	t.Read = p.read() / t.Seconds / 1e9
	if peak := l.Peak[p.DType]; peak > 0 {
		t.OfPeak = t.GFLOPS / peak
	}
	if read := l.read(p.bytes() * p.Copies); read > 0 {
		t.OfRead = t.Read / read
	}
	return t, nil
}

func normal(n int, rng *rand.Rand) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(rng.NormFloat64())
	}
	return values
}

func randomMatrix(p product, rng *rand.Rand) kernels.Matrix {
	m := kernels.Matrix{Rows: p.Groups * p.N, Cols: p.K, DType: p.dtype()}
	n := m.Rows * m.Cols
	switch m.DType {
	case kernels.F32:
		m.F32 = normal(n, rng)
	case kernels.BF16:
		m.BF16 = make([]uint16, n)
		for i := range m.BF16 {
			m.BF16[i] = uint16(math.Float32bits(float32(rng.NormFloat64())) >> 16)
		}
	case kernels.I8:
		m.I8, m.Scales = make([]int8, n), make([]float32, m.Rows)
		for i := range m.I8 {
			m.I8[i] = int8(rng.IntN(255) - 127)
		}
		for i := range m.Scales {
			m.Scales[i] = 1. / 64
		}
	}
	return m
}

// element (o, i) of a matrix.
func element(m kernels.Matrix, o, i int) float64 {
	at := o*m.Cols + i
	switch m.DType {
	case kernels.BF16:
		return float64(math.Float32frombits(uint32(m.BF16[at]) << 16))
	case kernels.I8:
		return float64(m.I8[at]) * float64(m.Scales[o])
	}
	return float64(m.F32[at])
}
