package kerneltest

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func testRMSNorm(s *suite) {
	const eps = 1e-6
	eachShape(func(rows, cols int) {
		x, gain := s.normal(rows, cols), s.normal(1, cols)
		for _, dst := range []matrix{s.empty(rows, cols), x} { // in place last
			kernels.RMSNorm(s.d, dst.Tensor, x.Tensor, gain.Tensor, eps)
			for i, got := range s.read(dst) {
				row := x.row(i / cols)
				rms := math.Sqrt(dot(row, row)/float64(cols) + eps)
				want := float64(x.values[i]) / rms * float64(gain.values[i%cols])
				s.near(got, want, math.Abs(want), "[%d %d] element %d", rows, cols, i)
			}
		}
	})
}

func testCopy(s *suite) {
	eachShape(func(rows, cols int) {
		x, dst := s.normal(rows, cols), s.empty(rows, cols)
		kernels.Copy(s.d, dst.Tensor, x.Tensor)
		s.same("copy", s.read(dst), x.values)
	})
}

func testAdd(s *suite) {
	eachShape(func(rows, cols int) {
		x, dst := s.normal(rows, cols), s.normal(rows, cols)
		kernels.Add(s.d, dst.Tensor, x.Tensor)
		for i, got := range s.read(dst) {
			s.same("sum", []float32{got}, []float32{dst.values[i] + x.values[i]})
		}
	})
}

func testConcat(s *suite) {
	eachShape(func(rows, cols int) {
		a, b, dst := s.normal(rows, cols), s.normal(rows, 5), s.empty(rows, cols+5)
		kernels.Concat(s.d, dst.Tensor, a.Tensor, b.Tensor)
		got := s.read(dst)
		for r := range rows {
			s.same("left columns", got[r*dst.Cols:][:cols], a.row(r))
			s.same("right columns", got[r*dst.Cols+cols:][:5], b.row(r))
		}
	})
}

// wide makes normal deviates, some of them so large that exp over- or underflows.
func (s *suite) wide(rows, cols int) matrix {
	m := s.normal(rows, cols)
	for i := range m.values {
		if s.rng.IntN(8) == 0 {
			m.values[i] *= 60
		}
	}
	s.d.Write(m.Tensor, m.values)
	return m
}

// tiny is below what a float32 that came through exp still resolves.
const tiny = 1e-34

func testSiLU(s *suite) {
	eachShape(func(rows, cols int) {
		x := s.wide(rows, cols)
		for _, dst := range []matrix{s.empty(rows, cols), x} { // in place last
			kernels.SiLU(s.d, dst.Tensor, x.Tensor)
			for i, got := range s.read(dst) {
				v := float64(x.values[i])
				want := v * sigmoid(v)
				s.within(got, want,
					tolerances(kernels.F32).epsilon*math.Abs(want)+tiny, "SiLU(%g)", v)
			}
		}
	})
}

func testSwiGLU(s *suite) {
	eachShape(func(rows, cols int) {
		x, dst := s.wide(rows, 2*cols), s.empty(rows, cols)
		kernels.SwiGLU(s.d, dst.Tensor, x.Tensor)
		for i, got := range s.read(dst) {
			gate, up := float64(x.row(i / cols)[i%cols]), float64(x.row(i / cols)[cols+i%cols])
			want := gate * sigmoid(gate) * up
			s.within(got, want,
				tolerances(kernels.F32).epsilon*math.Abs(want)+tiny*(1+math.Abs(up)), "SiLU(%g)·%g", gate, up)
		}
	})
}

func testRope(s *suite) {
	const positions = 19
	for _, half := range []int{1, 3, 8, 16, 31, 32} {
		for _, rows := range rowCounts() {
			for _, heads := range []int{1, 4} {
				s.rope(rows, heads, half, positions)
			}
		}
	}
}

func (s *suite) rope(rows, heads, half, positions int) {
	cols := heads*2*half + 3 // of which three stay
	x, at := s.normal(rows, cols), s.indices(rows, positions)
	cos, sin := s.normal(positions, half), s.normal(positions, half)
	kernels.Rope(s.d, x.Tensor, cos.Tensor, sin.Tensor, heads, at)
	got := s.read(x)
	for r := range rows {
		row, was := got[r*cols:(r+1)*cols], x.row(r)
		c, n := cos.row(int(at[r])), sin.row(int(at[r]))
		for h := range heads {
			for i := range half {
				j, k := 2*h*half+i, (2*h+1)*half+i
				a, b := float64(was[j]), float64(was[k])
				cosine, sine := float64(c[i]), float64(n[i])
				scale := (math.Abs(a) + math.Abs(b)) * (math.Abs(cosine) + math.Abs(sine))
				s.near(row[j], a*cosine-b*sine, scale, "first half")
				s.near(row[k], b*cosine+a*sine, scale, "second half")
			}
		}
		s.same("columns past the heads", row[cols-3:], was[cols-3:])
	}
}

func testStoreRows(s *suite) {
	eachShape(func(rows, cols int) {
		cache, x := s.normal(rows+9, cols), s.normal(rows, cols)
		slots := s.permutation(rows, rows+9)
		kernels.StoreRows(s.d, cache.Tensor, x.Tensor, slots)
		want := append([]float32(nil), cache.values...)
		for r, slot := range slots {
			copy(want[int(slot)*cols:], x.row(r))
		}
		s.same("cache", s.read(cache), want)
	})
}
