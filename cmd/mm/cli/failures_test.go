package cli

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mm-runtime/mm/kernels/cuda/driver"
)

// TestCUDAWithoutAGPUIsExit1 names a driver that is not there, as on a machine
// without one. A program that could not use it says so instead.
func TestCUDAWithoutAGPUIsExit1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "libcuda.so.1")
	t.Setenv(driver.PathVariable, path)
	reason := path
	if _, err := driver.Open(); errors.Is(err, driver.ErrBuiltWithout) {
		reason = err.Error()
	}
	for _, name := range []string{"cuda", "cuda:1"} {
		o := run(translate("--device", name, "x")...)
		o.expect(t, 1, "mm: cuda: ", reason)
		o.expectStdout(t, "")
		if strings.Contains(o.stderr, "Usage:") {
			t.Errorf("stderr is %q, want no usage for a failure", o.stderr)
		}
	}
	for _, name := range []string{"auto", "cpu"} {
		run(translate("--device", name, "")...).expect(t, 0)
	}
}

func TestModelThatIsNotThereIsExit1(t *testing.T) {
	empty := t.TempDir()
	file := filepath.Join(empty, "file")
	if err := os.WriteFile(file, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{filepath.Join(empty, "none"), "none"}, {empty, "config.json"}, {file, "file"},
	} {
		for _, args := range [][]string{translate("--model", c.path, "x"), {"tasks", "--model", c.path}, {"info", "--model", c.path}} {
			o := run(args...)
			o.expect(t, 1, "mm: ", c.want)
			o.expectStdout(t, "")
		}
	}
}

func TestModelFromADirectory(t *testing.T) {
	want := run(translate("Good morning.")...)
	o := run(translate("--model", "../../../models/base", "Good morning.")...)
	if o.code != 0 || o.stdout != want.stdout {
		t.Errorf("exit %d, stdout %q, want 0 and %q as embedded", o.code, o.stdout, want.stdout)
	}
}

// Each bad line is an error of its own; its neighbours are answered.
func TestBadLinesAreTheirOwnErrors(t *testing.T) {
	long := strings.Repeat("x", 101)
	for _, c := range []struct {
		name, bad string
		want      []string
	}{
		{"too long", long, []string{"mm: line 2: ", "102 bytes", "at most 100", "--max-input"}},
		{"far too long", strings.Repeat("y ", 200<<10), []string{"mm: line 2: ", "409601 bytes", "at most 100", "--max-input"}},
		{"invalid UTF-8", "caf\xe9", []string{"mm: line 2: ", "UTF-8", "0xe9", "offset 3"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "Good morning.\n" + c.bad + "\nThank you.\n"
			o := call(strings.NewReader(text), translate("--max-input", "100")...)
			o.expect(t, 1, c.want...)
			lines := strings.Split(o.stdout, "\n")
			if len(lines) != 4 || lines[0] == "" || lines[1] != "" || lines[2] == "" {
				t.Errorf("stdout is %q, want answers on lines 1 and 3 and nothing on line 2", o.stdout)
			}
			got := objects(t, call(strings.NewReader(text), translate("--max-input", "100", "--json")...).stdout)
			if len(got) != 3 || got[0].Error != "" || got[1].Error == "" || got[2].Error != "" {
				t.Errorf("objects are %+v, want an error in the second alone", got)
			}
			if got[1].Task != "translate" || strings.HasPrefix(got[1].Error, "mm:") {
				t.Errorf("the failed object is %+v, want its task, and the error without mm:", got[1])
			}
		})
	}
}

func TestLongestLinePasses(t *testing.T) {
	longest := strings.Repeat("a ", 49) + "ab"
	for _, end := range []string{"", "\n", "\r\n"} {
		o := call(strings.NewReader(longest+end), translate("--max-input", "100")...)
		if o.code != 0 || strings.Count(o.stdout, "\n") != 1 {
			t.Errorf("end %q: exit %d, stdout %q, stderr %q, want an answer", end, o.code, o.stdout, o.stderr)
		}
		o = call(strings.NewReader(longest+"c"+end), translate("--max-input", "100")...)
		o.expect(t, 1, "at most 100")
	}
}

func TestBadArgumentIsNamed(t *testing.T) {
	o := run(translate("Good morning.", "caf\xe9")...)
	o.expect(t, 1, "mm: input 2: translate: ", "UTF-8")
	o = run(translate("caf\xe9")...)
	o.expect(t, 1, "mm: translate: ", "UTF-8")
	o.expectStdout(t, "\n")
}

// brokenReader gives a text, then fails.
type brokenReader struct {
	io.Reader
	err error
}

func (r brokenReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == io.EOF {
		err = r.err
	}
	return n, err
}

func TestUnreadableInput(t *testing.T) {
	in := brokenReader{strings.NewReader("Good morning.\nThank y"), errors.New("the disk is gone")}
	o := call(in, translate("--json")...)
	o.expect(t, 1, "mm: read standard input: the disk is gone")
	if got := objects(t, o.stdout); len(got) != 1 || got[0].Input != "Good morning." {
		t.Errorf("objects are %+v, want the one whole line", got)
	}
}

// closedPipe is an output whose reader has left after some bytes.
type closedPipe struct{ room int }

func (c *closedPipe) Write(p []byte) (int, error) {
	n := min(c.room, len(p))
	if c.room -= n; n < len(p) {
		return n, syscall.EPIPE
	}
	return n, nil
}

func TestOutputClosedEarly(t *testing.T) {
	text := strings.Repeat("Good morning.\n", 30)
	for _, args := range [][]string{translate(), translate("--json"), {"tasks"}, {"info"}, {"version"}} {
		var stderr strings.Builder
		code := Main(args, strings.NewReader(text), &closedPipe{room: 20}, &stderr)
		if failures := strings.Count(stderr.String(), "broken pipe"); code != 1 || failures != 1 {
			t.Errorf("%v: exit %d, stderr %q, want 1 and the reason once", args, code, stderr.String())
		}
	}
}

// endlessLines gives one line at a time for ever and counts them.
type endlessLines struct{ given atomic.Int64 }

func (e *endlessLines) Read(p []byte) (int, error) {
	e.given.Add(1)
	return copy(p, "\n"), nil
}

// shutPipe is an output that nobody reads until it breaks.
type shutPipe struct{ broken chan bool }

func (s shutPipe) Write([]byte) (int, error) {
	<-s.broken
	return 0, syscall.EPIPE
}

// TestReaderThatWaits wants no more to be read than may be on its way while nobody
// takes the answers.
func TestReaderThatWaits(t *testing.T) {
	in, out := &endlessLines{}, shutPipe{make(chan bool)}
	code := make(chan int)
	go func() { code <- Main(translate(), in, out, io.Discard) }()
	last := int64(-1)
	for last != in.given.Load() || last == 0 { // it has stopped, or is slower than this
		last = in.given.Load()
		time.Sleep(100 * time.Millisecond)
	}
	const buffered = 4096 // of answers, an empty line each
	if most := int64(2*inFlight + buffered); last > most {
		t.Errorf("%d lines read for a reader that takes none, want at most %d", last, most)
	}
	close(out.broken)
	if c := <-code; c != 1 {
		t.Errorf("exit %d, want 1", c)
	}
}
