package classes_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/decoders/classes"
)

// learned is a random network of f features, h activations (0: no hidden layer) and
// some labels.
func learned(f, h, labels int) *classes.Network {
	r := rand.New(rand.NewPCG(1706, uint64(f)))
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	n := &classes.Network{Shift: values(f), Scale: values(f)}
	if h > 0 {
		n.Hidden, n.HiddenBias = values(h*f), values(h)
	} else {
		h = f
	}
	n.Labels, n.Bias, n.Predict = values(labels*h), values(labels), values(h*h)
	return n
}

// reference is the network by its formula.
func reference(n *classes.Network, x []float32) []float64 {
	f := len(x)
	h := make([]float64, f)
	for i := range x {
		h[i] = float64(x[i]-n.Shift[i]) * float64(n.Scale[i])
	}
	if n.Hidden != nil {
		in := h
		h = make([]float64, len(n.HiddenBias))
		for i := range h {
			for j, v := range in {
				h[i] += float64(n.Hidden[i*f+j]) * v
			}
			h[i] = max(0, h[i]+float64(n.HiddenBias[i]))
		}
	}
	length := 0.0
	for _, v := range h {
		length += v * v
	}
	logits := make([]float64, len(n.Bias))
	for i := range logits {
		for j, v := range h {
			logits[i] += float64(n.Labels[i*len(h)+j]) * v / math.Sqrt(length)
		}
		logits[i] += float64(n.Bias[i])
	}
	return logits
}

func TestNetwork(t *testing.T) {
	for _, size := range [][3]int{{7, 0, 3}, {33, 17, 5}, {1, 1, 1}, {256, 64, 2}} {
		n := learned(size[0], size[1], size[2])
		if err := n.Check(size[0], size[2]); err != nil {
			t.Fatal(err)
		}
		x := learned(size[0], 0, 1).Scale
		for i, want := range reference(n, x) {
			// Sums are of float64; the steps between are rounded to float32.
			if got := n.Logits(x)[i]; math.Abs(float64(got)-want) > 1e-5*math.Sqrt(float64(n.Activations())) {
				t.Errorf("%v: logit %d is %v, want %v", size, i, got, want)
			}
		}
	}
}

// TestOldLogits wants the logits of the other labels the same to the bit when one
// comes or goes.
func TestOldLogits(t *testing.T) {
	n := learned(33, 17, 5)
	x := learned(33, 0, 1).Scale
	before := n.Logits(x)
	mean := classes.Mean([][]float32{n.Activation(x), n.Activation(n.Shift)})
	for name, row := range map[string][]float32{"imprinted": n.Imprinted(mean), "predicted": n.Predicted(mean)} {
		more := n.With(row, n.MeanBias())
		after := more.Logits(x)
		if len(after) != 6 || !slices.Equal(after[:5], before) || !slices.Equal(n.Logits(x), before) {
			t.Errorf("%s: logits %v, want %v and one more", name, after, before)
		}
		if err := more.Check(33, 6); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if less := more.Without(5).Logits(x); !slices.Equal(less, before) {
			t.Errorf("%s and forgotten: %v, want %v", name, less, before)
		}
		if less := more.Without(1).Logits(x); !slices.Equal(less, slices.Delete(slices.Clone(after), 1, 2)) {
			t.Errorf("%s, another forgotten: %v of %v", name, less, after)
		}
	}
}

// TestImprinted wants a row in the direction of the mean, of the others' length.
func TestImprinted(t *testing.T) {
	n := &classes.Network{Shift: make([]float32, 2), Scale: []float32{1, 1}, Labels: []float32{3, 0, 0, 5}, Bias: []float32{1, 2}}
	mean := classes.Mean([][]float32{{1, 0}, {0, 1}})
	for _, v := range n.Imprinted(mean) {
		if math.Abs(float64(v)-4/math.Sqrt2) > 1e-6 {
			t.Errorf("imprinted %v, want both 4/√2", n.Imprinted(mean))
		}
	}
	if n.MeanBias() != 1.5 {
		t.Errorf("bias %v, want 1.5", n.MeanBias())
	}
	if z := n.Activation([]float32{0, 0}); z[0] != 0 || z[1] != 0 {
		t.Errorf("activation of nothing: %v, want zeros", z)
	}
}

func TestNetworkCheck(t *testing.T) {
	for want, spoil := range map[string]func(n *classes.Network){
		"shift of 3 values, want 4":        func(n *classes.Network) { n.Shift = n.Shift[:3] },
		"scale of 5 values, want 4":        func(n *classes.Network) { n.Scale = append(n.Scale, 1) },
		"hidden of 11 values, want 12":     func(n *classes.Network) { n.Hidden = n.Hidden[:11] },
		"hidden bias of 1 values, want 0":  func(n *classes.Network) { n.Hidden, n.HiddenBias = nil, n.HiddenBias[:1] },
		"labels of 6 values, want 15":      func(n *classes.Network) { n.Labels = n.Labels[:6] },
		"bias of 0 values, want 5":         func(n *classes.Network) { n.Bias = nil },
		"predict of 1 values, want 9":      func(n *classes.Network) { n.Predict = n.Predict[:1] },
		"labels: value 2 is NaN, want a n": func(n *classes.Network) { n.Labels[2] = float32(math.NaN()) },
		"bias: value 0 is +Inf":            func(n *classes.Network) { n.Bias[0] = float32(math.Inf(1)) },
	} {
		n := learned(4, 3, 5)
		spoil(n)
		if err := n.Check(4, 5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
