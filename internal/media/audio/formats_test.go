package audio

import (
	"bufio"
	"bytes"
	"fmt"
	"log"
	"math"
	"slices"
	"testing"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
	"github.com/mewkiz/flac/meta"
)

// flacOf encodes values of some bits, as they are.
func flacOf(t testing.TB, rate, channels, bits int, values []float64, total uint64) []byte {
	t.Helper()
	const blockSize = 1000
	var out bytes.Buffer
	info := &meta.StreamInfo{BlockSizeMin: 16, BlockSizeMax: blockSize, SampleRate: uint32(rate), NChannels: uint8(channels),
		BitsPerSample: uint8(bits), NSamples: total}
	enc, err := flac.NewEncoder(&out, info)
	if err != nil {
		t.Fatal(err)
	}
	for block := range slices.Chunk(values, blockSize*channels) {
		n := len(block) / channels
		f := &frame.Frame{Header: frame.Header{BlockSize: uint16(n), SampleRate: uint32(rate), Channels: frame.Channels(channels - 1), BitsPerSample: uint8(bits)}}
		for c := range channels {
			sub := &frame.Subframe{SubHeader: frame.SubHeader{Pred: frame.PredVerbatim}, NSamples: n}
			for i := range n {
				sub.Samples = append(sub.Samples, int32(math.RoundToEven(block[i*channels+c]*math.Ldexp(1, bits-1))))
			}
			f.Subframes = append(f.Subframes, sub)
		}
		if err := enc.WriteFrame(f); err != nil {
			t.Fatal(err)
		}
	}
	if err := enc.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// id3 is a tag of some bytes.
func id3(size int) []byte {
	return append([]byte{'I', 'D', '3', 4, 0, 0, 0, 0, byte(size >> 7), byte(size & 0x7f)}, make([]byte, size)...)
}

func TestFLAC(t *testing.T) {
	for _, c := range []struct {
		rate, bits int
		want       float64
	}{{16000, 8, 33}, {16000, 16, 84}, {22050, 24, 90}, {44100, 16, 84}, {48000, 24, 90}, {96000, 24, 90}} {
		file := flacOf(t, c.rate, 2, c.bits, stereo(c.rate, c.rate/5), uint64(c.rate/5))
		for _, f := range [][]byte{file, append(id3(300), file...)} {
			samples := decode(t, f)
			if len(samples) != Rate/5 {
				t.Errorf("%d Hz: %d samples, want %d", c.rate, len(samples), Rate/5)
			}
			if got := snr(samples, 100, tone); got < c.want {
				t.Errorf("%d Hz, %d bits: SNR %.1f dB, want %.0f", c.rate, c.bits, got, c.want)
			}
		}
	}
}

// TestFLACIsQuiet wants nothing printed, at the rates that the library remarks on,
// and their frames checked all the same.
func TestFLACIsQuiet(t *testing.T) {
	var said bytes.Buffer
	previous := log.Writer()
	log.SetOutput(&said)
	defer log.SetOutput(previous)
	for _, rate := range []int{24000, 176400} {
		file := flacOf(t, rate, 2, 16, stereo(rate, rate/5), 0)
		if got := snr(decode(t, file), 100, tone); got < 84 {
			t.Errorf("%d Hz: SNR %.1f dB, want 84", rate, got)
		}
		if said.Len() > 0 {
			t.Errorf("%d Hz: printed %q", rate, said.String())
		}
		said.Reset()
		file[len(file)-700] ^= 1
		wantError(t, "damaged", file, "FLAC: frame at sample")
		file = flacOf(t, rate, 2, 16, stereo(rate, 5000), 0)
		file[42+4] ^= 1 // the first frame's number
		wantError(t, "damaged header", file, "FLAC: frame at sample 0: CRC-8")
	}
}

func TestFLACRejects(t *testing.T) {
	file := flacOf(t, 16000, 2, 16, stereo(16000, 2500), 2500)
	change := func(at int, value byte) []byte {
		out := slices.Clone(file)
		out[at] = value
		return out
	}
	wantError(t, "rate", change(18, 0), "FLAC: ", "Hz, want 8000 to 192000")
	wantError(t, "other block", change(4, 6), "FLAC: first block is of type 6")
	wantError(t, "huge block", change(5, 0xff), "FLAC: first block is of type 0 with size ff0022")
	wantError(t, "damaged", change(len(file)-9, file[len(file)-9]^4), "FLAC: frame at sample 2000: ", "CRC-16")
	wantError(t, "too few", flacOf(t, 16000, 2, 16, stereo(16000, 2000), 2500), "FLAC: ends after 2000 samples, want 2500: truncated")
	wantError(t, "too many", flacOf(t, 16000, 2, 16, stereo(16000, 2000), 1500), "want at most 500 as in the header")
	wantError(t, "no samples", flacOf(t, 16000, 2, 16, nil, 0), "FLAC: 0 samples")
	for n := 1; n < len(file); n += 1 + n/50 {
		wantError(t, fmt.Sprintf("first %d bytes", n), file[:n])
	}
}

// TestCompressed compares the files that train/golden_audio.py makes with the
// tones that they hold; those with the encoder's padding known to the sample.
func TestCompressed(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		length int
		shift  float64 // in samples
		want   float64
	}{
		{"tone44.mp3", Format{"MP3", 44100, 2}, 8000, 0, 36},
		{"tone22.mp3", Format{"MP3", 22050, 2}, 9196, (576 + mp3Delay) * Rate / 22050., 24},
		{"tone16.mp3", Format{"MP3", 16000, 1}, 9216, 576 + mp3Delay, 24},
		{"tone.ogg", Format{"Ogg Vorbis", 44100, 2}, 8000, 0, 35},
	} {
		file := testdata(t, c.name)
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			t.Fatal(err)
		}
		if r.Format() != c.format {
			t.Errorf("%s: %v, want %v", c.name, r.Format(), c.format)
		}
		samples := decode(t, file)
		if len(samples) != c.length {
			t.Errorf("%s: %d samples, want %d", c.name, len(samples), c.length)
		}
		got := snr(samples[:8000], 2500, func(i int) float64 {
			at := 2 * math.Pi * (float64(i) - c.shift) / Rate
			return (math.Sin(440*at) + math.Sin(1000*at)) / 8
		})
		if got < c.want {
			t.Errorf("%s: SNR %.1f dB, want %.0f", c.name, got, c.want)
		}
		t.Logf("%s: SNR %.1f dB", c.name, got)
		for n := 1; n < len(file); n += 1 + n/20 { // an MP3 without a tag may end after any frame
			short, err := Decode(bytes.NewReader(file[:n]), 1<<24)
			tick := 576 * Rate / float64(c.format.Rate)
			whole := int(math.Ceil(math.Round(float64(len(short))/tick) * tick))
			if err == nil && (c.name == "tone44.mp3" || c.name == "tone.ogg" || len(short) != whole) {
				t.Errorf("%s: the first %d bytes of %d are a sound of %d samples", c.name, n, len(file), len(short))
			}
		}
	}
}

