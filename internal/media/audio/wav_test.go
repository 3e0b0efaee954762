package audio

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"testing"
)

func TestWAVEncodings(t *testing.T) {
	for _, c := range []struct {
		tag, sub, bits int
		want           float64 // SNR of the encoding, less a little
	}{
		{1, 0, 8, 33}, {1, 0, 16, 84}, {1, 0, 24, 125}, {1, 0, 32, 130}, {3, 0, 32, 130}, {3, 0, 64, 130},
		{tagExtensible, 1, 8, 33}, {tagExtensible, 1, 16, 84}, {tagExtensible, 1, 24, 125}, {tagExtensible, 3, 32, 130}, {tagExtensible, 3, 64, 130},
	} {
		w := wave{tag: c.tag, sub: c.sub, bits: c.bits, channels: 2, rate: Rate, values: stereo(Rate, 5001)}
		samples := decode(t, w.file())
		if len(samples) != 5001 {
			t.Errorf("tag %#x, %d bits: %d samples, want 5001", c.tag, c.bits, len(samples))
		}
		if got := snr(samples, 0, tone); got < c.want {
			t.Errorf("tag %#x, %d bits: SNR %.1f dB, want %.0f", c.tag, c.bits, got, c.want)
		}
	}
}

// TestWAVSamples wants extreme values exactly.
func TestWAVSamples(t *testing.T) {
	for _, c := range []struct {
		bits int
		data string
		want []float32
	}{
		{8, "\x00\x80\xff", []float32{-1, 0, 127. / 128}},
		{16, "\x00\x80\x00\x00\xff\x7f\x00\xc0", []float32{-1, 0, 32767. / 32768, -0.5}},
		{24, "\x00\x00\x80\x00\x00\x00\xff\xff\x7f\xff\xff\xff", []float32{-1, 0, 8388607. / 8388608, -1. / 8388608}},
		{32, "\x00\x00\x00\x80\x00\x00\x00\x40\xff\xff\xff\x7f", []float32{-1, 0.5, 1}},
	} {
		file := wave{tag: 1, bits: c.bits, channels: 1, rate: Rate}.file()
		file = append(file[:len(file)-4], chunk("", []byte(c.data))...)
		binary.LittleEndian.PutUint32(file[4:], uint32(len(file)-8))
		if got := decode(t, file); !slices.Equal(got, c.want) {
			t.Errorf("%d bits: %v, want %v", c.bits, got, c.want)
		}
	}
}

func TestWAVChannelsAndRates(t *testing.T) {
	for _, channels := range []int{1, 2, 3, 8, 32} {
		for _, rate := range []int{8000, 11025, 16000, 44100, 44101, 192000} {
			ticks := rate/10 + 1
			w := wave{tag: 3, bits: 32, channels: channels, rate: rate, values: make([]float64, ticks*channels)}
			for i := range w.values { // the mean over the channels is ¼
				w.values[i] = 0.25 + float64(i%channels) - float64(channels-1)/2
			}
			r, err := NewReader(bytes.NewReader(w.file()))
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Format(); got != (Format{"WAV", rate, channels}) {
				t.Errorf("format %v, want WAV, %d Hz, %d channels", got, rate, channels)
			}
			samples := decode(t, w.file())
			if want := (ticks*Rate + rate - 1) / rate; len(samples) != want {
				t.Errorf("%d channels at %d Hz: %d samples, want %d", channels, rate, len(samples), want)
			}
			if got := samples[len(samples)/2]; math.Abs(float64(got)-0.25) > 1e-5 {
				t.Errorf("%d channels at %d Hz: %g in the middle, want 0.25", channels, rate, got)
			}
		}
	}
}

// TestWAVChunks reads past chunks of odd sizes, bytes after the sound, and a lone
// pad byte that is missing.
func TestWAVChunks(t *testing.T) {
	w := wave{tag: 1, bits: 8, channels: 1, rate: Rate, values: make([]float64, 7), extraBytes: []byte{0, 0},
		before: append(chunk("LIST", []byte("INFOISFT\x05\x00\x00\x00abcde")), chunk("smpl", make([]byte, 3))...)}
	file := w.file()
	for _, f := range [][]byte{file, append(slices.Clone(file), "LIST\xf0\xff\xff\xff"...), file[:len(file)-1]} {
		if got := decode(t, f); len(got) != 7 {
			t.Errorf("%d samples, want 7", len(got))
		}
	}
}

