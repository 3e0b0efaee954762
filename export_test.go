package mm

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"
	"time"
)

// MediaAhead is how many requests of one sound run at once.
const MediaAhead = mediaAhead

// TinyFiles is the random model of the mixer's tests, a few thousand times faster
// than the base model, with a tokenizer whose tokens are the single bytes.
func TinyFiles(t testing.TB) fstest.MapFS { return modelFiles(t, "mixer/testdata/tiny") }

// SensesFiles is a like model that hears and sees too.
func SensesFiles(t testing.TB) fstest.MapFS { return modelFiles(t, "testdata/senses") }

func modelFiles(t testing.TB, dir string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	for _, name := range []string{"config.json", "model.safetensors", "tokenizer.tiktoken", "words.safetensors"} {
		data, err := os.ReadFile(filepath.Join(filepath.FromSlash(dir), name))
		if name == "words.safetensors" && errors.Is(err, fs.ErrNotExist) {
			continue // of a model that writes no transcripts
		}
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	return files
}

// LoadTiny and LoadSenses load them; the test's end closes them.
func LoadTiny(t testing.TB, opts ...Option) *Model { return load(t, TinyFiles(t), opts) }

func LoadSenses(t testing.TB, opts ...Option) *Model { return load(t, SensesFiles(t), opts) }

func load(t testing.TB, files fstest.MapFS, opts []Option) *Model {
	t.Helper()
	m, err := Load(files, append([]Option{WithThreads(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// CheckPlaces closes m and wants every place of its batch given back.
func CheckPlaces(t testing.TB, m *Model) {
	t.Helper()
	m.Close()
	e := m.engine
	if len(e.active) != 0 || len(e.waiting) != 0 || len(e.queue) != 0 {
		t.Errorf("closed with %d requests running, %d waiting, %d in line, want none", len(e.active), len(e.waiting), len(e.queue))
	}
	if e.rows != 0 || e.reserved != 0 {
		t.Errorf("%d rows and %d output slots reserved for nobody", e.rows, e.reserved)
	}
	if n := len(e.outputs.free); n != e.outputs.size {
		t.Errorf("%d of %d output slots free", n, e.outputs.size)
	}
	if n := len(m.gates.line) + len(m.gates.decoding); n != 0 {
		t.Errorf("%d sounds and pictures hold places, want none", n)
	}
	if f := e.memories.free; e.memories.size > 0 && (len(f) != 1 || f[0] != span{0, e.memories.size}) {
		t.Errorf("free memory slots %v, want all %d in one span", f, e.memories.size)
	}
}

// Meet holds m's batch until n requests stand in line, whom the test asks next:
// they run together as far as there is room.
func Meet(t testing.TB, m *Model, n int) {
	t.Helper()
	release := hold(t, m)
	go func() {
		defer release()
		for end := time.Now().Add(time.Minute); len(m.engine.queue) < n; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Errorf("%d requests in line after a minute, want %d", len(m.engine.queue), n)
				return
			}
		}
	}()
}

// HeapAtRest is the bytes in use when all sounds and pictures that were read are
// encoded. Nobody may read more meanwhile.
func HeapAtRest(t testing.TB, m *Model) int64 {
	t.Helper()
	for end := time.Now().Add(time.Minute); len(m.gates.line) > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d sounds and pictures still in line after a minute", len(m.gates.line))
		}
	}
	if _, err := m.Run(t.Context(), testInput("translate", "x")); err != nil { // in a later step
		t.Fatal(err)
	}
	runtime.GC()
	runtime.GC() // pools keep what they hold for one
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}
