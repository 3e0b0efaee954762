package vorbis

import (
	"math"
	"math/cmplx"

	"gonum.org/v1/gonum/dsp/fourier"
)

// mdct is the inverse modified discrete cosine transform of blocks of n samples,
// from n/2 coefficients:
//
//	y[i] = Σ_k X[k] cos(2π/n (i + ½ + n/4)(k + ½)), 0 ≤ i < n
//
// computed as a DCT-IV of N = n/2 points, which the block repeats with signs, and
// that by a complex Fourier transform of N/2 points between two twists.
type mdct struct {
	fft    *fourier.CmplxFFT
	twist  []complex128 // e^(-iπ(8j+1)/8N)
	packed []complex128
	turned []complex128
	cosine []float64
}

func newMDCT(n int) *mdct {
	N := n / 2
	t := &mdct{fft: fourier.NewCmplxFFT(N / 2), twist: make([]complex128, N/2), packed: make([]complex128, N/2), cosine: make([]float64, N)}
	for j := range t.twist {
		t.twist[j] = cmplx.Exp(complex(0, -math.Pi*float64(8*j+1)/float64(8*N)))
	}
	return t
}

// inverse fills block, of n samples, from n/2 coefficients.
func (t *mdct) inverse(block, coeffs []float32) {
	N := len(t.cosine)
	for j, w := range t.twist {
		t.packed[j] = w * complex(float64(coeffs[2*j]), float64(coeffs[N-1-2*j]))
	}
	t.turned = t.fft.Coefficients(t.turned, t.packed)
	for k, w := range t.twist {
		v := w * t.turned[k]
		t.cosine[2*k], t.cosine[N-1-2*k] = real(v), -imag(v)
	}
	for i := range N / 2 {
		block[i] = float32(t.cosine[N/2+i])
		block[N-1-i] = -block[i]
		block[N+i] = float32(-t.cosine[N/2-1-i])
		block[2*N-1-i] = block[N+i]
	}
}
