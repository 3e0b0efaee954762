package attack

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/models/base"
)

// senses is a tiny random model that sees.
var senses = os.DirFS("../../testdata/senses")

// headOf is a random head over two layers.
func headOf(m *mm.Model, hidden int) mm.HeadSpec {
	r := rand.New(rand.NewPCG(1706, uint64(hidden)))
	values := func(n int) []float32 {
		v := make([]float32, n)
		for i := range v {
			v[i] = float32(r.NormFloat64())
		}
		return v
	}
	taps := []mm.Tap{{Layer: 1, Pooling: mm.PoolMean}, {Layer: 2, Pooling: mm.PoolMax}, {Layer: 3, Pooling: mm.PoolFirst}, {Layer: 0, Pooling: mm.PoolMean}}
	f := len(taps) * m.Info().Width
	n := &classes.Network{Shift: values(f), Scale: values(f)}
	h := f
	if hidden > 0 {
		h = hidden
		n.Hidden, n.HiddenBias = values(h*f), values(h)
	}
	n.Labels, n.Bias = values(5*h), values(5)
	return mm.HeadSpec{Task: "classify", Taps: taps, Labels: []string{"a", "b", "c", "d", "e"}, Network: n, Shot: mm.Imprint, SHA256: m.Info().SHA256}
}

// noise is a picture of random levels.
func noise(n *Network, seed uint64) []uint8 {
	r := rand.New(rand.NewPCG(1706, seed))
	levels := make([]uint8, n.rows*n.cols)
	for i := range levels {
		levels[i] = uint8(r.Uint32())
	}
	return levels
}

