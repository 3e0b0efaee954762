package audio

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"
)

// The log-mel frames that the model listens to. With x the samples at 16 kHz, N
// of them, and zero outside the sound:
//
//	w[j]    = ½ - ½ cos(2πj/400), 0 ≤ j < 400         a periodic Hann window of 25 ms
//	X[t,k]  = Σ_j w[j] x[160t - 120 + j] e^(-2πijk/512), 0 ≤ k ≤ 256
//	Y[t,b]  = ln max(Σ_k F[b,k] |X[t,k]|², 1e-6), 0 ≤ b < 80
//
// A frame stands for 10 ms and its window is centred on them, so T = ⌈N/160⌉. F
// (80, 257) are triangles of height 1 between neighbouring points of 82 that are
// evenly spaced from 0 to 8,000 Hz on Slaney's mel scale (Auditory Toolbox,
// 1998): 3f/200 below 1,000 Hz, 15 + 27 ln(f/1000)/ln(6.4) from there on. They
// are not normalized. The floor lies just above the noise of 16-bit rounding.
// Everything is float64 but the input and the output.
//
// train/audio.py is its twin.
const (
	MelBands = 80
	MelHop   = 160 // samples a frame

	melWindow = 400
	melFFT    = 512
	melFloor  = 1e-6
	melMargin = (melWindow - MelHop) / 2 // of the window on each side of its hop
)

// Mel turns a stream of samples into frames of MelBands values. Cutting the
// samples into pieces changes no bit.
type Mel struct {
	fft      *fourier.FFT
	window   [melWindow]float64
	bands    [MelBands]band
	pending  []float32 // samples from the start of the next window on
	samples  int64     // taken so far
	frames   int64     // given so far
	framed   [melFFT]float64
	spectrum []complex128
	power    [melFFT/2 + 1]float64
}

// band is a triangle: its weights from the bin first on.
type band struct {
	first   int
	weights []float64
}

// NewMel starts a stream.
func NewMel() *Mel {
	m := &Mel{fft: fourier.NewFFT(melFFT), bands: melBands(), pending: make([]float32, melMargin)}
	for j := range m.window {
		m.window[j] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(j)/melWindow)
	}
	return m
}

// LogMel returns the frames of a whole sound, (T, MelBands).
func LogMel(samples []float32) []float32 {
	m := NewMel()
	frames := make([]float32, 0, (len(samples)/MelHop+1)*MelBands)
	return m.Flush(m.Push(frames, samples))
}

// Push takes samples and appends the frames that they complete to dst.
func (m *Mel) Push(dst, samples []float32) []float32 {
	m.samples += int64(len(samples))
	return m.run(dst, samples, math.MaxInt64)
}

// Flush ends the stream and appends its last frames to dst.
func (m *Mel) Flush(dst []float32) []float32 {
	return m.run(dst, make([]float32, melWindow), (m.samples+MelHop-1)/MelHop)
}

// run appends all frames whose windows are complete, up to a total.
func (m *Mel) run(dst, samples []float32, total int64) []float32 {
	m.pending = append(m.pending, samples...)
	at := 0
	for ; m.frames < total && at+melWindow <= len(m.pending); at += MelHop {
		dst = m.appendFrame(dst, m.pending[at:at+melWindow])
		m.frames++
	}
	m.pending = m.pending[:copy(m.pending, m.pending[at:])]
	return dst
}

func (m *Mel) appendFrame(dst, samples []float32) []float32 {
	for j, w := range m.window {
		m.framed[j] = w * float64(samples[j])
	}
	m.spectrum = m.fft.Coefficients(m.spectrum, m.framed[:])
	for k, x := range m.spectrum {
		m.power[k] = real(x)*real(x) + imag(x)*imag(x)
	}
	for _, b := range m.bands {
		sum := 0.0
		for i, w := range b.weights {
			sum += w * m.power[b.first+i]
		}
		dst = append(dst, float32(math.Log(max(sum, melFloor))))
	}
	return dst
}

// melBands makes the triangles; each has a bin at least.
func melBands() (bands [MelBands]band) {
	const breakHz, breakMel, logStep = 1000, 15, 1.8562979903656263 / 27 // ln 6.4
	top := breakMel + math.Log(Rate/2.0/breakHz)/logStep
	var edges [MelBands + 2]float64 // Hz
	for i := range edges {
		mel := top * float64(i) / (MelBands + 1)
		edges[i] = mel * breakHz / breakMel
		if mel > breakMel {
			edges[i] = breakHz * math.Exp(logStep*(mel-breakMel))
		}
	}
	for b := range bands {
		low, middle, high := edges[b], edges[b+1], edges[b+2]
		for k := range melFFT/2 + 1 {
			hz := float64(k) * Rate / melFFT
			w := min((hz-low)/(middle-low), (high-hz)/(high-middle))
			if w <= 0 {
				continue
			}
			if bands[b].weights == nil {
				bands[b].first = k
			}
			bands[b].weights = append(bands[b].weights, w)
		}
	}
	return bands
}