func TestCompressedRejects(t *testing.T) {
	mp3, ogg := testdata(t, "tone16.mp3"), testdata(t, "tone.ogg")
	change := func(file []byte, at int, mask byte) []byte {
		out := slices.Clone(file)
		out[at] ^= mask
		return out
	}
	wantError(t, "MP3 with junk", change(mp3, 216, 0xff), "MP3: frame 2: ", "want the header of a frame")
	wantError(t, "MP3 with a tag alone", id3(100), "ID3 tag of 110 bytes in a file of 110: truncated")
	wantError(t, "MP3 with text behind a tag", append(id3(100), "hello, world"...), "MP3: frame 0: bytes 68656c6c")
	wantError(t, "MPEG 2.5", change(mp3, 1, 0x10), "MP3: frame 0: MPEG 2.5, want MPEG 1 or 2")
	wantError(t, "Ogg with a bit flipped", change(ogg, len(ogg)/2, 1), "Ogg Vorbis: page 1: CRC 0x")
	wantError(t, "Ogg without a page", append(slices.Clone(ogg[:58]), ogg[58+58:]...), "Ogg Vorbis: page 1: ")
	if got := decode(t, append(slices.Clone(mp3), "TAGmore"...)); len(got) != 9216 {
		t.Errorf("MP3 with an ID3v1 tag: %d samples, want 9216", len(got))
	}
}

// TestMP3CutAtItsStart wants frames whose data begins in a missing one to be
// silence, and what follows to be the sound.
func TestMP3CutAtItsStart(t *testing.T) {
	for _, name := range []string{"tone16.mp3", "tone22.mp3", "tone44.mp3"} {
		file := testdata(t, name)
		frames := mpegFrames{file: bufio.NewReader(bytes.NewReader(file))}
		cut := 0
		for range 5 {
			if err := frames.next(); err != nil {
				t.Fatal(err)
			}
			cut += len(frames.frame)
		}
		samples := decode(t, file[cut:])
		for i, v := range samples {
			if math.Abs(float64(v)) > 0.3 {
				t.Fatalf("%s without its first %d bytes: sample %d is %g, want at most 0.3", name, cut, i, v)
			}
		}
		if loud := slices.Max(samples[len(samples)/2:]); loud < 0.2 {
			t.Errorf("%s without its first %d bytes: at most %g, want the tones", name, cut, loud)
		}
	}
}
