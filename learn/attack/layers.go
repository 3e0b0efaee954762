package attack

import "math"

// The ops below are the layers of internal/nn and the encoders, over one segment, each
// with its derivative by the input. Weights are captured.

// rmsNorm is x / √(mean x² + ε) ⊙ gain, row by row:
//
//	dx = r·(g - x·(Σ g·x)·r²/C),  g = grad ⊙ gain, r = 1/√(mean x² + ε)
func rmsNorm(rows int, gain []float32, eps float64) *op {
	cols := len(gain)
	inverse := func(row []float32) float64 {
		sum := 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		return 1 / math.Sqrt(sum/float64(cols)+eps)
	}
	return &op{name: "norm", outRows: rows, outCols: cols,
		forward: func(x []float32) []float32 {
			out := make([]float32, len(x))
			for at := 0; at < len(x); at += cols {
				r := inverse(x[at : at+cols])
				for c := range cols {
					out[at+c] = float32(float64(x[at+c]) * r * float64(gain[c]))
				}
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, len(x))
			for at := 0; at < len(x); at += cols {
				r, dot := inverse(x[at:at+cols]), 0.0
				for c := range cols {
					dot += float64(grad[at+c]) * float64(gain[c]) * float64(x[at+c])
				}
				for c := range cols {
					out[at+c] = float32(r * (float64(grad[at+c])*float64(gain[c]) - float64(x[at+c])*dot*r*r/float64(cols)))
				}
			}
			return out
		},
	}
}

func sigmoid(x float32) float64 { return 1 / (1 + math.Exp(-float64(x))) }

// silu is x·σ(x); its derivative is σ(x)·(1 + x·(1 - σ(x))).
func silu(x float32) float32 { return float32(float64(x) * sigmoid(x)) }

func siluSlope(x float32) float32 {
	s := sigmoid(x)
	return float32(s * (1 + float64(x)*(1-s)))
}

func siluOp(rows, cols int) *op {
	return &op{name: "silu", outRows: rows, outCols: cols,
		forward: func(x []float32) []float32 {
			out := make([]float32, len(x))
			for i, v := range x {
				out[i] = silu(v)
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, len(x))
			for i, v := range x {
				out[i] = grad[i] * siluSlope(v)
			}
			return out
		},
	}
}

// gate is SiLU(a) ⊙ b of rows [a ; b], cols columns each.
func gate(rows, cols int) *op {
	return &op{name: "gate", outRows: rows, outCols: cols,
		forward: func(x []float32) []float32 {
			out := make([]float32, 0, len(x)/2)
			for at := 0; at < len(x); at += 2 * cols {
				for c := range cols {
					out = append(out, silu(x[at+c])*x[at+cols+c])
				}
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, len(x))
			for r := range rows {
				at := 2 * cols * r
				for c := range cols {
					a, b, g := x[at+c], x[at+cols+c], grad[r*cols+c]
					out[at+c], out[at+cols+c] = g*b*siluSlope(a), g*silu(a)
				}
			}
			return out
		},
	}
}

// unfold puts the rows side by side that index names, K for each of its own; -1 is a
// row of zeros.
func unfold(index []int32, taps, cols int) *op {
	rows := len(index) / taps
	return &op{name: "unfold", outRows: rows, outCols: taps * cols,
		forward: func(x []float32) []float32 {
			out := make([]float32, len(index)*cols)
			for i, at := range index {
				if at >= 0 {
					copy(out[i*cols:(i+1)*cols], x[int(at)*cols:])
				}
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, len(x))
			for i, at := range index {
				if at >= 0 {
					for c := range cols {
						out[int(at)*cols+c] += grad[i*cols+c]
					}
				}
			}
			return out
		},
	}
}

// depthwise is the sum of the rows that index names, each times its row of filter
// (K, C).
func depthwise(index []int32, filter []float32, cols int) *op {
	taps := len(filter) / cols
	rows := len(index) / taps
	return &op{name: "depthwise", outRows: rows, outCols: cols,
		forward: func(x []float32) []float32 {
			out := make([]float32, rows*cols)
			for i, at := range index {
				if at >= 0 {
					for c := range cols {
						out[i/taps*cols+c] += filter[i%taps*cols+c] * x[int(at)*cols+c]
					}
				}
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, len(x))
			for i, at := range index {
				if at >= 0 {
					for c := range cols {
						out[int(at)*cols+c] += filter[i%taps*cols+c] * grad[i/taps*cols+c]
					}
				}
			}
			return out
		},
	}
}

// along are the taps of a convolution over T rows, as Device.DepthwiseConv has them.
func along(rows, taps, dilation int) []int32 {
	index := make([]int32, 0, rows*taps)
	for t := range rows {
		for k := range taps {
			at := t + (k-taps/2)*dilation
			if at < 0 || at >= rows {
				at = -1
			}
			index = append(index, int32(at))
		}
	}
	return index
}

// behind puts rows that are no input in front of x, and adds places to x.
func behind(front, places []float32, cols int) *op {
	rows := (len(front) + len(places)) / cols
	return &op{name: "behind", outRows: rows, outCols: cols,
		forward: func(x []float32) []float32 {
			out := append(make([]float32, 0, rows*cols), front...)
			for i, v := range x {
				out = append(out, v+places[i])
			}
			return out
		},
		backward: func(_, grad []float32) []float32 { return append([]float32(nil), grad[len(front):]...) },
	}
}
