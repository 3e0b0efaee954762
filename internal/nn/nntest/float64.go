package nntest

import "math"

// Matrix is the values of a weight or a tensor, row-major.
type Matrix struct {
	Cols   int
	Values []float32
}

// Row is row r.
func (m Matrix) Row(r int) []float32 { return m.Values[r*m.Cols : (r+1)*m.Cols] }

// Wide is row r in float64.
func (m Matrix) Wide(r int) []float64 {
	row := make([]float64, m.Cols)
	for i, v := range m.Row(r) {
		row[i] = float64(v)
	}
	return row
}

// Times is the matrix times a column.
func (m Matrix) Times(x []float64) []float64 {
	out := make([]float64, len(m.Values)/m.Cols)
	for o := range out {
		for i, w := range m.Row(o) {
			out[o] += float64(w) * x[i]
		}
	}
	return out
}

// Norm is x / rms(x) · gain.
func Norm(x []float64, gain Matrix, eps float64) []float64 {
	sum := 0.0
	for _, v := range x {
		sum += v * v
	}
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / math.Sqrt(sum/float64(len(x))+eps) * float64(gain.Values[i])
	}
	return out
}

// SiLU is x · sigmoid(x).
func SiLU(x []float64) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i] = v / (1 + math.Exp(-v))
	}
	return out
}

// Plus is x + y.
func Plus(x, y []float64) []float64 {
	out := make([]float64, len(x))
	for i := range x {
		out[i] = x[i] + y[i]
	}
	return out
}
