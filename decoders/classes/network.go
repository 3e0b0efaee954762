package classes

import (
	"fmt"
	"math"
	"slices"
)

// Network is a head that was learned after the trunk, over features x (F) that were
// read off it:
//
//	h = ReLU(Hidden·((x - Shift) ⊙ Scale) + HiddenBias), z = h / ‖h‖
//	logits = Labels·z + Bias
//
// Without Hidden, h is the scaled features themselves, H is F. The activation z has
// unit length, so that a label's row can be made of the activations of its examples
// (shot.go). Each logit is a sum of its own: a label more or less leaves the others
// as they are, to the bit. A Network is immutable once it is in use.
type Network struct {
	Shift, Scale []float32 // (F)
	Hidden       []float32 // (H, F), or nil
	HiddenBias   []float32 // (H), or nil
	Labels       []float32 // (L, H)
	Bias         []float32 // (L)
	Predict      []float32 // (H, H): the map of Predicted, or nil
}

// Features is F.
func (n *Network) Features() int { return len(n.Shift) }

// Activations is H.
func (n *Network) Activations() int {
	if n.Hidden == nil {
		return len(n.Shift)
	}
	return len(n.HiddenBias)
}

// Check wants a network of so many features and labels whose sizes fit each other
// and whose values are numbers.
func (n *Network) Check(features, labels int) error {
	h := n.Activations()
	hidden, bias := h*n.Features(), h
	if n.Hidden == nil {
		hidden, bias = 0, 0
	}
	predict := h * h
	if n.Predict == nil {
		predict = 0
	}
	for _, v := range []struct {
		name   string
		values []float32
		want   int
	}{
		{"shift", n.Shift, features}, {"scale", n.Scale, features}, {"hidden", n.Hidden, hidden},
		{"hidden bias", n.HiddenBias, bias}, {"labels", n.Labels, labels * h}, {"bias", n.Bias, labels},
		{"predict", n.Predict, predict},
	} {
		if len(v.values) != v.want {
			return fmt.Errorf("%s of %d values, want %d for %d features, %d activations and %d labels",
				v.name, len(v.values), v.want, features, h, labels)
		}
		for i, x := range v.values {
			if d := x - x; d != 0 { // also of an infinity
				return fmt.Errorf("%s: value %d is %v, want a number", v.name, i, x)
			}
		}
	}
	return nil
}

// Activation is z (H) of features x (F).
func (n *Network) Activation(x []float32) []float32 {
	scaled := make([]float32, len(x))
	for i := range x {
		scaled[i] = (x[i] - n.Shift[i]) * n.Scale[i]
	}
	if n.Hidden == nil {
		return unit(scaled)
	}
	h := make([]float32, len(n.HiddenBias))
	for i := range h {
		h[i] = max(0, float32(dot(n.Hidden[i*len(x):(i+1)*len(x)], scaled)+float64(n.HiddenBias[i])))
	}
	return unit(h)
}

// Logits returns one for each label, of features x (F).
func (n *Network) Logits(x []float32) []float32 { return n.Judge(n.Activation(x)) }

// Judge returns the logits of an activation z (H).
func (n *Network) Judge(z []float32) []float32 {
	logits := make([]float32, len(n.Bias))
	for i := range logits {
		logits[i] = float32(dot(n.Labels[i*len(z):(i+1)*len(z)], z) + float64(n.Bias[i]))
	}
	return logits
}

// With is n with one more label, its row (H) and bias.
func (n *Network) With(row []float32, bias float32) *Network {
	more := *n
	more.Labels = slices.Concat(n.Labels, row)
	more.Bias = append(slices.Clone(n.Bias), bias)
	return &more
}

// Without is n less a label.
func (n *Network) Without(label int) *Network {
	less, h := *n, n.Activations()
	less.Labels = slices.Concat(n.Labels[:label*h], n.Labels[(label+1)*h:])
	less.Bias = slices.Concat(n.Bias[:label], n.Bias[label+1:])
	return &less
}

// dot adds in an order of its own, whatever the company: four sums, so that an addition
// need not wait for the one before it.
func dot(a, b []float32) float64 {
	var s0, s1, s2, s3 float64
	i := 0
	for ; i+4 <= len(a); i += 4 {
		x, y := a[i:i+4:i+4], b[i:i+4:i+4]
		s0 += float64(x[0]) * float64(y[0])
		s1 += float64(x[1]) * float64(y[1])
		s2 += float64(x[2]) * float64(y[2])
		s3 += float64(x[3]) * float64(y[3])
	}
	for ; i < len(a); i++ {
		s0 += float64(a[i]) * float64(b[i])
	}
	return s0 + s1 + s2 + s3
}

// tiny keeps an activation of zeros what it is.
const tiny = 1e-12

// unit brings v to length 1, in place.
func unit(v []float32) []float32 {
	scale := 1 / math.Sqrt(dot(v, v)+tiny)
	for i := range v {
		v[i] = float32(float64(v[i]) * scale)
	}
	return v
}
