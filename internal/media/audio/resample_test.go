package audio

import (
	"fmt"
	"math"
	"slices"
	"testing"
)

// resampled is a cosine of a frequency, a quarter of a second of it, brought to 16 kHz.
func resampled(rate int, hz float64) []float32 {
	x := make([]float32, rate/4)
	for i := range x {
		x[i] = float32(0.5 * math.Cos(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	r := newResampler(rate, Rate)
	return r.flush(r.push(nil, x))
}

// rates have exact phases (44,100 has 160 of them), interpolated ones (44,101 has
// 16,000) and none.
var rates = []int{8000, 8001, 11025, 12000, 15999, 16001, 22050, 24000, 32000, 44100, 44101, 48000, 88200, 96000, 176400, 191999, 192000}

// TestResamplePasses compares with the analytic signal, in phase and amplitude.
func TestResamplePasses(t *testing.T) {
	worst := math.Inf(1)
	for _, rate := range rates {
		pass := 0.9 * float64(min(rate, Rate)) / 2
		for _, part := range []float64{0.003, 0.1, 0.37, 0.7, 0.9, 1} {
			hz := pass * part
			got := resampled(rate, hz)
			if want := (rate/4*Rate + rate - 1) / rate; len(got) != want {
				t.Fatalf("%d Hz: %d samples, want %d", rate, len(got), want)
			}
			ratio := snr(got, 200, func(i int) float64 { return 0.5 * math.Cos(2*math.Pi*hz*float64(i)/Rate) })
			worst = min(worst, ratio)
			if ratio < 90 {
				t.Errorf("%.0f Hz sampled at %d Hz: SNR %.1f dB, want 90", hz, rate, ratio)
			}
		}
	}
	t.Logf("SNR at least %.1f dB", worst)
}

// TestResampleStops wants frequencies that 16 kHz cannot hold to vanish, and
// images of lower rates too.
func TestResampleStops(t *testing.T) {
	worst := 0.0
	for _, rate := range rates {
		if rate <= 17000 {
			continue
		}
		for _, part := range []float64{0, 0.01, 0.1, 0.5, 0.99} {
			hz := 8000 + part*(float64(rate)/2-8000)
			for _, v := range resampled(rate, hz)[200:3800] {
				worst = max(worst, math.Abs(float64(v))/0.5)
			}
			if worst > 1e-4 {
				t.Fatalf("%.0f Hz sampled at %d Hz: %.1f dB left, want -80", hz, rate, 20*math.Log10(worst))
			}
		}
	}
	t.Logf("at most %.1f dB left", 20*math.Log10(worst))
}

func TestResampleConstant(t *testing.T) {
	for _, rate := range rates {
		x := slices.Repeat([]float32{1}, rate/4)
		r := newResampler(rate, Rate)
		got := r.flush(r.push(nil, x))
		for i, v := range got[300 : len(got)-300] {
			if math.Abs(float64(v)-1) > 1e-5 {
				t.Fatalf("%d Hz: a constant 1 becomes %g at %d", rate, v, i+300)
			}
		}
	}
}

// TestResampleInPieces wants the same bits however the input is cut.
func TestResampleInPieces(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100, 44101, 192000} {
		x := make([]float32, 9000)
		for i := range x {
			x[i] = float32(math.Sin(float64(i*i) / 1e4))
		}
		whole := newResampler(rate, Rate)
		want := whole.flush(whole.push(nil, x))
		for _, size := range []int{1, 7, 1000, 8999} {
			r := newResampler(rate, Rate)
			var got []float32
			for piece := range slices.Chunk(x, size) {
				got = r.push(got, piece)
			}
			if got = r.flush(got); !slices.Equal(got, want) {
				t.Errorf("%d Hz in pieces of %d: other samples than in one", rate, size)
			}
		}
	}
}

func TestResampleKeepsLittle(t *testing.T) {
	r := newResampler(48000, Rate)
	block := make([]float32, 4096)
	var out []float32
	for range 1000 {
		out = r.push(out[:0], block)
	}
	if cap(r.history) > 4*4096 {
		t.Errorf("history of %d samples after blocks of 4096", cap(r.history))
	}
}

func BenchmarkResample(b *testing.B) {
	for _, rate := range []int{44100, 48000, 192000} {
		b.Run(fmt.Sprint(rate), func(b *testing.B) {
			r := newResampler(rate, Rate)
			second := make([]float32, rate)
			var out []float32
			for b.Loop() {
				out = r.push(out[:0], second)
			}
		})
	}
}
