package attack

import "math"

// rotate turns the pairs (i, i+half) of the first heads·2·half columns by their row's
// angles, as Device.Rope does; the way back turns the other way.
func rotate(rows, cols, heads int, cos, sin []float32) *op {
	half := len(cos) / rows
	turn := func(x []float32, direction float32) []float32 {
		out := append([]float32(nil), x...)
		for r := range rows {
			for h := range heads {
				for i := range half {
					a, b := r*cols+h*2*half+i, r*cols+h*2*half+half+i
					c, s := cos[r*half+i], direction*sin[r*half+i]
					out[a], out[b] = x[a]*c-x[b]*s, x[b]*c+x[a]*s
				}
			}
		}
		return out
	}
	return &op{name: "rotate", outRows: rows, outCols: cols,
		forward:  func(x []float32) []float32 { return turn(x, 1) },
		backward: func(_, grad []float32) []float32 { return turn(grad, -1) },
	}
}

// attend is softmax(q·kᵀ/√d)·v of each head. Rows of x are [q ; k ; v], or, where
// query is given, one row that is no input, [k ; v].
func attend(rows, width, heads int, query []float32) *op {
	a := attention{rows: rows, width: width, d: width / heads, query: query, queries: rows, stride: 3 * width, k: width}
	if query != nil {
		a.queries, a.stride, a.k = 1, 2*width, 0
	}
	return &op{name: "attend", outRows: a.queries, outCols: width,
		forward: func(x []float32) []float32 {
			out := make([]float32, a.queries*width)
			a.each(x, func(q, column int, p []float64) {
				for j, w := range p {
					v := a.value(x, j)[column:]
					for c := range a.d {
						out[q*width+column+c] += float32(w) * v[c]
					}
				}
			})
			return out
		},
		backward: func(x, grad []float32) []float32 { return a.backward(x, grad) },
	}
}

type attention struct {
	rows, width, d, queries int
	stride, k               int // of x: columns, and where the keys start
	query                   []float32
}

func (a attention) queryRow(x []float32, q int) []float32 {
	if a.query != nil {
		return a.query
	}
	return x[q*a.stride : q*a.stride+a.width]
}

func (a attention) key(x []float32, row int) []float32 {
	return x[row*a.stride+a.k : row*a.stride+a.k+a.width]
}

func (a attention) value(x []float32, row int) []float32 {
	return x[row*a.stride+a.k+a.width : row*a.stride+a.k+2*a.width]
}

// each calls f with the weights of every query and head, which starts at column.
func (a attention) each(x []float32, f func(q, column int, p []float64)) {
	p := make([]float64, a.rows)
	for q := range a.queries {
		row := a.queryRow(x, q)
		for column := 0; column < a.width; column += a.d {
			top, sum := math.Inf(-1), 0.0
			for j := range p {
				k := a.key(x, j)
				p[j] = 0
				for c := column; c < column+a.d; c++ {
					p[j] += float64(row[c]) * float64(k[c])
				}
				p[j] /= math.Sqrt(float64(a.d))
				top = max(top, p[j])
			}
			for j := range p {
				p[j] = math.Exp(p[j] - top)
				sum += p[j]
			}
			for j := range p {
				p[j] /= sum
			}
			f(q, column, p)
		}
	}
}

// backward: with g the gradient of a query's head and s_j its scores,
//
//	dv_j += p_j·g,  ds_j = p_j·(g·v_j - Σ_i p_i·g·v_i)/√d,  dq += ds_j·k_j,  dk_j += ds_j·q
func (a attention) backward(x, grad []float32) []float32 {
	out := make([]float32, len(x))
	along := make([]float64, a.rows)
	a.each(x, func(q, column int, p []float64) {
		g := grad[q*a.width+column : q*a.width+column+a.d]
		mean := 0.0
		for j, w := range p {
			v, dv := a.value(x, j)[column:], a.value(out, j)[column:]
			along[j] = 0
			for c, gc := range g {
				along[j] += float64(gc) * float64(v[c])
				dv[c] += float32(w) * gc
			}
			mean += w * along[j]
		}
		row := a.queryRow(x, q)[column:]
		for j, w := range p {
			ds := float32(w * (along[j] - mean) / math.Sqrt(float64(a.d)))
			k, dk := a.key(x, j)[column:], a.key(out, j)[column:]
			for c := range a.d {
				dk[c] += ds * row[c]
				if a.query == nil {
					a.queryRow(out, q)[column+c] += ds * k[c]
				}
			}
		}
	})
	return out
}