func TestWAVRejects(t *testing.T) {
	good := wave{tag: 1, bits: 16, channels: 1, rate: Rate, values: make([]float64, 100), before: chunk("LIST", make([]byte, 4))}
	file := good.file()
	// Places: RIFF 4, "fmt " 16, tag 20, channels 22, rate 24, align 32, bits 34, LIST 40, data 52.
	with := func(at int, value ...byte) []byte {
		out := slices.Clone(file)
		copy(out[at:], value)
		return out
	}
	huge := []byte{0xf0, 0xff, 0xff, 0xff}
	float := wave{tag: 3, bits: 32, channels: 2, rate: Rate, values: make([]float64, 20)}
	bad := func(v float64) []byte {
		w := float
		w.values = slices.Clone(w.values)
		w.values[7] = v
		return w.file()
	}
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"huge RIFF", with(4, huge...), `WAV: chunk "RIFF": 4294967280 bytes, want at most`},
		{"huge fmt", with(16, huge...), `WAV: chunk "fmt ": 4294967280 bytes, want at most`},
		{"huge LIST", with(40, huge...), `WAV: chunk "LIST": 4294967280 bytes, want at most`},
		{"huge data", with(52, huge...), `WAV: chunk "data": 4294967280 bytes, want at most 200: truncated`},
		{"no channels", with(22, 0, 0), `WAV: chunk "fmt ": 0 channels, want 1 to 32`},
		{"65,535 channels", with(22, 0xff, 0xff), "65535 channels, want 1 to 32"},
		{"no rate", with(24, 0, 0, 0, 0), "0 Hz, want 8000 to 192000"},
		{"huge rate", with(24, huge...), "4294967280 Hz, want 8000 to 192000"},
		{"µ-law", with(20, 7, 0), "encoding 7, want 1 (PCM) or 3 (float)"},
		{"12 bits", with(34, 12, 0), "PCM of 12 bits, want 8, 16, 24 or 32"},
		{"half floats", with(20, 3, 0), "float of 16 bits, want 32 or 64"},
		{"align", with(32, 9, 0), "9 bytes for 1 channels of 16 bits, want 2"},
		{"short fmt", with(16, 15, 0), `chunk "fmt ": 15 bytes, want at least 16`},
		{"EXTENSIBLE without its part", with(20, 0xfe, 0xff), "16 bytes, want at least 40 for EXTENSIBLE"},
		{"half a sample", with(52, 199, 0), `chunk "data": 199 bytes, want a multiple of 2: truncated`},
		{"no data", with(48, 'm'), `no chunk "data": truncated`},
		{"data first", with(14, 'a'), `chunk "data" before "fmt "`},
		{"fmt twice", good.twice(), `chunk "fmt " a second time`},
		{"no samples", wave{tag: 1, bits: 16, channels: 1, rate: Rate}.file(), "WAV: 0 samples, want at least 1"},
		{"NaN", bad(math.NaN()), "WAV: sample 3 is NaN, want a number"},
		{"infinity", bad(math.Inf(-1)), "WAV: sample 3 is -Inf, want a number"},
		{"1e30", bad(1e30), "WAV: sample 3 is 1e+30, want a number from -65536 to 65536"},
	} {
		wantError(t, c.name, c.file, c.want)
	}
	other := wave{tag: tagExtensible, sub: 1, bits: 16, channels: 1, rate: Rate, values: make([]float64, 4)}.file()
	other[20+26]++
	wantError(t, "sub-format", other, "sub-format 0100010000001000", "want PCM or float")
	for n := range len(file) { // wherever it ends
		wantError(t, fmt.Sprintf("first %d bytes", n), file[:n], "want")
	}
}

func (w wave) twice() []byte {
	f := w.file()[20:36]
	w.before = chunk("fmt ", f)
	return w.file()
}

func TestOneSampleAndSilence(t *testing.T) {
	for _, rate := range []int{8000, 16000, 44100} {
		one := decode(t, wave{tag: 1, bits: 16, channels: 1, rate: rate, values: []float64{0.5}}.file())
		if want := (Rate + rate - 1) / rate; len(one) != want {
			t.Errorf("one sample at %d Hz: %d samples, want %d", rate, len(one), want)
		}
		if mel := LogMel(one); len(mel) != MelBands {
			t.Errorf("one sample at %d Hz: %d values of mel, want a frame", rate, len(mel))
		}
		silence := decode(t, wave{tag: 1, bits: 16, channels: 1, rate: rate, values: make([]float64, rate)}.file())
		if len(silence) != Rate || slices.Max(silence) != 0 || slices.Min(silence) != 0 {
			t.Errorf("silence at %d Hz: %d samples from %g to %g, want %d zeros", rate, len(silence), slices.Min(silence), slices.Max(silence), Rate)
		}
	}
}
