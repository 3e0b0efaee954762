package audio

import (
	"errors"
	"fmt"
	"io"
)

// blockTicks is how many moments of sound are decoded at a time.
const blockTicks = 4096

// Reader yields a sound as mono samples at 16 kHz: decoded, mixed down by the
// mean of the channels, resampled. It uses the same memory for a second as for
// hours.
type Reader struct {
	file   decoder
	stored []float32 // interleaved, as decoded
	mono   []float32
	rate   *resampler
	ready  []float32 // resampled, from next on not yet read
	next   int
	ticks  int64 // decoded so far
	err    error // what ended the sound
}

// NewReader starts to read a file from its beginning. Closing the file stays the
// caller's.
func NewReader(file io.ReadSeeker) (*Reader, error) {
	d, err := open(file)
	if err != nil {
		return nil, err
	}
	f := d.format()
	return &Reader{
		file:   d,
		stored: make([]float32, blockTicks*f.Channels),
		mono:   make([]float32, blockTicks),
		rate:   newResampler(f.Rate, Rate),
	}, nil
}

// Format tells how the sound is stored.
func (r *Reader) Format() Format { return r.file.format() }

// Read fills dst with the next samples and returns how many they are: fewer only
// at the end, with io.EOF, or with the error that ended the sound. A sound
// without any samples is an error.
func (r *Reader) Read(dst []float32) (int, error) {
	n := 0
	for n < len(dst) {
		if r.next == len(r.ready) {
			if r.err != nil {
				return n, r.err
			}
			r.err = r.fill()
			continue
		}
		copied := copy(dst[n:], r.ready[r.next:])
		n += copied
		r.next += copied
	}
	return n, nil
}

// fill makes the next samples ready, the last ones together with io.EOF.
func (r *Reader) fill() error {
	r.ready, r.next = r.ready[:0], 0
	name := r.file.format().Name
	n, err := r.file.decode(r.stored)
	mono, mixErr := r.mix(r.stored[:n])
	if mixErr != nil {
		return fmt.Errorf("%s: %w", name, mixErr)
	}
	r.ready = r.rate.push(r.ready, mono)
	switch {
	case err == nil:
		return nil
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("%s: %w", name, err)
	case r.ticks == 0:
		return fmt.Errorf("%s: 0 samples, want at least 1", name)
	}
	r.ready = r.rate.flush(r.ready)
	return io.EOF
}

// mix returns the mean over the channels and wants all samples to be numbers.
func (r *Reader) mix(stored []float32) ([]float32, error) {
	channels := r.file.format().Channels
	mono := r.mono[:len(stored)/channels]
	for i := range mono {
		sum := float32(0)
		for _, v := range stored[i*channels : (i+1)*channels] {
			if !(v >= -maxLoudness && v <= maxLoudness) {
				return nil, fmt.Errorf("sample %d is %g, want a number from -%d to %d", r.ticks+int64(i), v, maxLoudness, maxLoudness)
			}
			sum += v
		}
		mono[i] = sum / float32(channels)
	}
	r.ticks += int64(len(mono))
	return mono, nil
}
