package audio

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tone is the mean of a tone of 440 Hz and one of 1,000 Hz, each of amplitude ¼,
// as it should come out of every file that holds one left and one right.
func tone(i int) float64 {
	t := 2 * math.Pi * float64(i) / Rate
	return (math.Sin(440*t) + math.Sin(1000*t)) / 8
}

// stereo is the two tones, interleaved, at a rate.
func stereo(rate, ticks int) []float64 {
	values := make([]float64, 2*ticks)
	for i := range ticks {
		t := 2 * math.Pi * float64(i) / float64(rate)
		values[2*i], values[2*i+1] = math.Sin(440*t)/4, math.Sin(1000*t)/4
	}
	return values
}

// snr compares samples, without their first and last margin, with the signal that
// they should be: 10 log10(signal power / error power).
func snr(samples []float32, margin int, signal func(int) float64) float64 {
	var power, wrong float64
	for i := margin; i < len(samples)-margin; i++ {
		want := signal(i)
		power += want * want
		wrong += (float64(samples[i]) - want) * (float64(samples[i]) - want)
	}
	return 10 * math.Log10(power/wrong)
}

func decode(t testing.TB, file []byte) []float32 {
	t.Helper()
	samples, err := Decode(bytes.NewReader(file), 1<<24)
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// wantError wants decoding to fail with all the parts in its error.
func wantError(t *testing.T, name string, file []byte, parts ...string) {
	t.Helper()
	_, err := Decode(bytes.NewReader(file), 1<<24)
	if err == nil {
		t.Errorf("%s: no error, want one with %q", name, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %v, want one with %q", name, err, part)
		}
	}
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	file, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatalf("%v (train/golden_audio.py makes it)", err)
	}
	return file
}

// wave is a WAV file to be made.
type wave struct {
	tag        int // 1 PCM, 3 float, 0xfffe either
	sub        int // tag within EXTENSIBLE
	bits       int
	channels   int
	rate       int
	values     []float64
	before     []byte // chunks between "fmt " and "data"
	extraBytes []byte // of "fmt "
}

func chunk(id string, data []byte) []byte {
	out := append(binary.LittleEndian.AppendUint32([]byte(id), uint32(len(data))), data...)
	return append(out, make([]byte, len(data)%2)...)
}

// file writes it.
func (w wave) file() []byte {
	le := binary.LittleEndian
	align := w.channels * w.bits / 8
	f := le.AppendUint16(nil, uint16(w.tag))
	f = le.AppendUint16(f, uint16(w.channels))
	f = le.AppendUint32(f, uint32(w.rate))
	f = le.AppendUint32(f, uint32(w.rate*align))
	f = le.AppendUint16(f, uint16(align))
	f = le.AppendUint16(f, uint16(w.bits))
	if w.tag == tagExtensible {
		f = append(f, 22, 0, byte(w.bits), 0, 0, 0, 0, 0, byte(w.sub), 0)
		f = append(f, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	f = append(f, w.extraBytes...)
	body := append([]byte("WAVE"), chunk("fmt ", f)...)
	body = append(body, w.before...)
	body = append(body, chunk("data", w.data())...)
	return chunk("RIFF", body)
}

// data encodes the values.
func (w wave) data() []byte {
	var out []byte
	le := binary.LittleEndian
	float := w.tag == tagFloat || w.sub == tagFloat
	for _, v := range w.values {
		scaled := int64(math.RoundToEven(min(max(v, -1), 1) * (math.Ldexp(1, w.bits-1) - 1)))
		switch {
		case float && w.bits == 64:
			out = le.AppendUint64(out, math.Float64bits(v))
		case float:
			out = le.AppendUint32(out, math.Float32bits(float32(v)))
		case w.bits == 8:
			out = append(out, byte(scaled+0x80))
		case w.bits == 24:
			out = append(out, byte(scaled), byte(scaled>>8), byte(scaled>>16))
		case w.bits == 16:
			out = le.AppendUint16(out, uint16(scaled))
		default:
			out = le.AppendUint32(out, uint32(scaled))
		}
	}
	return out
}
