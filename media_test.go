package mm_test

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/audio"
)

// hum is a sound of some seconds that changes all the time, with pauses.
func hum(seconds float64, seed uint64, pauses ...[2]float64) []float32 {
	r := rand.New(rand.NewPCG(1706, seed))
	samples := make([]float32, int(math.Round(seconds*audio.Rate)))
	phase, hz := 0.0, 200.0
	for i := range samples {
		if i%1600 == 0 {
			hz = 100 * math.Exp(4*r.Float64())
		}
		at := float64(i) / audio.Rate
		phase += 2 * math.Pi * hz / audio.Rate
		if !slices.ContainsFunc(pauses, func(p [2]float64) bool { return p[0] <= at && at < p[1] }) {
			samples[i] = float32(0.3 * math.Sin(phase))
		}
	}
	return samples
}

// photo is a PNG file of coloured blots.
func photo(t testing.TB, width, height int, seed uint64) []byte {
	t.Helper()
	r := rand.New(rand.NewPCG(1706, seed))
	m := image.NewNRGBA(image.Rect(0, 0, width, height))
	for range 30 {
		c := color.NRGBA{uint8(r.Uint32()), uint8(r.Uint32()), uint8(r.Uint32()), 255}
		x0, y0 := r.IntN(width), r.IntN(height)
		for y := y0; y < min(height, y0+height/4+1); y++ {
			for x := x0; x < min(width, x0+width/4+1); x++ {
				m.SetNRGBA(x, y, c)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// heard and seen make inputs of the tasks over sounds and pictures. Their readers
// serve once.
func heard(task string, samples []float32) mm.Input {
	return mm.Input{Task: task, Audio: mm.PCM(samples, audio.Rate)}
}

func seen(task string, file []byte) mm.Input {
	return mm.Input{Task: task, Image: bytes.NewReader(file)}
}

func TestRunClasses(t *testing.T) {
	m := mm.LoadSenses(t)
	for _, in := range []mm.Input{heard("digits", hum(0.7, 1)), seen("classify", photo(t, 50, 40, 1))} {
		out := run(t, m, in)
		sum := 0.0
		for i, c := range out.Classes {
			sum += c.Prob
			if i > 0 && c.Prob > out.Classes[i-1].Prob {
				t.Errorf("%s: classes %v, want the best first", in.Task, out.Classes)
			}
		}
		if len(out.Classes) != 10 || math.Abs(sum-1) > 1e-9 || out.Text != out.Classes[0].Label {
			t.Errorf("%s: %q of %v, want the best of 10 whose probabilities add up to 1", in.Task, out.Text, out.Classes)
		}
		if math.Abs(out.Score-math.Log(out.Classes[0].Prob)) > 1e-12 || out.Tokens != 0 || out.Elapsed <= 0 {
			t.Errorf("%s: %+v, want the logarithm of the best's probability as its score", in.Task, out)
		}
		var labels []string
		for _, c := range out.Classes {
			labels = append(labels, c.Label)
		}
		for _, task := range m.Tasks() {
			if task.Name == in.Task && !slices.Equal(slices.Sorted(slices.Values(labels)), slices.Sorted(slices.Values(task.Labels))) {
				t.Errorf("%s: labels %q, want those of the task, %q", in.Task, labels, task.Labels)
			}
		}
	}
}

func TestRunBoxes(t *testing.T) {
	m := mm.LoadSenses(t)
	const width, height = 90, 200
	for _, threshold := range []float64{0, 0.01, 0.6, 1} {
		in := seen("detect", photo(t, width, height, 3))
		in.Threshold = threshold
		out := run(t, m, in)
		if threshold == 0 {
			threshold = 0.3
		}
		for i, b := range out.Boxes {
			if b.Score < threshold || b.Score > 1 || i > 0 && b.Score > out.Boxes[i-1].Score {
				t.Errorf("box %d scores %v, want at least %v and less than those before", i, b.Score, threshold)
			}
			if !(0 <= b.X0 && b.X0 < b.X1 && b.X1 <= width && 0 <= b.Y0 && b.Y0 < b.Y1 && b.Y1 <= height) {
				t.Errorf("box %+v, want one within %d × %d pixels", b, width, height)
			}
		}
		if lines := strings.Count(out.Text, "\n") + 1; len(out.Boxes) > 0 && lines != len(out.Boxes) {
			t.Errorf("%d lines of text for %d boxes", lines, len(out.Boxes))
		}
		if threshold == 0.01 && len(out.Boxes) == 0 {
			t.Error("no boxes at all")
		}
		if out.Boxes == nil || threshold == 1 && len(out.Boxes) > 0 {
			t.Errorf("threshold %v: boxes %v", threshold, out.Boxes)
		}
	}
}

func TestRunTranscribe(t *testing.T) {
	m := mm.LoadSenses(t)
	for _, beam := range []int{0, 3} {
		in := heard("transcribe", hum(1.2, 1))
		in.Beam = beam
		out := run(t, m, in)
		if out.Tokens < 1 || !(out.Score < 0) || out.Elapsed <= 0 {
			t.Errorf("beam %d: %+v", beam, out)
		}
		if want := []mm.Segment{{Start: 0, End: 1200 * time.Millisecond, Text: out.Text}}; out.Text != "" && !slices.Equal(out.Segments, want) {
			t.Errorf("beam %d: segments %+v, want %+v", beam, out.Segments, want)
		}
	}
}

// TestLongSounds wants a sound longer than the window to be the sounds that it is
// cut into, with their places.
func TestLongSounds(t *testing.T) {
	m := mm.LoadSenses(t)
	const seconds = 90
	samples := hum(seconds, 7, [2]float64{12, 12.4}, [2]float64{30, 60})
	in := heard("transcribe", samples)
	in.MaxTokens = 5
	out := run(t, m, in)
	var texts []string
	for i, s := range out.Segments {
		if s.End <= s.Start || i > 0 && s.Start < out.Segments[i-1].End || s.End > seconds*time.Second {
			t.Errorf("segment %d is from %v to %v", i, s.Start, s.End)
		}
		texts = append(texts, s.Text)
	}
	if strings.Join(texts, " ") != out.Text || len(texts) < 4 {
		t.Errorf("text %q of segments %q, want those joined", out.Text, texts)
	}
	streamed := heard("transcribe", samples)
	streamed.MaxTokens = 5
	if got := stream(t, m, streamed); got != out.Text {
		t.Errorf("stream of %q, want %q", got, out.Text)
	}
	mm.CheckPlaces(t, m)
}

// TestSilence has no words, and no second of it is run.
func TestSilence(t *testing.T) {
	m := mm.LoadSenses(t)
	for _, samples := range [][]float32{make([]float32, 1), make([]float32, 8000), make([]float32, 20*audio.Rate), {0.5}, hum(0.09, 1)} {
		out := run(t, m, heard("transcribe", samples))
		if out.Text != "" || out.Tokens != 0 || out.Score != 0 || out.Segments != nil || out.Notices != nil {
			t.Errorf("%d samples of nothing: %+v, want an empty answer", len(samples), out)
		}
		for piece, err := range m.Stream(ctx, heard("transcribe", samples)) {
			t.Errorf("stream of nothing: %q, error %v", piece, err)
		}
	}
	out := run(t, m, heard("digits", make([]float32, 8000)))
	if len(out.Classes) != 10 || !slices.Equal(out.Notices, []string{"there is nothing to hear in the sound"}) {
		t.Errorf("a digit of silence: %+v, want classes and a notice", out)
	}
	if out := run(t, m, heard("digits", []float32{0.5})); len(out.Classes) != 10 || out.Notices != nil {
		t.Errorf("a digit of one sample: %+v, want classes", out)
	}
}

// TestStreams wants the same of a reader that cannot seek.
func TestStreams(t *testing.T) {
	m := mm.LoadSenses(t)
	want := run(t, m, heard("digits", hum(0.5, 3)))
	got := run(t, m, mm.Input{Task: "digits", Audio: io.MultiReader(mm.PCM(hum(0.5, 3), audio.Rate))})
	if fmt.Sprint(got.Classes) != fmt.Sprint(want.Classes) {
		t.Errorf("classes %v of a stream, want %v as of a file", got.Classes, want.Classes)
	}
}
