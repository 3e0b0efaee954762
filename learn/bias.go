package learn

import (
	"math"

	"github.com/mm-runtime/mm/decoders/classes"
)

// correct finds the α and β by which α·logit + β of the classes from number known on
// make the labels of s likeliest, the other logits staying as they are (Wu et al.
// 2019, section 4), and puts them into the network's rows. The negative logarithm is
// convex in both; Newton's method with halved steps finds its minimum.
func correct(n *classes.Network, s Set, known int) (corrected *classes.Network, α, β float64) {
	α, β = 1, 0
	if s.Len() == 0 {
		return n, α, β
	}
	logits := make([][]float32, s.Len())
	for i := range logits {
		logits[i] = n.Logits(s.Row(i))
	}
	now := biasLoss(logits, s.Labels, known, α, β)
	for range 50 {
		step := now.newton()
		scale := 1.0
		var next biasPoint
		for ; scale > 1e-4; scale /= 2 {
			a := math.Max(α-scale*step[0], 0.05) // a class may be damped, not turned round
			next = biasLoss(logits, s.Labels, known, a, β-scale*step[1])
			if next.loss < now.loss {
				break
			}
		}
		if !(now.loss-next.loss > 1e-9) {
			break
		}
		now, α, β = next, next.α, next.β
	}
	c := *n
	h := n.Activations()
	c.Labels, c.Bias = append([]float32(nil), n.Labels...), append([]float32(nil), n.Bias...)
	for i := known * h; i < len(c.Labels); i++ {
		c.Labels[i] = float32(α * float64(c.Labels[i]))
	}
	for l := known; l < len(c.Bias); l++ {
		c.Bias[l] = float32(α*float64(c.Bias[l]) + β)
	}
	return &c, α, β
}

// biasPoint is the mean loss at α and β with its derivatives.
type biasPoint struct {
	α, β, loss float64
	gradient   [2]float64
	hessian    [3]float64 // αα, αβ, ββ
}

func biasLoss(logits [][]float32, labels []int, known int, α, β float64) biasPoint {
	p := biasPoint{α: α, β: β}
	n := float64(len(labels))
	// A little weight pulls towards no correction, so that few examples cannot run away.
	const pull = 1e-4
	p.loss = pull * ((α-1)*(α-1) + β*β)
	p.gradient = [2]float64{2 * pull * (α - 1), 2 * pull * β}
	p.hessian = [3]float64{2 * pull, 0, 2 * pull}
	for i, row := range logits {
		moved := make([]float32, len(row))
		copy(moved, row)
		for l := known; l < len(row); l++ {
			moved[l] = float32(α*float64(row[l]) + β)
		}
		probs := classes.Softmax(moved)
		p.loss -= math.Log(math.Max(probs[labels[i]], 1e-30)) / n
		var mass, first, second float64 // of the new classes: Σp, Σp·o, Σp·o²
		for l := known; l < len(row); l++ {
			o := float64(row[l])
			mass, first, second = mass+probs[l], first+probs[l]*o, second+probs[l]*o*o
		}
		if l := labels[i]; l >= known {
			p.gradient[0] -= float64(row[l]) / n
			p.gradient[1] -= 1 / n
		}
		p.gradient[0] += first / n
		p.gradient[1] += mass / n
		p.hessian[0] += (second - first*first) / n
		p.hessian[1] += (first - first*mass) / n
		p.hessian[2] += (mass - mass*mass) / n
	}
	return p
}

// newton is the step to the minimum of the parabola at p.
func (p biasPoint) newton() [2]float64 {
	a, b, c := p.hessian[0], p.hessian[1], p.hessian[2]
	d := a*c - b*b
	if !(d > 1e-12) {
		return p.gradient
	}
	return [2]float64{(c*p.gradient[0] - b*p.gradient[1]) / d, (a*p.gradient[1] - b*p.gradient[0]) / d}
}
