package mm_test

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/audio"
)

// hours is a WAV file of 8-bit samples at 16 kHz, any number of them, that is
// nowhere in memory: a scale with a pause every ten seconds.
type hours struct {
	head []byte
	size int64
	at   int64
}

func newHours(seconds int64) *hours {
	samples := seconds * audio.Rate
	head, err := io.ReadAll(mm.PCM(nil, audio.Rate))
	if err != nil {
		panic(err)
	}
	for at, field := range map[int]struct{ value, bytes int64 }{
		4: {samples + int64(len(head)) - 8, 4}, 20: {1, 2}, 28: {audio.Rate, 4}, 32: {1, 2}, 34: {8, 2}, 40: {samples, 4},
	} {
		for i := range field.bytes {
			head[int64(at)+i] = byte(field.value >> (8 * i))
		}
	}
	return &hours{head: head, size: int64(len(head)) + samples}
}

func (h *hours) Read(p []byte) (int, error) {
	if h.at >= h.size {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), h.size-h.at))
	for i := range p[:n] {
		at := h.at + int64(i)
		tick := at - int64(len(h.head))
		switch {
		case tick < 0:
			p[i] = h.head[at]
		case tick%(10*audio.Rate) < audio.Rate/2:
			p[i] = 0x80
		default:
			p[i] = byte(0x80 + (tick*(20+tick/audio.Rate%12)/audio.Rate*8)%64)
		}
	}
	h.at += int64(n)
	return n, nil
}

func (h *hours) Seek(offset int64, whence int) (int64, error) {
	h.at = offset + []int64{0, h.at, h.size}[whence]
	return h.at, nil
}

// TestHoursInFlatMemory streams the first minutes of three hours: what is read
// ahead is bounded, and memory does not grow.
func TestHoursInFlatMemory(t *testing.T) {
	m := mm.LoadSenses(t)
	sound := newHours(3 * 3600)
	in := mm.Input{Task: "transcribe", Audio: sound, MaxTokens: 1}
	mm.Meet(t, m, mm.MediaAhead) // later ones find scratch memory for as many
	var before int64
	pieces := 0
	for _, err := range m.Stream(ctx, in) {
		if err != nil {
			t.Fatal(err)
		}
		if pieces++; pieces == 5 {
			before = mm.HeapAtRest(t, m)
		}
		if pieces == 25 {
			break
		}
	}
	const allowed = 2 << 20 // of a segment of 10 s, samples and frames are 0.9 MiB
	if grown := mm.HeapAtRest(t, m) - before; pieces != 25 || grown > allowed {
		t.Errorf("%d pieces, memory grew by %d KiB, want 25 and at most %d", pieces, grown>>10, allowed>>10)
	}
	if read := sound.at / audio.Rate; read > 25*16+17*16+16 {
		t.Errorf("%d s of sound read for 25 segments", read)
	}
	mm.CheckPlaces(t, m)
}

// TestHoursWithAnError finds the end of a sound missing, after minutes that were
// good.
func TestHoursWithAnError(t *testing.T) {
	m := mm.LoadSenses(t)
	file, err := io.ReadAll(newHours(100))
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("the disk is gone")
	broken := &brokenFile{bytes.NewReader(file), int64(len(file) - 20*audio.Rate), gone}
	in := mm.Input{Task: "transcribe", Audio: broken, MaxTokens: 3}
	if _, err := m.Run(ctx, in); !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "mm: transcribe: WAV: ") {
		t.Errorf("error %v, want %v", err, gone)
	}
	pieces := 0
	err = nil
	for _, err = range m.Stream(ctx, in) {
		pieces++
	}
	if !errors.Is(err, gone) || pieces < 1+4 { // 64 s are four whole segments
		t.Errorf("stream: %d pieces, error %v, want what came before and then %v", pieces, err, gone)
	}
	mm.CheckPlaces(t, m)
}

// brokenFile fails where it is read beyond a place.
type brokenFile struct {
	*bytes.Reader
	whole int64
	err   error
}

func (b *brokenFile) Read(p []byte) (int, error) {
	if at := b.Size() - int64(b.Len()); at+int64(len(p)) > b.whole && len(p) > 100 {
		return 0, b.err
	}
	return b.Reader.Read(p)
}

// BenchmarkThreeHours transcribes them all.
func BenchmarkThreeHours(b *testing.B) {
	m := mm.LoadSenses(b)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		out, err := m.Run(ctx, mm.Input{Task: "transcribe", Audio: newHours(3 * 3600), MaxTokens: 4})
		if err != nil {
			b.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(len(out.Segments)), "segments")
		b.ReportMetric(float64(int64(after.HeapSys)-int64(before.HeapSys))/(1<<20), "MiB-grown")
	}
}
