package mm

import (
	"context"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/encoders/text"
	"github.com/mm-runtime/mm/kernels"
)

// TestEmbedRows compares features with rows that the layers make when they are
// called by hand.
func TestEmbedRows(t *testing.T) {
	t.Setenv("MM_CPU", "go")
	s, m := openSenses(t, "go", 1), LoadSenses(t)
	const said = "Two birds."
	source, err := m.tok.Encode(said)
	if err != nil {
		t.Fatal(err)
	}
	ids := append([]int32{m.tasks[1].command}, source...)
	x := s.scope.Take(len(ids), s.Mixer.Width())
	(&text.Encoder{Table: s.Embed}).Forward(s.scope.Dev, x, ids)
	layers := [][]float32{s.read(x)}
	positions := make([]int32, len(ids))
	for i := range positions {
		positions[i] = int32(i)
	}
	s.Mixer.Encode(s.scope, x, positions, kernels.Segments{0, int32(len(ids))}, func(_ int, x kernels.Tensor) {
		layers = append(layers, s.read(x))
	})
	layers = append(layers, s.read(x))
	if m.Info().Layers != len(layers) || m.Info().Width != s.Mixer.Width() {
		t.Fatalf("info says %d layers of %d, want %d of %d", m.Info().Layers, m.Info().Width, len(layers), s.Mixer.Width())
	}
	var taps []Tap
	for layer := range layers {
		for _, p := range Poolings {
			taps = append(taps, Tap{layer, p})
		}
	}
	got, err := m.Embed(context.Background(), Input{Task: "translate", To: "de", Text: said}, taps...)
	if err != nil {
		t.Fatal(err)
	}
	for i, tap := range taps {
		want := pooled(layers[tap.Layer], s.Mixer.Width(), tap.Pooling)
		if !slices.Equal(got[i], want) {
			t.Errorf("%+v: %v, want %v", tap, got[i], want)
		}
	}
}

// pooled is what a pooling is by definition.
func pooled(rows []float32, cols int, p Pooling) []float32 {
	out := make([]float32, cols)
	for c := range out {
		sum, top := 0.0, rows[c]
		for at := c; at < len(rows); at += cols {
			sum, top = sum+float64(rows[at]), max(top, rows[at])
		}
		switch p {
		case PoolMean:
			out[c] = float32(sum / float64(len(rows)/cols))
		case PoolMax:
			out[c] = top
		case PoolFirst:
			out[c] = rows[c]
		}
	}
	return out
}

// TestEmbedPieces wants a text of two pieces to have the means and maxima of both.
func TestEmbedPieces(t *testing.T) {
	taps := []Tap{{1, PoolMean}, {1, PoolMax}, {1, PoolFirst}}
	var a answer
	a.addFeatures(taps, part{request: &request{rows: 2, values: []float32{1, 2, 3}}})
	a.addFeatures(taps, part{request: &request{rows: 6, values: []float32{5, 1, 5}}})
	a.addFeatures(taps, part{request: &request{rows: 8, values: []float32{0, 9, 1}}})
	if want := []float32{2, 9, 3}; !slices.Equal(slices.Concat(a.features...), want) {
		t.Errorf("features %v, want %v", a.features, want)
	}
}
