package mm_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mm-runtime/mm"
)

// wantError wants an error with all of the parts in it.
func wantError(t *testing.T, what string, err error, parts ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: no error, want one with %q", what, parts)
		return
	}
	for _, part := range parts {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%s: error %q, want %q in it", what, err, part)
		}
	}
}

func TestInputErrors(t *testing.T) {
	m := mm.LoadTiny(t, mm.WithMaxInput(1000))
	long := strings.Repeat("a", 1001)
	for _, c := range []struct {
		what string
		in   mm.Input
		want string
	}{
		{"unknown task", mm.Input{Task: "sing", Text: "Hi"}, `mm: task "sing" is unknown, want one of translate, parse`},
		{"no task", mm.Input{Text: "Hi"}, `mm: task "" is unknown, want one of translate, parse`},
		{"unknown target", translate("xx", "Hi"), `mm: translate: target language "xx" is unknown, want one of en, de, fr`},
		{"no target", translate("", "Hi"), `mm: translate: no target language given, want one of en, de, fr`},
		{"unknown source", mm.Input{Task: "translate", To: "de", From: "xx", Text: "Hi"}, `mm: translate: source language "xx" is unknown, want one of en, de, fr`},
		{"same language", mm.Input{Task: "translate", To: "de", From: "de", Text: "Hi"}, `mm: translate: source and target language are both "de", want two different ones`},
		{"target of a parse", mm.Input{Task: "parse", To: "de", Text: "Hi"}, `mm: parse: takes no target language, got "de"`},
		{"source of a parse", mm.Input{Task: "parse", From: "de", Text: "Hi"}, `mm: parse: takes no source language, got "de"`},
		{"not UTF-8", translate("de", "caf\xe9!"), `mm: translate: text is not UTF-8: byte 0xe9 at offset 3`},
		{"tree of not UTF-8", parse("a. b\xc3. c."), `mm: parse: text is not UTF-8: byte 0xc3 at offset 4`},
		{"word not UTF-8", mm.Input{Task: "parse", Words: []string{"a", "\xff"}}, `mm: parse: text is not UTF-8`},
		{"words to translate", mm.Input{Task: "translate", To: "de", Words: []string{"a", "b"}}, `mm: translate: takes a text, got 2 words`},
		{"text and words", mm.Input{Task: "parse", Text: "a", Words: []string{"a"}}, `mm: parse: both a text and 1 words given, want one of them`},
		{"two words in one", mm.Input{Task: "parse", Words: []string{"a", "b\nc"}}, `mm: parse: word "b c" has white space in it, want single words`},
		{"too long", translate("de", long), `mm: translate: input of 1001 bytes, want at most 1000 (WithMaxInput or --max-input raise it)`},
		{"words too long", mm.Input{Task: "parse", Words: []string{long[:500], long[:500]}}, `mm: parse: input of 1002 bytes, want at most 1000`},
		{"word of a tree too long", mm.Input{Task: "parse", Words: []string{strings.Repeat("a", 300)}}, `mm: parse: a word of 300 bytes is 301 tokens, want at most 255`},
		{"beam 33", mm.Input{Task: "translate", To: "de", Text: "Hi", Beam: 33}, `mm: translate: beam 33: want 1 to 32`},
		{"beam -1", mm.Input{Task: "translate", To: "de", Text: "Hi", Beam: -1}, `mm: translate: beam -1: want 1 to 32`},
		{"max tokens -1", mm.Input{Task: "translate", To: "de", Text: "Hi", MaxTokens: -1}, `mm: translate: max tokens -1: want at least 1`},
	} {
		_, err := m.Run(ctx, c.in)
		wantError(t, c.what, err, c.want)
	}
	if err := m.Check(mm.Input{Task: "parse", Words: []string{"a"}}); err != nil {
		t.Errorf("Check of words: %v", err)
	}
	if err := m.Check(translate("de", "")); err != nil {
		t.Errorf("Check of a good input: %v", err)
	}
	wantError(t, "Check", m.Check(translate("xx", "")), `want one of en, de, fr`)
}

