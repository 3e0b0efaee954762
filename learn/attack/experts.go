package attack

import (
	"math"
	"slices"
)

// experts is the mixture of internal/nn over normed rows: the top gates, softmax over
// them, and each one's gated feed-forward layer. Which experts a row goes to does not
// change with a small step, so the derivative is that of the chosen ones:
//
//	y = Σ_e p_e·f_e(x),  dx = Σ_e p_e·f_e'(x)ᵀ·g + Gateᵀ·ds,  ds_e = p_e·(g·f_e - Σ_i p_i·g·f_i)
type experts struct {
	width, hidden, top int
	gate               []float32 // (E, D)
	up, down           []matrix  // of each (2F, D), (D, F), for one row
}

func (b *builder) experts(name string) experts {
	c := b.model
	m := experts{width: c.Width, hidden: c.ExpertFFN, top: c.TopExperts, gate: b.values(name + "gate").Values}
	up, down := b.values(name+"up").Values, b.values(name+"down").Values
	for n := range c.Experts {
		m.up = append(m.up, b.matrix(name+"up", 1, 2*m.hidden, m.width, part(up, n, c.Experts)))
		m.down = append(m.down, b.matrix(name+"down", 1, m.width, m.hidden, part(down, n, c.Experts)))
	}
	return m
}

func (m experts) op(rows int) *op {
	return &op{name: "experts", outRows: rows, outCols: m.width,
		forward: func(x []float32) []float32 {
			out := make([]float32, len(x))
			for at := 0; at < len(x); at += m.width {
				row := x[at : at+m.width]
				chosen, p := m.choose(row)
				for i, e := range chosen {
					f, _ := m.run(e, row)
					for c, v := range f {
						out[at+c] += float32(p[i]) * v
					}
				}
			}
			return out
		},
		backward: func(x, grad []float32) []float32 {
			out := make([]float32, 0, len(x))
			for at := 0; at < len(x); at += m.width {
				out = append(out, m.backward(x[at:at+m.width], grad[at:at+m.width])...)
			}
			return out
		},
	}
}

// choose returns the best experts of a row, of equals the lower, and their shares.
func (m experts) choose(x []float32) (chosen []int, p []float64) {
	logits := times(m.gate, x)
	sum := 0.0
	for range m.top {
		best := -1
		for e, v := range logits {
			if !slices.Contains(chosen, e) && (best < 0 || v > logits[best]) {
				best = e
			}
		}
		chosen = append(chosen, best)
		w := math.Exp(float64(logits[best]) - float64(logits[chosen[0]]))
		p, sum = append(p, w), sum+w
	}
	for i := range p {
		p[i] /= sum
	}
	return chosen, p
}

// part is the n-th of so many equal ones.
func part(values []float32, n, parts int) []float32 {
	size := len(values) / parts
	return values[n*size : (n+1)*size]
}

// run is expert e over a row; both are what stands before its gate.
func (m experts) run(e int, x []float32) (out, both []float32) {
	both = m.up[e].forth.times(x)
	hidden := make([]float32, m.hidden)
	for i := range hidden {
		hidden[i] = silu(both[i]) * both[m.hidden+i]
	}
	return m.down[e].forth.times(hidden), both
}

func (m experts) backward(x, g []float32) []float32 {
	chosen, p := m.choose(x)
	dx := make([]float32, m.width)
	along, mean := make([]float64, len(chosen)), 0.0
	for i, e := range chosen {
		f, both := m.run(e, x)
		for c := range f {
			along[i] += float64(g[c]) * float64(f[c])
		}
		mean += p[i] * along[i]
		hidden := m.down[e].back.times(g)
		d := make([]float32, 2*m.hidden)
		for j, h := range hidden {
			a, b := both[j], both[m.hidden+j]
			d[j], d[m.hidden+j] = h*b*siluSlope(a), h*silu(a)
		}
		for c, v := range m.up[e].back.times(d) {
			dx[c] += float32(p[i]) * v
		}
	}
	for i, e := range chosen {
		ds := float32(p[i] * (along[i] - mean))
		for c, v := range m.gate[e*m.width : (e+1)*m.width] {
			dx[c] += ds * v
		}
	}
	return dx
}

// times is w (N, len(x)) times x.
func times(w, x []float32) []float32 {
	out := make([]float32, len(w)/len(x))
	for i := range out {
		sum := float32(0)
		for j, v := range w[i*len(x) : (i+1)*len(x)] {
			sum += v * x[j]
		}
		out[i] = sum
	}
	return out
}

// timesBack is the transpose of w (len(g), cols) times g.
func timesBack(w, g []float32, cols int) []float32 {
	out := make([]float32, cols)
	for i, v := range g {
		for j, u := range w[i*cols : (i+1)*cols] {
			out[j] += v * u
		}
	}
	return out
}
