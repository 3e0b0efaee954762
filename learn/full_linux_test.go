package learn

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mm-runtime/mm"
)

// alone runs a test again in a process of its own, and says whether this is it. The
// limit of withDisk holds for all that a process writes, and go test has a test keep a
// log of the files that it opens.
func alone(t *testing.T) bool {
	t.Helper()
	const mark = "MM_TEST_ALONE"
	if os.Getenv(mark) != "" {
		return true
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), mark+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "PASS") {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

// withDisk runs f on a disk that takes no more than so many bytes of a file: the system
// lets a process write no longer ones.
func withDisk(t *testing.T, room uint64, f func()) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ) // so that the write fails, not the process
	defer signal.Reset(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: room, Max: before.Max}); err != nil {
		t.Fatal(err)
	}
	defer syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before)
	f()
}

// TestDiskFull wants the old pack, and nothing beside it, wherever the room ends.
func TestDiskFull(t *testing.T) {
	if !alone(t) {
		return
	}
	dir := t.TempDir()
	if err := packOf(0).Save(dir); err != nil {
		t.Fatal(err)
	}
	next := packOf(5)
	text, tensors, _, err := next.files()
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 1, 100, len(text) - 1, len(tensors) / 2, len(tensors) - 1} {
		if room >= max(len(text), len(tensors)) {
			continue
		}
		var failed error
		withDisk(t, uint64(room), func() { failed = next.Save(dir) })
		if failed == nil || !strings.Contains(failed.Error(), "learn: save head pack "+dir) || !strings.Contains(failed.Error(), "file too large") {
			t.Errorf("room for %d bytes: error %v", room, failed)
		}
		p, err := Open(dir)
		if err != nil || p.Name != "version 0" {
			t.Fatalf("room for %d bytes: the old pack: %v", room, err)
		}
		for _, name := range ownFiles(dir) {
			if strings.Contains(name, partMark) {
				t.Errorf("room for %d bytes: %s is left", room, name)
			}
		}
	}
	if err := next.Save(dir); err != nil {
		t.Fatal(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 2 {
		t.Errorf("files %v, want what the failed left to be gone", files)
	}
}

// TestCacheFull wants an error that names the cache, and the features that were kept to
// be good later on.
func TestCacheFull(t *testing.T) {
	if !alone(t) {
		return
	}
	m := loadSenses(t)
	c := &Collector{Model: m, Task: "translate", To: "de", Cache: filepath.Join(t.TempDir(), "cache")}
	examples := []Example{{Text: "one"}, {Text: "two"}, {Text: "three"}, {Text: "four"}}
	taps := []mm.Tap{{Layer: 1, Pooling: mm.PoolMean}}
	want, _, err := (&Collector{Model: m, Task: "translate", To: "de"}).Collect(ctx, examples, taps)
	if err != nil {
		t.Fatal(err)
	}
	withDisk(t, 300, func() { _, _, err = c.Collect(ctx, examples, taps) })
	if err == nil || !strings.Contains(err.Error(), "learn: cache: ") {
		t.Errorf("error %v", err)
	}
	rows, failed, err := c.Collect(ctx, examples, taps)
	if err != nil {
		t.Fatal(err)
	}
	for i := range examples {
		if failed[i] != nil || len(rows[i]) != len(want[i]) || rows[i][0] != want[i][0] {
			t.Errorf("example %d: %v, want %v, error %v", i, rows[i], want[i], failed[i])
		}
	}
}