// TestKindErrors gives tasks what they do not take.
func TestKindErrors(t *testing.T) {
	m := mm.LoadSenses(t)
	sound := func() mm.Input { return heard("transcribe", hum(0.2, 1)) }
	picture := func() mm.Input { return seen("classify", photo(t, 9, 9, 1)) }
	for _, c := range []struct {
		base   mm.Input
		change func(in *mm.Input)
		want   string
	}{
		{mm.Input{Task: "transcribe"}, func(*mm.Input) {}, `mm: transcribe: no sound given`},
		{mm.Input{Task: "digits"}, func(*mm.Input) {}, `mm: digits: no sound given`},
		{mm.Input{Task: "detect"}, func(*mm.Input) {}, `mm: detect: no picture given`},
		{mm.Input{Task: "transcribe", Text: "Hi"}, func(*mm.Input) {}, `mm: transcribe: takes a sound, got a text`},
		{mm.Input{Task: "classify", Words: []string{"Hi"}}, func(*mm.Input) {}, `mm: classify: takes a picture, got 1 words`},
		{sound(), func(in *mm.Input) { in.Task = "classify" }, `mm: classify: takes a picture, got a sound`},
		{sound(), func(in *mm.Input) { in.Task = "parse" }, `mm: parse: takes a text, got a sound`},
		{picture(), func(in *mm.Input) { in.Task, in.To = "translate", "de" }, `mm: translate: takes a text, got a picture`},
		{sound(), func(in *mm.Input) { in.Text = "Hi" }, `mm: transcribe: takes a sound alone, got a text and a sound`},
		{sound(), func(in *mm.Input) { in.Image = picture().Image }, `mm: transcribe: takes a sound alone, got a sound and a picture`},
		{sound(), func(in *mm.Input) { in.To = "de" }, `mm: transcribe: takes no target language, got "de"`},
		{sound(), func(in *mm.Input) { in.From = "de" }, `mm: transcribe: source language "de" is unknown, want one of en`},
		{sound(), func(in *mm.Input) { in.Threshold = 0.5 }, `mm: transcribe: threshold 0.5 is for tasks that find boxes`},
		{picture(), func(in *mm.Input) { in.Beam = 4 }, `mm: classify: beam 4 is for tasks that write texts or trees`},
		{picture(), func(in *mm.Input) { in.MaxTokens = 4 }, `mm: classify: max tokens 4 is for tasks that write texts`},
		{picture(), func(in *mm.Input) { in.Task, in.Threshold = "detect", 1.5 }, `mm: detect: threshold 1.5: want 0 to 1`},
		{picture(), func(in *mm.Input) { in.Task, in.Threshold = "detect", math.NaN() }, `mm: detect: threshold NaN: want 0 to 1`},
	} {
		c.change(&c.base)
		_, err := m.Run(ctx, c.base)
		wantError(t, c.want, err, c.want)
		for _, err := range m.Stream(ctx, c.base) {
			if c.base.Beam == 0 { // a stream is greedy, whatever that is
				wantError(t, "stream: "+c.want, err, c.want)
			}
		}
		if c.base.Audio != nil || c.base.Image != nil || c.base.Text != "" {
			wantError(t, "Check: "+c.want, m.Check(c.base), c.want)
		}
	}
	for _, in := range []mm.Input{{Task: "transcribe"}, {Task: "classify", Beam: 1}, {Task: "detect", Threshold: 1}} {
		if err := m.Check(in); err != nil {
			t.Errorf("Check of %+v: %v", in, err)
		}
	}
	tiny := mm.LoadTiny(t)
	_, err := tiny.Run(ctx, sound())
	wantError(t, "a model of texts", err, `mm: task "transcribe" is unknown, want one of translate, parse`)
}

func TestOptionErrors(t *testing.T) {
	for _, c := range []struct {
		opt  mm.Option
		want string
	}{
		{mm.WithBeam(0), "mm: beam 0: want 1 to 32"},
		{mm.WithBeam(33), "mm: beam 33: want 1 to 32"},
		{mm.WithThreads(-1), "mm: threads -1: want 0 (all) to 1024"},
		{mm.WithThreads(10_000), "mm: threads 10000: want 0 (all) to 1024"},
		{mm.WithMaxTokens(0), "mm: max tokens 0: want at least 1"},
		{mm.WithMaxInput(0), "mm: max input 0 bytes: want at least 1"},
		{mm.WithLengthPenalty(-0.1), "mm: length penalty -0.1: want 0 to 5"},
		{mm.WithDevice("tpu"), `mm: device "tpu": want auto, cpu, cuda or cuda:N`},
		{mm.WithDevice("cuda:x"), `mm: device "cuda:x": want auto, cpu, cuda or cuda:N`},
	} {
		_, err := mm.Load(fstest.MapFS{}, c.opt)
		wantError(t, c.want, err, c.want)
	}
	_, err := mm.Load(mm.TinyFiles(t), mm.WithLengthPenalty(0), mm.WithMaxInput(1), mm.WithDevice("cpu"))
	if err != nil {
		t.Errorf("options at their limits: %v", err)
	}
}

