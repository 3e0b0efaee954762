package mm_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/audio"
)

// wav is the bytes of a sound file.
func wav(t testing.TB, samples []float32) []byte {
	t.Helper()
	file, err := io.ReadAll(mm.PCM(samples, audio.Rate))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// put writes bytes into a copy of a file.
func put(file []byte, at int, data ...byte) []byte {
	file = bytes.Clone(file)
	copy(file[at:], data)
	return file
}

// read is a file of internal/media's tests.
func read(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("internal", "media", "audio", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inFile runs a task on a file of that name and content, and bounds the memory
// that it may take in all.
func inFile(t *testing.T, m *mm.Model, task, name string, data []byte) (mm.Output, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	in := mm.Input{Task: task}
	if task == "classify" || task == "detect" {
		in.Image = file
	} else {
		in.Audio = file
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	out, err := m.Run(ctx, in)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("%s: allocated %d MiB, want at most 64", name, took>>20)
	}
	return out, err
}

// TestBadSounds wants an error that names the task, the file and what is wrong.
func TestBadSounds(t *testing.T) {
	m := mm.LoadSenses(t)
	whole := wav(t, hum(0.5, 1))
	mp3, ogg := read(t, "tone44.mp3"), read(t, "tone.ogg")
	nan := hum(0.5, 1)
	nan[300] = float32(math.NaN())
	const huge = "\xf0\xff\xff\xff"
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty.wav", nil, "0 bytes, want a sound file"},
		{"text.mp3", []byte("These are words, not a sound."), "want WAV, FLAC, MP3 or Ogg Vorbis"},
		{"picture.wav", photo(t, 9, 9, 1), "want WAV, FLAC, MP3 or Ogg Vorbis"},
		{"header.wav", whole[:20], "truncated"},
		{"data.wav", whole[:len(whole)-101], "truncated"},
		{"riff.wav", put(whole, 4, []byte(huge)...), "WAV: "},
		{"fmt.wav", put(whole, 16, []byte(huge)...), "WAV: "},
		{"samples.wav", put(whole, 40, []byte(huge)...), "WAV: "},
		{"channels.wav", put(whole, 22, 0, 0), "0 channels, want 1 to 32"},
		{"channels.wav", put(whole, 22, 0xff, 0xff), "65535 channels, want 1 to 32"},
		{"rate.wav", put(whole, 24, 0, 0, 0, 0), "0 Hz, want 8000 to 192000"},
		{"none.wav", wav(t, nil), "WAV: 0 samples"},
		{"nan.wav", wav(t, nan), "WAV: sample 300 is NaN"},
		{"header.mp3", mp3[:3], "want WAV, FLAC, MP3 or Ogg Vorbis"},
		{"data.mp3", mp3[:len(mp3)-9], "MP3: "},
		{"header.ogg", ogg[:40], "Ogg Vorbis: "},
		{"data.ogg", ogg[:len(ogg)-9], "Ogg Vorbis: "},
		{"header.flac", []byte("fLaC\x00\x00\x00\x22"), "FLAC: header of 8 bytes, want 42: truncated"},
		{"block.flac", []byte("fLaC\x04\xff\xff\xff" + strings.Repeat("x", 40)), "FLAC: first block is of type 4 with size ffffff"},
	} {
		for _, task := range []string{"transcribe", "digits"} {
			out, err := inFile(t, m, task, c.name, c.data)
			wantError(t, task+" of "+c.name, err, "mm: "+task+": ", string(filepath.Separator)+c.name+": ", c.want)
			if out.Text != "" {
				t.Errorf("%s of %s: text %q beside the error", task, c.name, out.Text)
			}
		}
	}
	mm.CheckPlaces(t, m)
}

// TestSoundFiles runs good ones, whatever their names say.
func TestSoundFiles(t *testing.T) {
	m := mm.LoadSenses(t)
	for name, data := range map[string][]byte{
		"tone.wav": read(t, "tone44.mp3"), "tone": read(t, "tone.ogg"), "sample.txt": wav(t, []float32{0.5}), "hum.ogg": wav(t, hum(1, 2)),
	} {
		if out, err := inFile(t, m, "digits", name, data); err != nil || len(out.Classes) != 10 {
			t.Errorf("%s: %v, error %v, want ten classes", name, out.Classes, err)
		}
	}
}

func TestSoundsTooLong(t *testing.T) {
	m := mm.LoadSenses(t)
	if out := run(t, m, heard("digits", hum(16, 1))); len(out.Classes) != 10 {
		t.Errorf("16 s: %v", out.Classes)
	}
	for seconds, want := range map[float64]string{16.001: "a sound of 16.001s", 16.5: "a sound of 16.5s", 200: "a sound of at least 2m"} {
		_, err := m.Run(ctx, heard("commands", make([]float32, int(seconds*audio.Rate))))
		wantError(t, want, err, "mm: commands: "+want, ", want at most 16s")
	}
	_, err := m.Run(ctx, mm.Input{Task: "transcribe", Audio: endlessReader{}})
	wantError(t, "endless stream", err, "mm: transcribe: a stream of more than 67108864 bytes, want at most that, or an io.ReadSeeker")
	mm.CheckPlaces(t, m)
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) { return len(p), nil }

// failing gives some bytes, then an error.
type failing struct {
	io.Reader
	err error
}

func (f failing) Read(p []byte) (int, error) {
	n, err := f.Reader.Read(p)
	if errors.Is(err, io.EOF) {
		err = f.err
	}
	return n, err
}

func TestReadersThatFail(t *testing.T) {
	m := mm.LoadSenses(t)
	gone := errors.New("the disk is gone")
	for _, in := range []mm.Input{
		{Task: "transcribe", Audio: failing{bytes.NewReader(wav(t, hum(1, 1))[:900]), gone}},
		{Task: "classify", Image: failing{bytes.NewReader(photo(t, 9, 9, 1)[:30]), gone}},
	} {
		if _, err := m.Run(ctx, in); !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "mm: "+in.Task+": ") {
			t.Errorf("%s: error %v, want %v", in.Task, err, gone)
		}
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the reader's panic did not reach the caller")
			}
		}()
		m.Run(ctx, mm.Input{Task: "classify", Image: (*bytes.Reader)(nil)})
	}()
	run(t, m, seen("classify", photo(t, 9, 9, 1)))
	mm.CheckPlaces(t, m)
}
