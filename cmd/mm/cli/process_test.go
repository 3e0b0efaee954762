//go:build unix

package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// child prepares a process of its own, for what only a process has: signals,
// and files and pipes as standard streams.
func child(t *testing.T, args ...string) (cmd *exec.Cmd, stderr *bytes.Buffer) {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd, stderr = exec.CommandContext(t.Context(), executable, args...), new(bytes.Buffer)
	cmd.Env = append(os.Environ(), childEnv+"=1")
	cmd.Stderr = stderr
	return cmd, stderr
}

// running is a child with pipes as its standard streams.
type running struct {
	*exec.Cmd
	stdin  io.WriteCloser
	stdout io.ReadCloser
	stderr *bytes.Buffer
}

// piped starts one.
func piped(t *testing.T, args ...string) running {
	t.Helper()
	cmd, stderr := child(t, args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return running{cmd, stdin, stdout, stderr}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		return -2
	}
	return 0
}

func TestSignalsStopAWaitingRun(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		p := piped(t, translate("-")...)
		io.WriteString(p.stdin, "Good morning.\n")
		// The answer comes while the input is still open.
		answer, err := bufio.NewReader(p.stdout).ReadString('\n')
		if err != nil || strings.TrimSpace(answer) == "" {
			t.Errorf("answer %q, error %v, want a line", answer, err)
		}
		start := time.Now()
		p.Process.Signal(sig)
		code := exitCode(p.Wait())
		if code != 1 || !strings.Contains(p.stderr.String(), "mm: stopped: ") {
			t.Errorf("%v: exit %d, stderr %q, want 1 and mm: stopped", sig, code, p.stderr)
		}
		if took := time.Since(start); took > time.Minute {
			t.Errorf("%v: stopped after %v", sig, took)
		}
	}
}

func TestDirectoryAsStandardInput(t *testing.T) {
	dir, err := os.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd, stderr := child(t, translate("-")...)
	cmd.Stdin = dir
	out, err := cmd.Output()
	if code := exitCode(err); code != 1 || len(out) != 0 || !strings.Contains(stderr.String(), "mm: read standard input: ") {
		t.Errorf("exit %d, stdout %q, stderr %q, want 1, nothing and the reason", code, out, stderr)
	}
}

// A file large enough for a progress bar shows none where nobody looks.
func TestNoProgressBarInAPipe(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "lines")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	io.WriteString(file, strings.Repeat("\n", 2*barBytes))
	file.Seek(0, io.SeekStart)
	cmd, stderr := child(t, translate()...)
	cmd.Stdin = file
	out, err := cmd.Output()
	if code := exitCode(err); code != 0 || len(out) != 2*barBytes || stderr.Len() != 0 {
		t.Errorf("exit %d, %d bytes on stdout, stderr %q, want 0, %d and nothing", code, len(out), stderr, 2*barBytes)
	}
}

// A reader leaves after the first answer: like any filter, mm ends without a
// word when it writes the next.
func TestReaderThatLeaves(t *testing.T) {
	p := piped(t, translate()...)
	io.WriteString(p.stdin, "\n")
	if _, err := bufio.NewReader(p.stdout).ReadByte(); err != nil {
		t.Error(err)
	}
	p.stdout.Close()
	io.WriteString(p.stdin, "\n")
	err := p.Wait()
	status, ok := p.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGPIPE || p.stderr.Len() != 0 {
		t.Errorf("ended with %v, stderr %q, want SIGPIPE and nothing", err, p.stderr)
	}
}