func TestOpenErrors(t *testing.T) {
	_, err := mm.Open(filepath.Join(t.TempDir(), "none"))
	wantError(t, "missing directory", err, "mm: load ", "none", "no such file or directory")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = mm.Open(file)
	wantError(t, "file", err, "not a directory, want one with config.json and model.safetensors")
	_, err = mm.Open(t.TempDir())
	wantError(t, "empty directory", err, "config.json", "no such file or directory")
}

// TestOpen reads a directory as Load reads a file system.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, fs.FS(mm.TinyFiles(t))); err != nil {
		t.Fatal(err)
	}
	m, err := mm.Open(dir, mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	in := translate("de", "Good morning!")
	same(t, in, run(t, m, in), run(t, mm.LoadTiny(t), in))
}

// replace changes one string of a file to another as long, or else says so.
func replace(t *testing.T, files fstest.MapFS, name, old, text string) {
	t.Helper()
	data := files[name].Data
	if !bytes.Contains(data, []byte(old)) {
		t.Fatalf("%s has no %q", name, old)
	}
	files[name] = &fstest.MapFile{Data: bytes.Replace(data, []byte(old), []byte(text), 1)}
}

// broken is a change of a model's files, and what the error must say.
type broken struct {
	what   string
	change func(t *testing.T, files fstest.MapFS)
	want   []string
}

// wantLoadErrors makes each change to files of their own and loads them.
func wantLoadErrors(t *testing.T, files func(testing.TB) fstest.MapFS, all []broken) {
	t.Helper()
	for _, c := range all {
		changed := files(t)
		c.change(t, changed)
		m, err := mm.Load(changed, mm.WithThreads(1))
		if err == nil {
			m.Close()
		}
		wantError(t, c.what, err, c.want...)
	}
}

func TestLoadErrors(t *testing.T) {
	const weights = "model.safetensors"
	wantLoadErrors(t, mm.TinyFiles, []broken{
		{"no weights", func(t *testing.T, f fstest.MapFS) { delete(f, weights) }, []string{"mm: load tiny", weights}},
		{"no tokenizer", func(t *testing.T, f fstest.MapFS) { delete(f, "tokenizer.tiktoken") }, []string{"mm: load tiny", "tokenizer.tiktoken"}},
		{"cut header", func(t *testing.T, f fstest.MapFS) { f[weights].Data = f[weights].Data[:100] }, []string{"mm: load tiny: model.safetensors: header of", "truncated"}},
		{"cut values", func(t *testing.T, f fstest.MapFS) { f[weights].Data = f[weights].Data[:200000] }, []string{"mm: load tiny: model.safetensors: tensor", "data_offsets"}},
		{"corrupt header", func(t *testing.T, f fstest.MapFS) { replace(t, f, weights, `"shape"`, `"shope"`) }, []string{"mm: load tiny: model.safetensors", "shope"}},
		{"corrupt config", func(t *testing.T, f fstest.MapFS) { replace(t, f, "config.json", `"width"`, `"weight"`) }, []string{"config.json", "weight"}},
		{"wider than the weights", func(t *testing.T, f fstest.MapFS) { replace(t, f, "config.json", `"width": 32`, `"width": 64`) },
			[]string{`mm: load tiny: tensor "embed": shape [320 32], want [320 64]`}},
		{"other feed-forward", func(t *testing.T, f fstest.MapFS) { replace(t, f, "config.json", `"ffn": 48`, `"ffn": 50`) },
			[]string{`tensor "mixer.encoder.0.ffn.up": shape [96 32], want [100 32]`}},
		{"missing tensor", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, weights, `"mixer.encoder.norm"`, `"mixer.encoder.gnom"`)
		}, []string{`mm: load tiny: tensor "mixer.encoder.norm": missing, want shape [32]`}},
		{"mis-shaped tensor", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, weights, `"shape":[96,32]`, `"shape":[32,96]`)
		}, []string{`mm: load tiny: tensor "mixer.`, `shape [32 96], want [96 32]`}},
		{"unused tensor", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, "config.json", `"encoder_blocks": 2`, `"encoder_blocks": 1`)
			replace(t, f, "config.json", "\"encoder_moe\": [\n   1\n  ]", `"encoder_moe": []`)
			replace(t, f, "config.json", "\"encoder_dilations\": [\n   1,\n   4\n  ]", `"encoder_dilations": [1]`)
		}, []string{`mm: load tiny: the model has no place for tensor "mixer.encoder.1.`}},
		{"other tokenizer", func(t *testing.T, f fstest.MapFS) { f["tokenizer.tiktoken"].Data = []byte("AA== 0\n") },
			[]string{"mm: load tiny: tokenizer: 1 ranks, want 256"}},
	})
}

