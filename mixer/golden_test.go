package mixer_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// rtol bounds ‖got - want‖ / ‖want‖ of every row. Both sides round to float32, in
// different orders; 7e-7 is what that comes to over the whole tiny model, and the
// vector paths add the few units in the last place of their exponential.
const rtol = 1e-5

// all is more rows than any output has: decode it in one step.
const all = 1 << 20

func goldenSegments(t testing.TB) (*golden.File, []segment) {
	t.Helper()
	file, err := golden.Open(filepath.Join(tinyDir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	src, tgt := file.Split("src"), file.Split("tgt")
	segments := make([]segment, len(src))
	for i := range segments {
		segments[i] = segment{src[i], tgt[i]}
	}
	return file, segments
}

// TestGolden compares every boundary with the PyTorch reference, which ran each
// segment alone (train/golden.py, seed 1706, PyTorch 2.x on a CPU in float32).
func TestGolden(t *testing.T) {
	file, segments := goldenSegments(t)
	for _, path := range cpu.Paths() {
		m := openTiny(t, path, 1)
		for name, chunk := range map[string]int{"at once": all, "by token": 1, "by three": 3} {
			t.Run(fmt.Sprintf("%s/%s", path, name), func(t *testing.T) {
				got := m.run(t, segments, chunk)
				if have, want := slices.Sorted(maps.Keys(got)), file.Names(); !slices.Equal(have, want) {
					t.Fatalf("boundaries %v, want %v", have, want)
				}
				for boundary, values := range got {
					want, cols := file.Floats(boundary)
					if e := golden.Error(values, want, cols); e > rtol {
						t.Errorf("%s: relative error %.2g, want at most %.0e", boundary, e, rtol)
					}
				}
			})
		}
	}
}
