package mm_test

import (
	"bytes"
	"io"
	"slices"
	"testing"
	"testing/iotest"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/audio"
)

// TestPCM wants a sound that reads as a file does and holds the samples.
func TestPCM(t *testing.T) {
	samples := make([]float32, 5001)
	for i := range samples {
		samples[i] = float32(i%100)/50 - 1
	}
	file, err := io.ReadAll(mm.PCM(samples, audio.Rate))
	if err != nil {
		t.Fatal(err)
	}
	if err := iotest.TestReader(mm.PCM(samples, audio.Rate), file); err != nil {
		t.Error(err)
	}
	got, err := audio.Decode(mm.PCM(samples, audio.Rate), len(samples))
	if err != nil || !slices.Equal(got, samples) {
		t.Errorf("%d samples, error %v, want the %d given", len(got), err, len(samples))
	}
	for _, rate := range []int{8000, 44100, 192000} {
		if got, err := audio.Decode(mm.PCM(samples, rate), 1<<20); err != nil || len(got) != (len(samples)*audio.Rate+rate-1)/rate {
			t.Errorf("%d Hz: %d samples, error %v", rate, len(got), err)
		}
	}
	for rate, want := range map[int]string{0: "0 Hz, want 8000 to 192000", -5: "0 Hz", 1 << 40: "1073741823 Hz"} {
		_, err := audio.Decode(mm.PCM(samples, rate), 1<<20)
		wantError(t, "rate", err, `WAV: chunk "fmt "`, want)
	}
	_, err = audio.Decode(mm.PCM(nil, audio.Rate), 1)
	wantError(t, "no samples", err, "WAV: 0 samples")
	if _, err := mm.PCM(samples, 1).Seek(-1, io.SeekStart); err == nil {
		t.Error("a place before the start: no error")
	}
	if n, err := mm.PCM(samples, 1).Read(nil); n != 0 || err != nil {
		t.Errorf("read of nothing: %d, %v", n, err)
	}
	if !bytes.HasPrefix(file, []byte("RIFF")) {
		t.Error("no RIFF file")
	}
}
