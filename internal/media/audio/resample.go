package audio

// resampler changes the rate of a stream by convolving it with a low-pass filter
// and sampling the result at the new rate:
//
//	y[n] = Σ_k x[k] h(nM/L - k),  L/M = new rate / old rate in lowest terms
//
// x is zero outside the sound, so the result is in phase with the input, and N
// samples become ⌈NL/M⌉. Cutting the input into blocks changes no bit.
type resampler struct {
	step, unit int64 // M and L
	filter     *polyphase
	history    []float32 // the latest input
	first      int64     // which sample history starts with
	in, out    int64     // samples taken and given
}

// newResampler returns nil, which passes samples on, where the rates agree.
func newResampler(from, to int) *resampler {
	if from == to {
		return nil
	}
	g := gcd(from, to)
	r := &resampler{step: int64(from / g), unit: int64(to / g)}
	r.filter = newPolyphase(min(1, float64(to)/float64(from)), to/g)
	r.history = make([]float32, r.filter.half) // silence before the sound
	r.first = int64(-r.filter.half)
	return r
}

// push takes samples and appends to dst what follows from them.
func (r *resampler) push(dst, samples []float32) []float32 {
	if r == nil {
		return append(dst, samples...)
	}
	r.in += int64(len(samples))
	return r.run(dst, samples, 1<<62)
}

// flush appends the end of the sound to dst: what needs the silence after it.
func (r *resampler) flush(dst []float32) []float32 {
	if r == nil {
		return dst
	}
	total := (r.in*r.unit + r.step - 1) / r.step
	return r.run(dst, make([]float32, r.filter.half+1), total)
}

// run appends the output for which the input is there, up to a total.
func (r *resampler) run(dst, samples []float32, total int64) []float32 {
	r.history = append(r.history, samples...)
	half, end := int64(r.filter.half), r.first+int64(len(r.history))
	for r.out < total {
		at := r.out * r.step
		tick, phase := at/r.unit, at%r.unit
		if tick+half >= end {
			break
		}
		from := tick - half + 1 - r.first
		dst = append(dst, r.filter.at(r.history[from:from+2*half], phase, r.unit))
		r.out++
	}
	// Keep what the next output needs.
	next := r.out*r.step/r.unit - half + 1
	if drop := min(next-r.first, int64(len(r.history))); drop > 0 {
		r.history = r.history[:copy(r.history, r.history[drop:])]
		r.first += drop
	}
	return dst
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
