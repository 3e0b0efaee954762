package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"testing"
)

// FuzzReader wants any bytes to be an error or a sound of finite samples, soon and
// in little memory.
func FuzzReader(f *testing.F) {
	for _, w := range []wave{
		{tag: 1, bits: 8, channels: 1, rate: 8000}, {tag: 1, bits: 16, channels: 2, rate: 16000}, {tag: 1, bits: 24, channels: 1, rate: 16000},
		{tag: 3, bits: 32, channels: 1, rate: 16000}, {tag: 3, bits: 64, channels: 2, rate: 44100}, {tag: tagExtensible, sub: 1, bits: 16, channels: 3, rate: 16000},
	} {
		w.values = stereo(w.rate, 30)
		f.Add(w.file())
	}
	f.Add(flacOf(f, 16000, 2, 16, stereo(16000, 200), 200))
	f.Add(flacOf(f, 24000, 1, 8, stereo(24000, 50), 0))
	for _, name := range []string{"tone16.mp3", "tone22.mp3", "tone44.mp3", "tone.ogg"} {
		f.Add(testdata(f, name))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		block := make([]float32, 5000)
		for blocks := 0; err == nil && blocks < 50; blocks++ {
			var n int
			n, err = r.Read(block)
			for i, v := range block[:n] {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("sample %d is %g", i, v)
				}
			}
			if err != nil && !errors.Is(err, io.EOF) && n == len(block) {
				t.Fatalf("a full read with error %v", err)
			}
		}
	})
}

// FuzzVorbis gives the Vorbis decoder what Ogg's checksums would hold off: a
// page's checksum is set right before it is read.
func FuzzVorbis(f *testing.F) {
	f.Add(testdata(f, "tone.ogg"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := slices.Clone(data)
		for at := 0; len(file)-at >= 27; {
			size := 27 + int(file[at+26])
			if len(file)-at < size {
				break
			}
			for _, n := range file[at+27 : at+size] {
				size += int(n)
			}
			if len(file)-at < size {
				break
			}
			clear(file[at+22 : at+26])
			crc := oggCRC(0, file[at:at+size])
			for i := range 4 {
				file[at+22+i] = byte(crc >> (8 * i))
			}
			at += size
		}
		r, err := newOgg(bytes.NewReader(file))
		block := make([]float32, maxChannels*100)
		for blocks := 0; err == nil && blocks < 500; blocks++ {
			_, err = r.decode(block[:len(block)/r.Channels*r.Channels])
		}
	})
}
