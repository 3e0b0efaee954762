package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mm-runtime/mm"
)

func TestTranscribe(t *testing.T) {
	model, wav := sensesModel(t), sound(t, 40)
	file := write(t, filepath.Join(t.TempDir(), "talk.wav"), wav)
	args := []string{"run", "--model", model, "transcribe", "--max-tokens", "6"}
	text := run(append(args, file)...)
	if text.code != 0 || strings.Count(text.stdout, "\n") != 1 {
		t.Fatalf("exit %d, stdout %q, stderr %q, want a line", text.code, text.stdout, text.stderr)
	}
	got := objects(t, run(append(args, "--json", file)...).stdout)[0]
	if got.Output+"\n" != text.stdout || len(got.Segments) < 3 || got.Segments[len(got.Segments)-1].End != 40 {
		t.Errorf("object %+v, want the text and segments up to 40 s", got)
	}
	var parsed struct {
		Text     string
		Segments []segment
	}
	o := run(append(args, "--format", "json", file)...)
	if err := json.Unmarshal([]byte(o.stdout), &parsed); err != nil || parsed.Text != got.Output || len(parsed.Segments) != len(got.Segments) {
		t.Errorf("--format json: %q, error %v, want the text and its segments", o.stdout, err)
	}
	srt := run(append(args, "--format", "srt", file)...).stdout
	if !strings.HasPrefix(srt, "1\n00:00:00,000 --> 00:00:") || strings.Count(srt, " --> ") != len(got.Segments) {
		t.Errorf("--format srt: %q, want %d subtitles", srt, len(got.Segments))
	}
	if vtt := run(append(args, "--format", "vtt", file)...).stdout; !strings.HasPrefix(vtt, "WEBVTT\n\n00:00:00.000 --> 00:00:") {
		t.Errorf("--format vtt: %q", vtt)
	}
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	for name, stdin := range map[string]io.Reader{"a file": bytes.NewReader(wav), "a pipe": io.MultiReader(bytes.NewReader(wav))} {
		for _, dash := range [][]string{nil, {"-"}} {
			if s, ok := stdin.(io.Seeker); ok {
				s.Seek(0, io.SeekStart)
			} else {
				stdin = io.MultiReader(bytes.NewReader(wav))
			}
			o := call(stdin, append(args, dash...)...)
			if o.code != 0 || o.stdout != text.stdout {
				t.Errorf("standard input from %s: exit %d, stdout %q, stderr %q, want %q", name, o.code, o.stdout, o.stderr, text.stdout)
			}
		}
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) != 0 {
		t.Errorf("%v, error %v left of a standard input, want nothing", left, err)
	}
}

func TestSubtitles(t *testing.T) {
	r := result{}
	r.Segments = []mm.Segment{
		{Start: 0, End: 1500 * time.Millisecond, Text: "fish & <chips>"},
		{Start: 3*time.Hour + 62*time.Second, End: 3*time.Hour + 63*time.Second + 999*time.Millisecond, Text: "two\nlines"},
	}
	for format, want := range map[string]string{
		"srt": "1\n00:00:00,000 --> 00:00:01,500\nfish & <chips>\n\n2\n03:01:02,000 --> 03:01:03,999\ntwo lines\n\n",
		"vtt": "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nfish &amp; &lt;chips&gt;\n\n03:01:02.000 --> 03:01:03.999\ntwo lines\n\n",
	} {
		var b strings.Builder
		if err := formOf(mm.Task{Input: "audio", Output: "sequence"}, format)(&b, r); err != nil || b.String() != want {
			t.Errorf("%s: %q, want %q", format, b.String(), want)
		}
	}
}
