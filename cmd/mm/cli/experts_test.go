package cli

import (
	"fmt"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestInfoOfExperts(t *testing.T) {
	model, dir := sensesModel(t), t.TempDir()
	write(t, filepath.Join(dir, "a.wav"), sound(t, 0.6))
	jobs := write(t, filepath.Join(dir, "jobs"), []byte(`{"task":"digits","audio":"a.wav"}`+"\n"+`{"task":"translate","to":"de","text":"Hi","max_tokens":3}`+"\n"))
	heat := filepath.Join(dir, "heat.png")
	o := run("info", "--model", model, "--experts", "--jobs", jobs, "--out", heat)
	if o.code != 0 {
		t.Fatalf("exit %d, stderr %q", o.code, o.stderr)
	}
	lines := strings.Split(strings.TrimSuffix(o.stdout, "\n"), "\n")
	if got := strings.Join(strings.Fields(lines[0]), " "); got != "TASK BLOCK ROWS 0 1 2 3" || len(lines) != 4 {
		t.Errorf("stdout is %q, want a head and three lines", o.stdout)
	}
	for _, l := range lines[1:] {
		fields := strings.Fields(l)
		sum := 0.0
		for _, f := range fields[len(fields)-4:] {
			var percent float64
			fmt.Sscanf(f, "%f%%", &percent)
			sum += percent
		}
		if math.Abs(sum-200) > 0.3 {
			t.Errorf("line %q adds up to %v%%, want 200: two experts a row", l, sum)
		}
	}
	file, err := os.Open(heat)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if m, err := png.Decode(file); err != nil || m.Bounds().Dx() < 8*cellWidth || m.Bounds().Dy() < 2*cellHeight {
		t.Errorf("heat map %v, error %v", m, err)
	}
	bad := write(t, filepath.Join(dir, "bad"), []byte(`{"task":"digits","audio":"none.wav"}`))
	o = run("info", "--model", model, "--experts", "--jobs", bad)
	o.expect(t, 1, "mm: line 1: digits: ", "none.wav: no such file")
}
