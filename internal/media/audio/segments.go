package audio

import (
	"errors"
	"io"
	"math"
	"time"
)

// Segments reads a sound in pieces of at most a window of log-mel frames. A sound
// that is longer is cut where it is quietest in the second half of each window:
// where the mean of the frames around the cut, half a quiet stretch on each side,
// is least. It uses the same memory for seconds as for hours.
type Segments struct {
	sound   *Reader
	mel     *Mel
	window  int       // frames of a segment at most
	block   []float32 // samples, read at a time
	frames  []float32 // (n, MelBands): read and not yet dropped
	first   int64     // the number of the first of them
	given   int       // of them in the latest segment
	samples int64     // read so far
	err     error     // what ended the sound
}

const (
	quietStretch = 20 // frames: the shortest pause that a cut looks for
	// ln 1e-4, the power of a tone of three steps of 16 bits, 80 dB below full
	// scale. The floor, which digital silence has, is ln 1e-6.
	silence = -9.210340371976182
)

// Segment is a piece of a sound. The pieces of a sound touch.
type Segment struct {
	Start, End time.Duration
	Mel        []float32 // (F, MelBands), valid until the next segment is read
	Silent     bool      // nothing is louder than a tone of three steps of 16 bits
}

// Frames is the number of frames F.
func (s Segment) Frames() int { return len(s.Mel) / MelBands }

// NewSegments starts to read a file from its beginning, for segments of at most
// window frames. Closing the file stays the caller's.
func NewSegments(file io.ReadSeeker, window int) (*Segments, error) {
	sound, err := NewReader(file)
	if err != nil {
		return nil, err
	}
	return &Segments{sound: sound, mel: NewMel(), window: window, block: make([]float32, quietStretch*MelHop)}, nil
}

// Next returns the next segment, io.EOF after the last, or the error that ended
// the sound.
func (s *Segments) Next() (Segment, error) {
	s.frames = s.frames[:copy(s.frames, s.frames[s.given*MelBands:])]
	s.first += int64(s.given)
	s.given = 0
	for s.err == nil && s.ready() < s.window+quietStretch/2 {
		s.read()
	}
	if s.err != nil && !errors.Is(s.err, io.EOF) {
		return Segment{}, s.err
	}
	switch n := s.ready(); {
	case n == 0:
		return Segment{}, io.EOF
	case n > s.window:
		s.given = s.quietest()
	default:
		s.given = n
	}
	return s.segment(), nil
}

// ready is the number of frames that were read and not given.
func (s *Segments) ready() int { return len(s.frames)/MelBands - s.given }

func (s *Segments) read() {
	var n int
	n, s.err = s.sound.Read(s.block)
	s.samples += int64(n)
	s.frames = s.mel.Push(s.frames, s.block[:n])
	if errors.Is(s.err, io.EOF) {
		s.frames = s.mel.Flush(s.frames)
	}
}

// segment describes the given frames.
func (s *Segments) segment() Segment {
	const hop, tick = time.Second * MelHop / Rate, time.Second / Rate
	out := Segment{Mel: s.frames[:s.given*MelBands], Silent: true}
	out.Start = time.Duration(s.first) * hop
	out.End = min(time.Duration(s.first+int64(s.given))*hop, time.Duration(s.samples)*tick)
	for _, v := range out.Mel {
		if v >= silence {
			out.Silent = false
			break
		}
	}
	return out
}

// quietest returns before which frame to cut: among equals the last.
func (s *Segments) quietest() int {
	energy := make([]float64, min(s.window+quietStretch/2, s.ready()))
	for t := range energy {
		for _, v := range s.frames[t*MelBands : (t+1)*MelBands] {
			energy[t] += float64(v)
		}
	}
	best, least := s.window, math.Inf(1)
	for t := max(s.window/2, 1); t <= s.window; t++ {
		around := energy[max(t-quietStretch/2, 0):min(t+quietStretch/2, len(energy))]
		sum := 0.0
		for _, e := range around {
			sum += e
		}
		if mean := sum / float64(len(around)); mean <= least {
			best, least = t, mean
		}
	}
	return best
}
