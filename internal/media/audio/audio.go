// Package audio reads sound files as 16 kHz mono samples, block by block, and
// turns samples into log-mel frames. It knows a file by its content: WAV, FLAC,
// MP3 and Ogg Vorbis. Bytes are not trusted: sizes are checked before anything
// is allocated, memory does not grow with a sound's length, and a truncated file
// is an error, never a shorter sound.
package audio

import (
	"errors"
	"fmt"
	"io"
)

// Rate is the rate of all samples that leave the package, in Hz.
const Rate = 16000

// What is accepted.
const (
	minRate     = 8000
	maxRate     = 192000
	maxChannels = 32
	maxLoudness = 1 << 16 // of float samples; some writers scale to 16-bit integers
)

// Format tells how a sound is stored.
type Format struct {
	Name     string // "WAV", "FLAC", "MP3" or "Ogg Vorbis"
	Rate     int    // Hz
	Channels int
}

// check wants a rate and channels that can be handled.
func (f Format) check() error {
	if f.Channels < 1 || f.Channels > maxChannels {
		return fmt.Errorf("%d channels, want 1 to %d", f.Channels, maxChannels)
	}
	if f.Rate < minRate || f.Rate > maxRate {
		return fmt.Errorf("%d Hz, want %d to %d", f.Rate, minRate, maxRate)
	}
	return nil
}

// decoder yields a file's sound as it is stored.
type decoder interface {
	format() Format
	// decode fills block, which holds a multiple of the channels, with interleaved
	// samples, full scale being 1. It returns how many it filled in, a multiple of
	// the channels, and io.EOF once it has no more.
	decode(block []float32) (int, error)
}

// Decode reads a whole sound of at most limit samples at 16 kHz; a longer one is
// an error.
func Decode(file io.ReadSeeker, limit int) ([]float32, error) {
	r, err := NewReader(file)
	if err != nil {
		return nil, err
	}
	var samples []float32
	block := make([]float32, Rate)
	for {
		n, err := r.Read(block)
		if len(samples)+n > limit {
			return nil, fmt.Errorf("%s: more than %d samples at %d Hz, want at most that", r.Format().Name, limit, Rate)
		}
		samples = append(samples, block[:n]...)
		if errors.Is(err, io.EOF) {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
	}
}
