package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	goaudio "github.com/go-audio/audio"
	"github.com/go-audio/wav"
)

// wavFile decodes a WAV file with go-audio/wav. That library believes sizes and
// knows neither float nor 64 bits. So it gets a header of our own over the
// samples found by readRIFF, as words of up to 32 bits, and what the words mean
// is settled here.
type wavFile struct {
	wavLayout
	library *wav.Decoder
	words   goaudio.IntBuffer
	left    int64 // values not yet decoded
}

func newWAV(file io.ReadSeeker, size int64) (*wavFile, error) {
	layout, err := readRIFF(file, size)
	if err != nil {
		return nil, fmt.Errorf("WAV: %w", err)
	}
	w := &wavFile{wavLayout: layout, left: layout.ticks * int64(layout.Channels)}
	if _, err := file.Seek(w.start, io.SeekStart); err != nil {
		return nil, err
	}
	data := io.LimitReader(file, w.left*int64(w.bytes))
	w.library = wav.NewDecoder(onward{io.MultiReader(w.plainHeader(), data)})
	return w, nil
}

func (w *wavFile) format() Format { return w.Format }

// wordBytes is the size of the words that the library reads.
func (w *wavFile) wordBytes() int { return min(w.bytes, 4) }

// plainHeader is the shortest header of a WAV file, of integers.
func (w *wavFile) plainHeader() io.Reader {
	le := binary.LittleEndian
	align := w.bytes * w.Channels
	head := le.AppendUint32([]byte("RIFF"), math.MaxUint32)
	head = append(head, "WAVEfmt "...)
	head = le.AppendUint32(head, 16)
	head = le.AppendUint16(head, tagPCM)
	head = le.AppendUint16(head, uint16(align/w.wordBytes()))
	head = le.AppendUint32(head, uint32(w.Rate))
	head = le.AppendUint32(head, uint32(w.Rate*align))
	head = le.AppendUint16(head, uint16(align))
	head = le.AppendUint16(head, uint16(8*w.wordBytes()))
	head = append(head, "data"...)
	return bytes.NewReader(le.AppendUint32(head, uint32(w.ticks*int64(align))))
}

func (w *wavFile) decode(block []float32) (int, error) {
	n := int(min(int64(len(block)), w.left))
	if n == 0 {
		return 0, io.EOF
	}
	perValue := w.bytes / w.wordBytes()
	if cap(w.words.Data) < n*perValue {
		w.words.Data = make([]int, n*perValue)
	}
	w.words.Data = w.words.Data[:n*perValue]
	got, err := w.library.PCMBuffer(&w.words)
	if err != nil {
		return 0, err
	}
	if got != len(w.words.Data) {
		return 0, fmt.Errorf(`chunk "data" ends %d values early: truncated`, w.left-int64(got/perValue))
	}
	w.left -= int64(n)
	w.values(block[:n])
	return n, nil
}

// values turns the words into samples.
func (w *wavFile) values(block []float32) {
	words := w.words.Data
	for i := range block {
		switch {
		case w.float && w.bytes == 8:
			low, high := uint64(uint32(words[2*i])), uint64(uint32(words[2*i+1]))
			block[i] = float32(math.Float64frombits(high<<32 | low))
		case w.float:
			block[i] = math.Float32frombits(uint32(words[i]))
		case w.bytes == 1: // unsigned
			block[i] = float32(words[i]-0x80) / 0x80
		default:
			block[i] = float32(float64(words[i]) / float64(int64(1)<<(8*w.bytes-1)))
		}
	}
}

// onward is a stream that the library takes for a file. Its reads are full: the
// library takes a short one for the end of a sample.
type onward struct{ io.Reader }

func (o onward) Read(p []byte) (int, error) {
	n, err := io.ReadFull(o.Reader, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return n, err
}

func (onward) Seek(int64, int) (int64, error) {
	return 0, errors.New("a stream has no places to go to")
}
