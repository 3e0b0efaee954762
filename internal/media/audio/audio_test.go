package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
)

func TestSniffRejects(t *testing.T) {
	for _, c := range []struct{ name, file, want string }{
		{"empty", "", "0 bytes, want a sound file"},
		{"text", "These are words, not a sound.", `starts with "These are wo", want WAV, FLAC, MP3 or Ogg Vorbis`},
		{"one byte", "R", `starts with "R"`},
		{"four bytes", "RIFF", "WAV: 4 bytes, want at least 12: truncated"},
		{"AVI", "RIFF\x04\x00\x00\x00AVI LIST", `starts with "RIFF`},
		{"FLAC's name alone", "fLaC", "FLAC: header of 4 bytes, want 42: truncated"},
		{"MP3's sync alone", "\xff\xfb\x90", "want WAV"},
		{"Ogg of another kind", "OggS\x00\x02" + strings.Repeat("\x00", 22) + "OpusHead", `an Ogg file of "OpusHead", want one of Vorbis`},
		{"ID3 cut", "ID3\x04", "ID3 tag of 4 bytes, want at least 10: truncated"},
		{"ID3 size", "ID3\x04\x00\x00\x80\x00\x00\x00....", "ID3 tag: byte 0 of its size is 0x80"},
		{"ID3 beyond the file", "ID3\x04\x00\x00\x7f\x7f\x7f\x7f....", "ID3 tag of 268435465 bytes in a file of 14: truncated"},
	} {
		wantError(t, c.name, []byte(c.file), c.want)
	}
}

func TestDecodeLimit(t *testing.T) {
	file := wave{tag: 1, bits: 16, channels: 1, rate: Rate, values: make([]float64, 40000)}.file()
	if _, err := Decode(bytes.NewReader(file), 40000); err != nil {
		t.Error(err)
	}
	_, err := Decode(bytes.NewReader(file), 39999)
	if want := "WAV: more than 39999 samples at 16000 Hz"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

// TestReadInPieces wants the same samples whatever the size of the reads, and the
// end again and again.
func TestReadInPieces(t *testing.T) {
	file := wave{tag: 1, bits: 16, channels: 2, rate: 44100, values: stereo(44100, 30000)}.file()
	want := decode(t, file)
	for _, size := range []int{1, 100, 4097, 20000} {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		block := make([]float32, size)
		at := 0
		for err == nil {
			var n int
			n, err = r.Read(block)
			for i, v := range block[:n] {
				if v != want[at+i] {
					t.Fatalf("reads of %d: sample %d is %g, want %g", size, at+i, v, want[at+i])
				}
			}
			at += n
		}
		if n, again := r.Read(block); at != len(want) || !errors.Is(err, io.EOF) || n != 0 || !errors.Is(again, io.EOF) {
			t.Errorf("reads of %d: %d samples, error %v, then %d, %v", size, at, err, n, again)
		}
	}
}

// endless is a WAV file of any length that is nowhere in memory.
type endless struct {
	header []byte
	size   int64
	at     int64
}

func (e *endless) Read(p []byte) (int, error) {
	if e.at >= e.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), e.size-e.at))
	for i := range p[:n] {
		p[i] = byte(e.at >> 3)
		if e.at < int64(len(e.header)) {
			p[i] = e.header[e.at]
		}
		e.at++
	}
	return n, nil
}

func (e *endless) Seek(offset int64, whence int) (int64, error) {
	e.at = offset + []int64{0, e.at, e.size}[whence]
	return e.at, nil
}

// threeHours is a sound of that length.
func threeHours() *endless {
	const rate = 8000
	header := wave{tag: 1, bits: 8, channels: 1, rate: rate}.file()
	file := &endless{header: header, size: int64(len(header)) + 3*3600*rate}
	binary.LittleEndian.PutUint32(header[4:], uint32(file.size-8))
	binary.LittleEndian.PutUint32(header[len(header)-4:], 3*3600*rate)
	return file
}

// readLong reads up to limit samples and their mel frames and returns how many it
// got and by how many bytes memory grew after the first of them.
func readLong(t testing.TB, file io.ReadSeeker, limit int64) (total, grown int64) {
	r, err := NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	block, frames, mel := make([]float32, 1<<14), []float32(nil), NewMel()
	for total < limit && err == nil {
		var n int
		n, err = r.Read(block)
		frames = mel.Push(frames[:0], block[:n])
		if total == 0 {
			runtime.ReadMemStats(&before)
		}
		total += int64(n)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	return total, int64(after.HeapSys) - int64(before.HeapSys)
}

// TestLongSound reads the first minutes of three hours in the memory of seconds;
// BenchmarkThreeHours reads them all.
func TestLongSound(t *testing.T) {
	const most = 120 * Rate
	if total, grown := readLong(t, threeHours(), most); total < most || grown > 8<<20 {
		t.Errorf("%d samples, memory grew by %d bytes, want at least %d and at most 8 MiB", total, grown, most)
	}
}

func BenchmarkThreeHours(b *testing.B) {
	for b.Loop() {
		total, grown := readLong(b, threeHours(), math.MaxInt64)
		if total != 3*3600*Rate || grown > 8<<20 {
			b.Errorf("%d samples, memory grew by %d bytes, want %d and at most 8 MiB", total, grown, 3*3600*Rate)
		}
	}
}