func TestWordsErrors(t *testing.T) {
	const words = "words.safetensors"
	wantLoadErrors(t, mm.SensesFiles, []broken{
		{"no words", func(t *testing.T, f fstest.MapFS) { delete(f, words) }, []string{"mm: load senses", words}},
		{"corrupt header", func(t *testing.T, f fstest.MapFS) { replace(t, f, words, `"shape"`, `"shope"`) },
			[]string{"mm: load senses: words.safetensors: tensor", "shope"}},
		{"missing table", func(t *testing.T, f fstest.MapFS) { replace(t, f, words, `"two.mass"`, `"two.mess"`) },
			[]string{`mm: load senses: words.safetensors: tensor "two.mass": missing`}},
		{"other letters", func(t *testing.T, f fstest.MapFS) {
			replace(t, f, "config.json", ` 'abcdefghijklmnopqrstuvwxyz`, ` 'abcdefghijklmnopqrstuvwxyZ`)
		}, []string{`mm: load senses: words.safetensors: letters[`, `'z', want one of " 'abc`}},
	})
}

// damaged is a model in whose weights a tensor's values are no numbers.
func damaged(t *testing.T, files fstest.MapFS, name string) *mm.Model {
	t.Helper()
	data := bytes.Clone(files["model.safetensors"].Data)
	size := binary.LittleEndian.Uint64(data)
	var header map[string]struct {
		Offsets []uint64 `json:"data_offsets"`
	}
	if err := json.Unmarshal(data[8:8+size], &header); err != nil || header[name].Offsets == nil {
		t.Fatalf("no tensor %s: %v", name, err)
	}
	at := header[name].Offsets
	copy(data[8+size+at[0]:], bytes.Repeat([]byte{0xff}, int(at[1]-at[0])))
	files["model.safetensors"].Data = data
	m, err := mm.Load(files, mm.WithThreads(1))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// TestDamagedWeights gives the network numbers that are none.
func TestDamagedWeights(t *testing.T) {
	const want = ": the network's scores are no numbers: its weights are damaged"
	m := damaged(t, mm.TinyFiles(t), "mixer.decoder.norm")
	in := translate("de", "Good morning!")
	for _, beam := range []int{1, 4} {
		in.Beam = beam
		_, err := m.Run(ctx, in)
		wantError(t, fmt.Sprintf("weights that are no numbers, beam %d", beam), err, "mm: translate"+want)
	}
	for piece, err := range m.Stream(ctx, in) {
		wantError(t, fmt.Sprintf("weights that are no numbers, stream of %q", piece), err, "mm: translate"+want)
	}
	for name, tasks := range map[string][]string{
		"encoders.audio.stages.1.norm": {"transcribe", "digits"}, "encoders.image.norm": {"classify", "detect"},
		"decoders.letters.out": {"transcribe"}, "decoders.digits.norm": {"digits"}, "decoders.bccd.norm": {"detect"},
	} {
		m := damaged(t, mm.SensesFiles(t), name)
		for _, task := range tasks {
			in := heard(task, hum(0.5, 1))
			if task == "classify" || task == "detect" {
				in = seen(task, photo(t, 20, 20, 1))
			}
			_, err := m.Run(ctx, in)
			wantError(t, "damaged "+name, err, "mm: "+task+want)
		}
		run(t, m, parse("Still here."))
	}
}