func pngOf(t testing.TB, n *Network, levels []uint8) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, n.Canvas.Width, n.Canvas.Height))
	for i := range n.rows {
		m.SetNRGBA(i%n.Canvas.Width, i/n.Canvas.Width, color.NRGBA{levels[3*i], levels[3*i+1], levels[3*i+2], 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// withNetworks calls f with the graph of the checkpoint's task and of learned heads,
// and the model's task of each.
func withNetworks(t *testing.T, f func(t *testing.T, n *Network, m *mm.Model, task string)) {
	m, err := mm.Load(senses, mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	for _, task := range []string{"classify", "linear", "hidden"} {
		var head *mm.HeadSpec
		if task != "classify" {
			spec := headOf(m, map[string]int{"hidden": 40}[task])
			if _, err := m.AddHead(task, spec); err != nil {
				t.Fatal(err)
			}
			head = &spec
		}
		n, err := Load(senses, "classify", head)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(task, func(t *testing.T) { f(t, n, m, task) })
		n.Close()
	}
}

// TestLogits wants the graph's probabilities to be the model's. Both are sums of
// float32 in other orders through three stages and two blocks; the bound is that of
// the golden values, for logarithms of a few units.
func TestLogits(t *testing.T) {
	withNetworks(t, func(t *testing.T, n *Network, m *mm.Model, task string) {
		for seed := range uint64(3) {
			levels := noise(n, seed)
			logits, _, _, err := n.Slope(Pixels(levels), 0)
			if err != nil {
				t.Fatal(err)
			}
			probs := classes.Softmax(logits)
			out, err := m.Run(context.Background(), mm.Input{Task: task, Image: bytes.NewReader(pngOf(t, n, levels))})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range out.Classes {
				got := probs[slices.Index(n.Labels, c.Label)]
				if math.Abs(math.Log(got)-math.Log(c.Prob)) > 1e-4 {
					t.Errorf("picture %d, %s: log-probability %v, the model's is %v", seed, c.Label, math.Log(got), math.Log(c.Prob))
				}
			}
		}
	})
}

// TestSlope compares the gradient with differences, along random directions.
func TestSlope(t *testing.T) {
	withNetworks(t, func(t *testing.T, n *Network, _ *mm.Model, _ string) {
		x := Pixels(noise(n, 9))
		logits, _, _, err := n.Slope(x, 0)
		if err != nil {
			t.Fatal(err)
		}
		order := classes.Ranked(classes.Softmax(logits))
		label := order[len(order)-1] // whose loss is no flat place
		_, _, gradient, err := n.Slope(x, label)
		if err != nil {
			t.Fatal(err)
		}
		norm := 0.0
		for _, g := range gradient {
			norm += float64(g) * float64(g)
		}
		if norm == 0 {
			t.Fatal("the gradient is nothing")
		}
		r := rand.New(rand.NewPCG(1, 2))
		for try := range 6 {
			direction, want := make([]float64, len(x)), 0.0
			for i := range direction {
				direction[i] = r.NormFloat64() / math.Sqrt(float64(len(x)))
				if try == 0 { // the gradient's own
					direction[i] = float64(gradient[i]) / math.Sqrt(norm)
				}
				want += direction[i] * float64(gradient[i])
			}
			at := func(step float64) float64 {
				y := slices.Clone(x)
				for i := range y {
					y[i] += float32(step * direction[i])
				}
				_, loss, _, err := n.Slope(y, label)
				if err != nil {
					t.Fatal(err)
				}
				return loss
			}
			const step = 5e-3
			// Differences of float32 losses, of a curve with kinks.
			if got := (at(step) - at(-step)) / (2 * step); math.Abs(got-want) > 0.02*math.Sqrt(norm) {
				t.Errorf("direction %d: the loss rises by %v, the gradient says %v (its length is %v)", try, got, want, math.Sqrt(norm))
			}
		}
	})
}

// TestAttack wants the loss to move the right way within eps, and PGD further than
// FGSM.
func TestAttack(t *testing.T) {
	withNetworks(t, func(t *testing.T, n *Network, _ *mm.Model, _ string) {
		const eps = 8.0 / 255
		levels := noise(n, 4)
		logits, _, _, err := n.Slope(Pixels(levels), 0)
		if err != nil {
			t.Fatal(err)
		}
		order := classes.Ranked(classes.Softmax(logits))
		label, target := order[0], order[len(order)-1]
		lossOf := func(levels []uint8, label int) float64 {
			_, loss, _, err := n.Slope(Pixels(levels), label)
			if err != nil {
				t.Fatal(err)
			}
			return loss
		}
		after := map[string]float64{}
		for _, method := range []string{FGSM, PGD} {
			for _, aim := range []int{-1, target} {
				changed, err := n.Attack(levels, label, Options{Method: method, Eps: eps, Target: aim, Seed: 1})
				if err != nil {
					t.Fatal(err)
				}
				most := 0
				for i := range levels {
					most = max(most, int(changed[i])-int(levels[i]), int(levels[i])-int(changed[i]))
				}
				if most != 8 {
					t.Errorf("%s: levels changed by %d, want 8", method, most)
				}
				if aim < 0 {
					after[method] = lossOf(changed, label)
					if after[method] <= lossOf(levels, label) {
						t.Errorf("%s: the loss is %v after %v", method, after[method], lossOf(levels, label))
					}
				} else if lossOf(changed, target) >= lossOf(levels, target) {
					t.Errorf("%s: the target's loss is %v after %v", method, lossOf(changed, target), lossOf(levels, target))
				}
			}
		}
		if after[PGD] < after[FGSM] {
			t.Errorf("20 steps reach a loss of %v, one step %v", after[PGD], after[FGSM])
		}
	})
}

func TestErrors(t *testing.T) {
	n, err := Load(senses, "classify", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	levels := noise(n, 1)
	for _, c := range []struct {
		levels []uint8
		label  int
		o      Options
		want   string
	}{
		{levels, 0, Options{Method: "hope", Eps: 0.1, Target: -1}, `method "hope", want fgsm or pgd`},
		{levels, 0, Options{Method: PGD, Eps: 0, Target: -1}, "eps 0: want more than 0 and at most 1"},
		{levels, 0, Options{Method: PGD, Eps: 2, Target: -1}, "eps 2: want more than 0"},
		{levels, 0, Options{Method: PGD, Eps: math.NaN(), Target: -1}, "eps NaN"},
		{levels, 0, Options{Method: PGD, Eps: 0.001, Target: -1}, "less than a level of 8 bits"},
		{levels, 3, Options{Method: PGD, Eps: 0.1, Target: 3}, `the target "cat" is the picture's own label`},
		{levels, 10, Options{Method: PGD, Eps: 0.1, Target: -1}, "label 10"},
		{levels, 0, Options{Method: PGD, Eps: 0.1, Target: 10}, "target 10"},
		{levels, 0, Options{Method: PGD, Eps: 0.1, Target: -1, Steps: -1}, "-1 steps"},
		{levels[1:], 0, Options{Method: FGSM, Eps: 0.1, Target: -1}, "values of pixels, want 3072"},
	} {
		if _, err := n.Attack(c.levels, c.label, c.o); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
	for _, task := range []string{"digits", "detect", "translate", "sing"} {
		if _, err := Load(senses, task, nil); err == nil || !strings.Contains(err.Error(), "no task") {
			t.Errorf("%s: error %v", task, err)
		}
	}
	if _, err := Load(senses, "", &mm.HeadSpec{Task: "classify", SHA256: "beef"}); err == nil || !strings.Contains(err.Error(), "sha256 beef") {
		t.Errorf("a head of another model: %v", err)
	}
	if got := Levels(Pixels([]uint8{0, 1, 127, 128, 255})); !slices.Equal(got, []uint8{0, 1, 127, 128, 255}) {
		t.Errorf("levels %v", got)
	}
}

// BenchmarkSlope is one step of an attack on a photo.
func BenchmarkSlope(b *testing.B) {
	n, err := Load(base.FS, "classify", nil)
	if err != nil {
		b.Fatal(err)
	}
	defer n.Close()
	pixels := Pixels(noise(n, 1))
	for b.Loop() {
		if _, _, _, err := n.Slope(pixels, 3); err != nil {
			b.Fatal(err)
		}
	}
}
