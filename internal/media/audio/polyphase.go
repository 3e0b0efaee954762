package audio

import "math"

// The low-pass filter, in terms of the lower of the two rates: it passes up to
// 0.9 of half that rate and stops from there on by about 100 dB.
const (
	zeros     = 64   // zero crossings on each side
	cutoff    = 0.95 // middle of the transition, 1 being half the rate
	beta      = 10.06
	maxPhases = 1024
)

// polyphase is a sinc under a Kaiser window (Kaiser 1974), tabulated:
//
//	h(t) ~ sinc(ct) I₀(β√(1-(t/half)²)),  t in input samples
//
// with a row of 2·half taps for each of the phases in between two samples. Each
// row sums to 1, so that a constant stays one. Where the rates' ratio has more
// phases than there are rows, output is interpolated linearly between two rows,
// 108 dB below the signal at worst (ω²/8 for ω = π/phases).
type polyphase struct {
	half   int
	phases int
	taps   []float32 // (phases + 1, 2·half)
}

// newPolyphase makes a filter for a ratio of the lower rate to the input's, and
// as many phases as are wanted or as there may be.
func newPolyphase(ratio float64, phases int) *polyphase {
	p := &polyphase{half: int(math.Ceil(zeros / ratio)), phases: min(phases, maxPhases)}
	if phases > maxPhases {
		p.phases = maxPhases / 2
	}
	width := 2 * p.half
	p.taps = make([]float32, (p.phases+1)*width)
	row := make([]float64, width)
	for phase := range p.phases + 1 {
		sum := 0.0
		for j := range row {
			t := float64(j-p.half+1) - float64(phase)/float64(p.phases)
			row[j] = sinc(cutoff*ratio*t) * kaiser(t/float64(p.half))
			sum += row[j]
		}
		for j, h := range row {
			p.taps[phase*width+j] = float32(h / sum)
		}
	}
	return p
}

// at is the output at phase/unit past the middle of the input.
func (p *polyphase) at(input []float32, phase, unit int64) float32 {
	at := phase * int64(p.phases)
	row, rest := int(at/unit), at%unit
	width := len(input)
	low := dot(input, p.taps[row*width:(row+1)*width])
	if rest == 0 {
		return float32(low)
	}
	high := dot(input, p.taps[(row+1)*width:(row+2)*width])
	return float32(low + (high-low)*float64(rest)/float64(unit))
}

// dot is Σ a b in double precision; the length is even.
func dot(a, b []float32) float64 {
	var even, odd float64
	b = b[:len(a)]
	for i := 0; i+1 < len(a); i += 2 {
		even += float64(a[i]) * float64(b[i])
		odd += float64(a[i+1]) * float64(b[i+1])
	}
	return even + odd
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window, not normalized.
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel0(beta * math.Sqrt(1-x*x))
}

// bessel0 is the modified Bessel function I₀(x) = Σ ((x/2)ᵏ/k!)².
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > 1e-17*sum; k++ {
		term *= x / 2 / k * (x / 2 / k)
		sum += term
	}
	return sum
}
