package kerneltest

import (
	"math"
	"math/rand/v2"

	"github.com/mm-runtime/mm/kernels"
)

func dtypes() []kernels.DType { return []kernels.DType{kernels.F32, kernels.BF16, kernels.I8} }

// weight is a packed matrix (Groups · Out, In) and the exact values it stands for.
type weight struct {
	kernels.Weight
	values []float32 // (Groups · Out, In)
}

// row is output o's inputs in a group.
func (w weight) row(group, o int) []float32 {
	at := (group*w.Out + o) * w.In
	return w.values[at : at+w.In]
}

// weight makes normal deviates of a dtype and packs them.
func (s *suite) weight(d kernels.DType, groups, out, in int) weight {
	s.t.Helper()
	m, values := HostMatrix(s.rng, d, groups*out, in)
	packed, err := s.d.Pack(m, groups)
	if err != nil {
		s.t.Fatalf("pack %v [%d %d %d]: %v", d, groups, out, in, err)
	}
	if packed.Groups != groups || packed.Out != out || packed.In != in || packed.DType != d {
		s.t.Fatalf("packed %v [%d %d %d] is %v [%d %d %d]", d, groups, out, in,
			packed.DType, packed.Groups, packed.Out, packed.In)
	}
	return weight{Weight: packed, values: values}
}

// HostMatrix is a matrix of normal deviates, of even ones as int8, and the exact values
// that it stands for.
func HostMatrix(rng *rand.Rand, d kernels.DType, rows, cols int) (kernels.Matrix, []float32) {
	m := kernels.Matrix{Rows: rows, Cols: cols, DType: d}
	values := make([]float32, rows*cols)
	if d == kernels.I8 {
		m.Scales = make([]float32, rows)
		for r := range m.Scales {
			m.Scales[r] = (0.5 + rng.Float32()) / 64
		}
	}
	for i := range values {
		v := float32(rng.NormFloat64())
		switch d {
		case kernels.F32:
			m.F32 = append(m.F32, v)
		case kernels.BF16:
			m.BF16 = append(m.BF16, uint16(math.Float32bits(v)>>16))
			v = math.Float32frombits(uint32(m.BF16[i]) << 16)
		case kernels.I8:
			m.I8 = append(m.I8, int8(rng.IntN(255)-127))
			v = float32(m.I8[i]) * m.Scales[i/cols]
		}
		values[i] = v
	}
	return m, values
}

func rowNorms(values []float32, cols int, norm func([]float32) float64) []float64 {
	norms := make([]float64, len(values)/cols)
	for r := range norms {
		norms[r] = norm(values[r*cols : (r+1)*cols])
	}
	return norms
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i, v := range a {
		sum += float64(v) * float64(b[i])
	}
	return sum
}

func testMatMul(s *suite) {
	for _, dtype := range dtypes() {
		for _, out := range colCounts() {
			for _, in := range colCounts() {
				w := s.weight(dtype, 1, out, in)
				for _, rows := range rowCounts() {
					s.matMul(w, rows, false)
					s.matMul(w, rows, true)
				}
			}
		}
	}
}

func (s *suite) matMul(w weight, rows int, add bool) {
	s.t.Helper()
	dst, x, tol := s.empty(rows, w.Out), s.normal(rows, w.In), tolerances(w.DType)
	if add {
		dst = s.normal(rows, w.Out)
	}
	kernels.MatMul(s.d, dst.Tensor, x.Tensor, w.Weight, add)
	xNorms, wNorms := rowNorms(x.values, x.Cols, tol.norm), rowNorms(w.values, w.In, norm)
	for i, got := range s.read(dst) {
		r, o := i/w.Out, i%w.Out
		want := dot(x.row(r), w.row(0, o))
		bound := tol.epsilon * xNorms[r] * wNorms[o]
		if add {
			want += float64(dst.values[i])
			bound += tolerances(kernels.F32).epsilon * math.Abs(float64(dst.values[i]))
		}
		s.within(got, want, bound, "%v [%d %d]·[%d %d]ᵀ, add %v, element (%d, %d)",
			w.DType, rows, w.In, w.Out, w.In, add, r, o)
	}
}

// testNotFinite wants a row with a NaN or an infinity in it to show in all its
// outputs, and its neighbours to stay as they are.
func testNotFinite(s *suite) {
	const in, out = 67, 33
	for _, dtype := range dtypes() {
		w := s.weight(dtype, 1, out, in)
		for _, at := range []int{0, 15, 64, in - 1} {
			for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
				x, dst := s.normal(3, in), s.empty(3, out)
				x.values[in+at] = float32(bad)
				s.d.Write(x.Tensor, x.values)
				kernels.MatMul(s.d, dst.Tensor, x.Tensor, w.Weight, false)
				for i, got := range s.read(dst) {
					if v := float64(got); (math.IsNaN(v) || math.IsInf(v, 0)) != (i/out == 1) {
						s.t.Fatalf("%v, %v at input %d of row 1: output %d of row %d is %v", dtype, bad, at, i%out, i/out, got)
					}
				}
			}
		}
	}
}

func testEmbed(s *suite) {
	for _, dtype := range dtypes() {
		eachShape(func(rows, cols int) {
			table := s.weight(dtype, 1, 37, cols)
			dst, ids := s.empty(rows, cols), s.indices(rows, 37)
			kernels.Embed(s.d, dst.Tensor, table.Weight, ids, 16)
			for i, got := range s.read(dst) {
				want := 16 * float64(table.row(0, int(ids[i/cols]))[i%cols])
				s.near(got, want, math.Abs(want), "%v", dtype)
			}
		})
	}
}

// testPack checks that matrices that contradict themselves are errors.
func testPack(s *suite) {
	bad := map[string]struct {
		m      kernels.Matrix
		groups int
	}{
		"too little data":         {kernels.Matrix{Rows: 2, Cols: 3, F32: make([]float32, 5)}, 1},
		"too much data":           {kernels.Matrix{Rows: 2, Cols: 3, DType: kernels.BF16, BF16: make([]uint16, 7)}, 1},
		"no scales":               {kernels.Matrix{Rows: 2, Cols: 3, DType: kernels.I8, I8: make([]int8, 6)}, 1},
		"the wrong field":         {kernels.Matrix{Rows: 2, Cols: 3, DType: kernels.BF16, F32: make([]float32, 6)}, 1},
		"rows not divisible":      {kernels.Matrix{Rows: 3, Cols: 3, F32: make([]float32, 9)}, 2},
		"no groups":               {kernels.Matrix{Rows: 2, Cols: 3, F32: make([]float32, 6)}, 0},
		"an unknown element type": {kernels.Matrix{Rows: 2, Cols: 3, DType: 9, F32: make([]float32, 6)}, 1},
	}
	for name, c := range bad {
		if _, err := s.d.Pack(c.m, c.groups); err == nil {
			s.t.Errorf("packed a matrix with %s", name)
		}
	}
}
