package picture

import (
	"bytes"
	"encoding/binary"
	"image/color"
	"testing"
)

// TestOrientations draws what EXIF's eight orientations mean: where the stored
// corners red, green, blue and grey come to lie.
func TestOrientations(t *testing.T) {
	red, green, blue, grey := [3]int{250, 0, 0}, [3]int{0, 240, 0}, [3]int{0, 0, 230}, [3]int{90, 90, 90}
	corners := [][4][3]int{ // top left, top right, bottom left, bottom right
		{red, green, blue, grey}, // 1: stored as it is
		{green, red, grey, blue}, // 2: mirrored
		{grey, blue, green, red}, // 3: half a turn
		{blue, grey, red, green}, // 4: mirrored, half a turn
		{red, blue, green, grey}, // 5: rows are columns
		{blue, red, grey, green}, // 6: a quarter turn clockwise
		{grey, green, blue, red}, // 7: mirrored along the other diagonal
		{green, grey, red, blue}, // 8: a quarter turn back
	}
	m := quadrants(32, 16)
	for i, want := range corners {
		var order binary.AppendByteOrder = binary.LittleEndian
		if i%2 == 1 {
			order = binary.BigEndian
		}
		tiff := tiffOf(order, uint16(i+1))
		for name, data := range map[string][]byte{
			"jpeg": withAPP1(jpegOf(t, m), tiff), "png": withChunk(pngOf(t, m), "eXIf", tiff),
		} {
			p := decoded(t, data)
			if wantW, wantH := 32, 16; i >= 4 && (p.Width != wantH || p.Height != wantW) || i < 4 && (p.Width != wantW || p.Height != wantH) {
				t.Errorf("%s, orientation %d: %d × %d pixels", name, i+1, p.Width, p.Height)
			}
			right, bottom := p.Width-2, p.Height-2
			for j, at := range [][2]int{{1, 1}, {right, 1}, {1, bottom}, {right, bottom}} {
				wantPixel(t, p, at[0], at[1], want[j], 4)
			}
		}
	}
}

func TestOrientationOfWebP(t *testing.T) {
	for name, prefix := range map[string]string{"plain": "", "as in JPEG": "Exif\x00\x00"} {
		body := append([]byte(prefix), tiffOf(binary.BigEndian, 6)...)
		p := decoded(t, writeWebP([]chunk{canvasVP8X(5, 3, 1<<3), solidVP8L(5, 3, color.NRGBA{1, 2, 3, 255}), {"EXIF", body}}))
		if p.Width != 3 || p.Height != 5 {
			t.Errorf("%s: %d × %d pixels, want 3 × 5", name, p.Width, p.Height)
		}
	}
}

// TestBrokenEXIF wants damaged EXIF to leave the picture as it is stored.
func TestBrokenEXIF(t *testing.T) {
	good := tiffOf(binary.LittleEndian, 6)
	if orientation(good) != 6 {
		t.Fatal("the test's EXIF is wrong")
	}
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint32(huge[4:], 0xfffffff0)
	many := bytes.Clone(good[:len(good)-16])
	binary.LittleEndian.PutUint16(many[8:], 0xffff)
	kind := bytes.Clone(good)
	kind[10+12+2] = 4
	cases := map[string][]byte{
		"nothing": nil, "text": []byte("hello, world"), "offset beyond the end": huge, "too many entries": many, "another type": kind,
		"orientation 0": tiffOf(binary.LittleEndian, 0), "orientation 9": tiffOf(binary.BigEndian, 9),
	}
	for name, tiff := range cases {
		if got := orientation(tiff); got != 1 {
			t.Errorf("%s: orientation %d, want 1", name, got)
		}
	}
	for n := range len(good) - 12 {
		if got := orientation(good[:n]); got != 1 {
			t.Errorf("%d bytes: orientation %d, want 1", n, got)
		}
	}
	p := decoded(t, withAPP1(jpegOf(t, quadrants(4, 2)), huge))
	if p.Width != 4 {
		t.Errorf("%d pixels wide, want 4", p.Width)
	}
}
