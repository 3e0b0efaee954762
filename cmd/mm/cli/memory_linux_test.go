package cli

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/models/base"
)

// peak is the most memory, in bytes, that a process of mm held over standard input.
func peak(t *testing.T, stdin io.Reader, args ...string) int64 {
	t.Helper()
	cmd, stderr := child(t, args...)
	cmd.Env = append(os.Environ(), childEnv+"="+tellPeak)
	cmd.Stdin = stdin
	if out, err := cmd.Output(); err != nil || len(out) == 0 {
		t.Fatalf("%d bytes of output, error %v, stderr %q", len(out), err, stderr)
	}
	var bytes int64
	if _, err := fmt.Sscan(stderr.String(), &bytes); err != nil {
		t.Fatalf("stderr %q: %v", stderr, err)
	}
	return bytes
}

// raced says whether the race detector is in the program, which takes several times
// the memory.
func raced() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// TestPeakMemory holds what a process of mm with its own model may take.
func TestPeakMemory(t *testing.T) {
	if raced() {
		t.Skip("the race detector takes memory of its own")
	}
	file, err := fs.Stat(base.FS, "model.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	limit := file.Size()*5/2 + 50e6
	for _, lines := range []int{1, 32} {
		text := strings.Repeat("Good morning.\n", lines)
		if got := peak(t, strings.NewReader(text), translate("--max-tokens", "8")...); got > limit {
			t.Errorf("%d lines: %.1f MB held, want at most %.1f", lines, float64(got)/1e6, float64(limit)/1e6)
		}
	}
}
