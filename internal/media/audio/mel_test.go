package audio

import (
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
)

// TestMelGolden compares with train/audio.py.
func TestMelGolden(t *testing.T) {
	file, err := golden.Open("testdata/golden.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	samples, _ := file.Floats("samples")
	want, bands := file.Floats("mel")
	got := LogMel(samples)
	if bands != MelBands || len(got) != len(want) {
		t.Fatalf("%d values in %d bands, want %d in %d", len(got), MelBands, len(want), bands)
	}
	worst := 0.0
	for i := range want {
		worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
	}
	if !(worst <= 1e-4) {
		t.Errorf("apart by %g, want at most 1e-4", worst)
	}
	t.Logf("apart by at most %g", worst)
}

// TestMelInPieces wants the same bits however the samples are cut.
func TestMelInPieces(t *testing.T) {
	for _, n := range []int{0, 1, 159, 160, 161, 280, 281, 4000} {
		samples := make([]float32, n)
		for i := range samples {
			samples[i] = float32(math.Sin(float64(i*i) / 1e3))
		}
		want := LogMel(samples)
		if frames := (n + MelHop - 1) / MelHop; len(want) != frames*MelBands {
			t.Errorf("%d samples: %d values, want %d frames", n, len(want), frames)
		}
		for _, size := range []int{1, 160, 333} {
			m := NewMel()
			var got []float32
			for piece := range slices.Chunk(samples, size) {
				got = m.Push(got, piece)
			}
			if got = m.Flush(got); !slices.Equal(got, want) {
				t.Errorf("%d samples in pieces of %d: other frames than in one", n, size)
			}
		}
	}
}

func TestMelOfSilence(t *testing.T) {
	floor := float32(math.Log(1e-6))
	for i, v := range LogMel(make([]float32, 1000)) {
		if v != floor {
			t.Fatalf("value %d of silence is %g, want %g", i, v, floor)
		}
	}
}

// TestMelHearsTones wants the band around a tone to be the loudest, and loudest
// where the tone sounds.
func TestMelHearsTones(t *testing.T) {
	for _, hz := range []float64{100, 440, 1000, 3000, 7000} {
		samples := make([]float32, Rate)
		for i := 4000; i < 8000; i++ {
			samples[i] = float32(math.Sin(2 * math.Pi * hz * float64(i) / Rate))
		}
		mel := LogMel(samples)
		frame := mel[37*MelBands : 38*MelBands]
		loudest := slices.Index(frame, slices.Max(frame))
		band := melBands()[loudest]
		low, high := float64(band.first-1)*Rate/melFFT, float64(band.first+len(band.weights))*Rate/melFFT
		if hz < low || hz > high {
			t.Errorf("%g Hz is loudest in the band from %g to %g Hz", hz, low, high)
		}
		if before, after := mel[23*MelBands+loudest], mel[51*MelBands+loudest]; max(before, after) > -10 {
			t.Errorf("%g Hz: %g before and %g after it sounds, want the floor", hz, before, after)
		}
	}
}

func BenchmarkLogMel(b *testing.B) {
	samples := make([]float32, 10*Rate)
	for b.Loop() {
		LogMel(samples)
	}
}
