package picture

import (
	"bytes"
	"image"
	"math"
	"slices"
	"testing"
)

// colours counts the pixels of each colour in a part of a picture.
func colours(p *RGB, part image.Rectangle) map[[3]uint8]int {
	found := map[[3]uint8]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			found[[3]uint8(p.Pix[3*(y*p.Width+x):])]++
		}
	}
	return found
}

func TestDrawFrame(t *testing.T) {
	p := white(60, 50)
	p.Draw([]Labelled{{Box: Box{10, 20, 40.4, 44.6}}})
	ink := inkOf("")
	edge := [3]uint8{ink.R, ink.G, ink.B}
	box := image.Rect(10, 20, 40, 45)
	if n := colours(p, box)[edge]; n != 30*25-26*21 {
		t.Errorf("%d pixels of edge, want %d", n, 30*25-26*21)
	}
	if n := colours(p, p.Bounds())[edge]; n != 30*25-26*21 {
		t.Errorf("%d pixels of edge in all", n)
	}
	if inner := colours(p, box.Inset(2)); len(inner) != 1 {
		t.Errorf("inside the box: %v, want nothing drawn", inner)
	}
}

func TestDrawLabel(t *testing.T) {
	const text = "RBC 97%"
	ink := inkOf(text)
	for _, c := range []struct {
		name  string
		box   Box
		where image.Rectangle // of the label: 7 letters and the margin
	}{
		{"above", Box{10, 40, 90, 70}, image.Rect(10, 27, 63, 40)},
		{"inside", Box{10, 5, 90, 70}, image.Rect(10, 5, 63, 18)},
		{"pushed in from the right", Box{80, 40, 98, 70}, image.Rect(47, 27, 100, 40)},
	} {
		p := white(100, 80)
		p.Draw([]Labelled{{c.box, text}})
		found := colours(p, c.where)
		letters, ground := found[[3]uint8{255, 255, 255}], found[[3]uint8{ink.R, ink.G, ink.B}]
		if letters < 60 || letters > 250 || letters+ground != c.where.Dx()*c.where.Dy() {
			t.Errorf("%s: %d pixels of letters, %d of ground in %v", c.name, letters, ground, c.where)
		}
	}
	if inkOf("RBC 97%") != inkOf("RBC 12%") {
		t.Error("a label's colour depends on its score")
	}
	if inkOf("RBC") == inkOf("WBC") {
		t.Error("RBC and WBC have the same colour")
	}
}

// TestDrawAnything wants no box and no label to reach outside the picture or to
// take long.
func TestDrawAnything(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, size := range [][2]int{{1, 1}, {3, 200}, {900, 850}} {
		p := white(size[0], size[1])
		for _, b := range []Box{{-inf, -inf, inf, inf}, {5, 5, 5, 5}, {9, 9, 1, 1}, {1e300, 1e300, 2e300, 2e300}, {-9, -9, -8, -8}} {
			for _, label := range []string{"", "a", "日本語 é", string(bytes.Repeat([]byte("long "), 10_000)), "\xff\x00\n"} {
				p.Draw([]Labelled{{b, label}})
			}
		}
		if len(p.Pix) != 3*size[0]*size[1] {
			t.Errorf("%d values", len(p.Pix))
		}
		before := slices.Clone(p.Pix)
		p.Draw([]Labelled{{Box{nan, 0, 1, 1}, "nan"}, {Box{0, inf, 1, -inf + nan}, "nan"}})
		if !slices.Equal(before, p.Pix) {
			t.Error("a box that is not a number was drawn")
		}
	}
}

func TestDrawGrows(t *testing.T) {
	p := white(1600, 1200)
	p.Draw([]Labelled{{Box: Box{100, 100, 200, 200}}})
	ink := inkOf("")
	if n := colours(p, image.Rect(100, 150, 150, 151))[[3]uint8{ink.R, ink.G, ink.B}]; n != 6 {
		t.Errorf("an edge of %d pixels, want 6", n)
	}
}

func TestWritePNG(t *testing.T) {
	p := white(31, 17)
	p.Draw([]Labelled{{Box{2, 3, 20, 15}, "x"}})
	var b bytes.Buffer
	if err := p.WritePNG(&b); err != nil {
		t.Fatal(err)
	}
	q := decoded(t, b.Bytes())
	if q.Width != 31 || q.Height != 17 || !slices.Equal(p.Pix, q.Pix) {
		t.Errorf("%d × %d pixels came back, or others", q.Width, q.Height)
	}
}
