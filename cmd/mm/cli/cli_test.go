package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/bench/procmem"
)

// childEnv makes the test binary run the command line instead of the tests.
const childEnv = "MM_CLI_TEST_CHILD"

// tellPeak is its value for a child that says on standard error how many bytes of
// memory it held at most.
const tellPeak = "peak"

func TestMain(m *testing.M) {
	if how := os.Getenv(childEnv); how != "" {
		code := Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
		if _, peak, err := procmem.Held(); how == tellPeak {
			fmt.Fprintln(os.Stderr, peak, err)
		}
		os.Exit(code)
	}
	os.Exit(m.Run())
}

// outcome is what a call leaves behind.
type outcome struct {
	stdout, stderr string
	code           int
}

// call runs the command line over stdin.
func call(stdin io.Reader, args ...string) outcome {
	var stdout, stderr bytes.Buffer
	code := Main(args, stdin, &stdout, &stderr)
	return outcome{stdout.String(), stderr.String(), code}
}

// run is call with nothing on standard input.
func run(args ...string) outcome { return call(strings.NewReader(""), args...) }

// expect checks the exit code, that stderr holds every one of the given texts,
// and that it is empty where none is given.
func (o outcome) expect(t *testing.T, code int, stderr ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", o.code, code, o.stdout, o.stderr)
	}
	for _, want := range stderr {
		if !strings.Contains(o.stderr, want) {
			t.Errorf("stderr is %q, want %q in it", o.stderr, want)
		}
	}
	if len(stderr) == 0 && o.stderr != "" {
		t.Errorf("stderr is %q, want nothing", o.stderr)
	}
}

func (o outcome) expectStdout(t *testing.T, want string) {
	t.Helper()
	if o.stdout != want {
		t.Errorf("stdout is %q, want %q", o.stdout, want)
	}
}

func TestWrongUsageIsExit2(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"sing", `unknown command "sing"`},
		{"run", "no task given"},
		{"run sing x", `task "sing" is unknown, want one of translate, parse`},
		{"run translate x", "no target language given, want one of en, de, fr"},
		{"run translate --to tlh x", `target language "tlh" is unknown, want one of en, de, fr`},
		{"run translate --to de --from tlh x", `source language "tlh" is unknown`},
		{"run translate --to de --from de x", `source and target language are both "de"`},
		{"run parse --to de x", "takes no target language"},
		{"run parse --format svg x", "--format"},
		{"run translate --to de --format tree x", "--format tree is for tasks that write trees"},
		{"run translate --to de --format srt x", "--format srt is for tasks that write trees or listen"},
		{"run parse --format srt x", "parse: --format srt: want ptb, tree, json"},
		{"run parse --format tree --json x", "--format tree has no effect with --json"},
		{"run translate --to de --words x", "--words is for tasks that write trees"},
		{"run translate --to de --top 2 x", "--top 2 is for tasks that choose between labels"},
		{"run translate --to de --top 0 x", "want at least 1"},
		{"run translate --to de --out x.png x", "--out x.png is for tasks that find boxes"},
		{"run translate --to de --threshold 0.5 x", "threshold 0.5 is for tasks that find boxes"},
		{"run translate --to de --threshold 0 x", "want more than 0 and at most 1"},
		{"run translate --to de --threshold NaN x", "want more than 0 and at most 1"},
		{"run parse --max-tokens 9 x", "--max-tokens 9 is for tasks that write text"},
		{"run translate --to de --loud x", "unknown flag: --loud"},
		{"run translate --to", "flag needs an argument"},
		{"run translate --to de --threads -1 x", "want 0 (all) to 1024"},
		{"run translate --to de --threads 5000 x", "want 0 (all) to 1024"},
		{"run translate --to de --threads two x", "want 0 (all) to 1024"},
		{"run translate --to de --beam 0 x", "want 1 to 32"},
		{"run translate --to de --beam 33 x", "want 1 to 32"},
		{"run translate --to de --max-tokens -1 x", "want at least 1, or 0"},
		{"run translate --to de --max-input 0 x", "want at least 1"},
		{"run translate --to de --device tpu x", "want auto, cpu, cuda or cuda:N"},
		{"run translate --to de --device cuda:x x", "want auto, cpu, cuda or cuda:N"},
		{"run translate --to de a - b", "- stands for all the input"},
		{"tasks x", "unknown command"},
		{"info x", "unknown command"},
		{"info --experts", "--experts counts over the inputs of --jobs"},
		{"info --jobs -", "--jobs - is for --experts"},
		{"info --out x.png", "--out x.png is for --experts"},
		{"version x", "unknown command"},
	} {
		t.Run(c.args, func(t *testing.T) {
			o := run(strings.Fields(c.args)...)
			o.expect(t, 2, c.want, "Usage:\n")
			o.expectStdout(t, "")
			if !strings.HasPrefix(o.stderr, "mm: ") {
				t.Errorf("stderr is %q, want mm: in front", o.stderr)
			}
		})
	}
}

