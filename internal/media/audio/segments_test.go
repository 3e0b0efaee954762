package audio

import (
	"bytes"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// speech is a sound of some seconds at 16 kHz: a tone, but for pauses.
func speech(seconds float64, pauses ...[2]float64) []float64 {
	values := make([]float64, int(seconds*Rate))
	for i := range values {
		at := float64(i) / Rate
		if !slices.ContainsFunc(pauses, func(p [2]float64) bool { return p[0] <= at && at < p[1] }) {
			values[i] = 0.3 * math.Sin(2*math.Pi*440*at)
		}
	}
	return values
}

func mono(values []float64) []byte {
	return wave{tag: 1, bits: 16, channels: 1, rate: Rate, values: values}.file()
}

// segments reads all and wants them to touch and to be whole.
func segments(t *testing.T, file []byte, window int) []Segment {
	t.Helper()
	s, err := NewSegments(bytes.NewReader(file), window)
	if err != nil {
		t.Fatal(err)
	}
	var all []Segment
	end := time.Duration(0)
	for {
		seg, err := s.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if seg.Start != end || seg.End <= seg.Start || seg.Frames() < 1 || seg.Frames() > window {
			t.Fatalf("segment from %v to %v, %d frames, after one that ends at %v; want at most %d frames", seg.Start, seg.End, seg.Frames(), end, window)
		}
		end = seg.End
		seg.Mel = slices.Clone(seg.Mel)
		all = append(all, seg)
	}
}

// TestSegmentsHoldTheSound wants the frames of the whole sound, none twice and
// none left out, and its length to the sample.
func TestSegmentsHoldTheSound(t *testing.T) {
	for _, n := range []int{1, 159, 160, 161, 8000, 15999, 16000, 16001, 17600, 50000} {
		values := speech(float64(n)/Rate, [2]float64{0.7, 0.8})
		file := mono(values)
		var got []float32
		var end time.Duration
		for _, seg := range segments(t, file, 100) {
			got, end = append(got, seg.Mel...), seg.End
		}
		if want := LogMel(decode(t, file)); !slices.Equal(got, want) {
			t.Errorf("%d samples: %d values, want the %d of the whole sound", n, len(got), len(want))
		}
		if want := time.Duration(n) * time.Second / Rate; end != want {
			t.Errorf("%d samples: ends at %v, want %v", n, end, want)
		}
	}
}

func TestSegmentsAreCutInPauses(t *testing.T) {
	file := mono(speech(40, [2]float64{3, 3.4}, [2]float64{11, 11.4}, [2]float64{15, 15.1}, [2]float64{23, 23.6}, [2]float64{39, 39.2}))
	var cuts []float64
	for _, seg := range segments(t, file, 1600) {
		cuts = append(cuts, seg.End.Seconds())
	}
	// In the first window the pause of 0.4 s is quieter than the one of 0.1; in the
	// last 16 s no pause is in reach but the one near the end.
	if len(cuts) != 4 || cuts[0] < 11.1 || cuts[0] > 11.3 || cuts[1] < 23.1 || cuts[1] > 23.5 || cuts[2] < 39 || cuts[2] > 39.2 || cuts[3] != 40 {
		t.Errorf("cut at %v, want within the pauses at 11, 23 and 39 s", cuts)
	}
}

func TestSegmentsWithoutAPause(t *testing.T) {
	for _, seconds := range []float64{16, 16.01, 33} {
		n := len(segments(t, mono(speech(seconds)), 1600))
		if least, most := int(math.Ceil(seconds/16)), int(math.Ceil(seconds/8)); n < least || n > most {
			t.Errorf("%v s: %d segments, want %d to %d", seconds, n, least, most)
		}
	}
}

func TestSilentSegments(t *testing.T) {
	file := mono(speech(50, [2]float64{5, 45}))
	var silent []bool
	for _, seg := range segments(t, file, 1600) {
		silent = append(silent, seg.Silent)
	}
	if want := []bool{false, true, true, false}; !slices.Equal(silent, want) {
		t.Errorf("silent: %v, want %v", silent, want)
	}
	// A step of 16 bits up and down is silence too, ten steps are none.
	for steps, want := range map[float64]bool{1: true, 10: false} {
		values := make([]float64, Rate)
		for i := range values {
			values[i] = steps / (1 << 15) * float64(1-i/7%2*2)
		}
		if got := segments(t, mono(values), 1600)[0].Silent; got != want {
			t.Errorf("%v steps of 16 bits: silent is %v", steps, got)
		}
	}
}

func TestSegmentsOfBadSounds(t *testing.T) {
	if _, err := NewSegments(strings.NewReader("no sound"), 1600); err == nil {
		t.Error("no error for a text")
	}
	values := make([]float64, 3*Rate)
	values[2*Rate] = math.NaN()
	file := wave{tag: 3, bits: 32, channels: 1, rate: Rate, values: values}.file()
	s, err := NewSegments(bytes.NewReader(file), 100)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err = s.Next(); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "WAV: sample 32000 is NaN") {
		t.Errorf("error %v, want one that names the sample", err)
	}
	if _, again := s.Next(); again != err {
		t.Errorf("then error %v, want the same again", again)
	}
}

// TestSegmentsInFlatMemory reads the first minutes of three hours.
func TestSegmentsInFlatMemory(t *testing.T) {
	s, err := NewSegments(threeHours(), 1600)
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Duration(0); end < 2*time.Minute; {
		seg, err := s.Next()
		if err != nil {
			t.Fatal(err)
		}
		end = seg.End
	}
	if room := cap(s.frames) / MelBands; room > 4*1600 {
		t.Errorf("room for %d frames, want a few windows of 1600", room)
	}
}
