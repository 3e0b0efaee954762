package mm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// PCM makes a sound of mono samples, full scale being 1, at a rate in Hz, for
// Input.Audio: a WAV file that is written as it is read. The samples must not
// change while it is.
func PCM(samples []float32, rate int) io.ReadSeeker {
	le := binary.LittleEndian
	hz := uint32(max(0, min(int64(rate), math.MaxUint32/4))) // the reader says which rates it takes
	head := le.AppendUint32([]byte("RIFF"), uint32(wavHeader-8+4*len(samples)))
	head = append(head, "WAVEfmt "...)
	head = le.AppendUint32(head, 16)
	head = le.AppendUint16(head, 3) // float
	head = le.AppendUint16(head, 1) // channel
	head = le.AppendUint32(head, hz)
	head = le.AppendUint32(head, 4*hz)
	head = le.AppendUint16(head, 4)  // bytes a sample
	head = le.AppendUint16(head, 32) // bits
	head = append(head, "data"...)
	head = le.AppendUint32(head, uint32(4*len(samples)))
	return &pcm{head: head, samples: samples}
}

const (
	wavHeader = 44 // bytes
	maxPCM    = (math.MaxUint32 - wavHeader) / 4
)

// pcm is a WAV file of float samples.
type pcm struct {
	head    []byte
	samples []float32
	at      int64
}

func (p *pcm) size() int64 { return int64(len(p.head)) + 4*int64(len(p.samples)) }

func (p *pcm) Read(dst []byte) (int, error) {
	if len(p.samples) > maxPCM {
		return 0, fmt.Errorf("%d samples, want at most %d in one sound", len(p.samples), maxPCM)
	}
	if p.at >= p.size() {
		return 0, io.EOF
	}
	n := 0
	if p.at < int64(len(p.head)) {
		n = copy(dst, p.head[p.at:])
		p.at += int64(n)
	}
	for n < len(dst) && p.at < p.size() {
		i := p.at - int64(len(p.head))
		var value [4]byte
		binary.LittleEndian.PutUint32(value[:], math.Float32bits(p.samples[i/4]))
		copied := copy(dst[n:], value[i%4:])
		n += copied
		p.at += int64(copied)
	}
	return n, nil
}

func (p *pcm) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += p.at
	case io.SeekEnd:
		offset += p.size()
	default:
		return 0, fmt.Errorf("whence %d: want 0 to 2", whence)
	}
	if offset < 0 {
		return 0, errors.New("a place before the start")
	}
	p.at = offset
	return offset, nil
}