// What the flags allow, the library takes.
func TestLargestFlagsPass(t *testing.T) {
	run("run", "translate", "--to", "de", "--beam", "32", "--max-tokens", "1", "--threads", "1024", "").expect(t, 0)
}

func TestFlagsAreCheckedBeforeTheModelLoads(t *testing.T) {
	run("run", "parse", "--model", "no/such/model", "--beam", "0", "x").expect(t, 2, "want 1 to 32")
}

func TestNoCommandPrintsHelp(t *testing.T) {
	for _, args := range [][]string{nil, {"--help"}, {"help"}} {
		o := run(args...)
		o.expect(t, 0)
		for _, want := range []string{"Where is the station?", "completion", "tasks", "info", "exit code"} {
			if !strings.Contains(o.stdout, want) {
				t.Errorf("mm %s: help lacks %q", strings.Join(args, " "), want)
			}
		}
	}
}

func TestTasks(t *testing.T) {
	o := run("tasks")
	o.expect(t, 0)
	lines := strings.Split(strings.TrimSpace(o.stdout), "\n")
	want := []string{"TASK FROM TO INPUT OUTPUT LABELS", "translate en,de,fr en text sequence -", "translate en,de,fr de text sequence -",
		"translate en,de,fr fr text sequence -", "parse - - text tree -"}
	if len(lines) < len(want) {
		t.Fatalf("%d lines, want at least %d:\n%s", len(lines), len(want), o.stdout)
	}
	for i, w := range want {
		if got := strings.Join(strings.Fields(lines[i]), " "); got != w {
			t.Errorf("line %d is %q, want %q", i+1, got, w)
		}
	}
}

func TestInfo(t *testing.T) {
	o := run("info", "--threads", "1")
	o.expect(t, 0)
	for _, want := range []string{"model       base", "million in", "sha256", "tokens a sentence", "device      cpu (", "caches      at most "} {
		if !strings.Contains(o.stdout, want) {
			t.Errorf("info lacks %q:\n%s", want, o.stdout)
		}
	}
}

func TestVersion(t *testing.T) {
	o, flag := run("version"), run("--version")
	o.expect(t, 0)
	flag.expectStdout(t, o.stdout)
	if !strings.HasPrefix(o.stdout, "mm ") || strings.Count(o.stdout, "\n") != 1 {
		t.Errorf("version is %q, want one line that starts with mm", o.stdout)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		o := run("completion", shell)
		o.expect(t, 0)
		if !strings.Contains(o.stdout, "__complete") {
			t.Errorf("completion %s: no script of cobra's: %q", shell, o.stdout)
		}
	}
	for _, c := range []struct {
		args string
		want string
	}{
		{"run", "translate\nparse\ntranscribe\ndigits\ncommands\nclassify\ndetect\n:4\n"},
		{"run translate --to", "en\nde\nfr\n:4\n"},
		{"run parse --format", "ptb\ntree\njson\n:4\n"},
		{"run translate --format", ":4\n"},
		{"tasks --device", "auto\ncpu\ncuda\n:4\n"},
	} {
		o := run(append(append([]string{"__complete"}, strings.Fields(c.args)...), "")...)
		o.expectStdout(t, c.want)
	}
}
