//go:build linux && cgo

package cuda

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFatbin wants kernels.fatbin to be of the sources that stand here.
func TestFatbin(t *testing.T) {
	sum, err := os.ReadFile("kernels.sum")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, line := range strings.Split(strings.TrimSpace(string(sum)), "\n") {
		want, name, _ := strings.Cut(line, "  ")
		data, err := os.ReadFile(filepath.Base(name))
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s has changed since kernels.fatbin was made: run make kernels", name)
		}
		listed = append(listed, name)
	}
	want := []string{"build.py", "requirements.txt", "kernels.fatbin"}
	for _, pattern := range []string{"*.cu", "*.cuh"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, found...)
	}
	slices.Sort(listed)
	slices.Sort(want)
	if !slices.Equal(listed, want) {
		t.Errorf("kernels.sum lists %v, want %v: run make kernels", listed, want)
	}
	if len(fatbin) > 3<<20 {
		t.Errorf("kernels.fatbin has %d bytes, want at most 3 MiB", len(fatbin))
	}
}
