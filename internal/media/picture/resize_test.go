package picture

import (
	"math"
	"testing"

	"github.com/mm-runtime/mm/internal/golden"
)

// goldenCases are the names of CASES in train/pictures.py.
var goldenCases = []string{"photo", "tall", "grow", "same", "pixel", "line", "tiny"}

// TestPixelsGolden compares with PyTorch's antialiased bilinear resize. A level
// is 2/255; float32 leaves a millionth.
func TestPixelsGolden(t *testing.T) {
	file, err := golden.Open("testdata/golden.safetensors")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range goldenCases {
		size := file.Ints(name + ".size")
		levels, _ := file.Floats(name)
		p := &RGB{Width: int(size[0]), Height: int(size[1]), Pix: make([]uint8, len(levels))}
		for i, level := range levels {
			p.Pix[i] = uint8(level)
		}
		for _, fit := range []Fit{Squeeze, Letterbox, Crop} {
			want, _ := file.Floats(name + "." + fit.String())
			got, _, err := p.Pixels(fit, int(size[2]), int(size[3]))
			if err != nil || len(got) != len(want) {
				t.Errorf("%s.%v: %d values, want %d, error %v", name, fit, len(got), len(want), err)
				continue
			}
			worst := 0.0
			for i := range want {
				worst = max(worst, math.Abs(float64(got[i])-float64(want[i])))
			}
			if worst > 1e-6 {
				t.Errorf("%s.%v: %.3g apart at worst, want 1e-6", name, fit, worst)
			}
		}
	}
}

func TestTriangle(t *testing.T) {
	for _, c := range [][2]int{{1, 1}, {1, 9}, {9, 1}, {5, 5}, {7, 3}, {3, 7}, {16384, 3}, {3, 16384}, {1000, 999}} {
		n, m := c[0], c[1]
		list := triangle(n, m)
		counted := make([]float64, n)
		for i, tap := range list {
			sum := 0.0
			for j, w := range tap.weights {
				if w < 0 {
					t.Errorf("%d to %d: sample %d: weight %v", n, m, i, w)
				}
				sum += w
				counted[tap.start+j] += w
			}
			if tap.start < 0 || tap.end() > n || math.Abs(sum-1) > 1e-12 {
				t.Errorf("%d to %d: sample %d: from %d to %d, sum %v", n, m, i, tap.start, tap.end(), sum)
			}
			if i > 0 && (tap.start < list[i-1].start || tap.end() < list[i-1].end()) {
				t.Errorf("%d to %d: sample %d begins or ends before the one in front", n, m, i)
			}
		}
		for j, w := range counted {
			if m <= n && w == 0 {
				t.Errorf("%d to %d: source sample %d does not count", n, m, j)
			}
		}
	}
}

// TestResizeKeeps wants the same size to change nothing and one colour to stay
// that colour.
func TestResizeKeeps(t *testing.T) {
	p := white(13, 7)
	for i := range p.Pix {
		p.Pix[i] = uint8(i * 31)
	}
	got, _, err := p.Pixels(Squeeze, 13, 7)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if want := float32(float64(p.Pix[i])/127.5 - 1); v != want {
			t.Fatalf("value %d is %v, want %v", i, v, want)
		}
	}
	got, _, err = white(300, 200).Pixels(Squeeze, 7, 31)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if math.Abs(float64(v)-1) > 1e-6 {
			t.Fatalf("value %d of white is %v, want 1", i, v)
		}
	}
}

func BenchmarkPixels(b *testing.B) {
	p := white(4000, 3000)
	for b.Loop() {
		if _, _, err := p.Pixels(Letterbox, 320, 320); err != nil {
			b.Fatal(err)
		}
	}
}
