package picture

import (
	"bytes"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"testing"
	"testing/iotest"
)

// wantPixel compares within a tolerance of levels.
func wantPixel(t *testing.T, p *RGB, x, y int, want [3]int, within int) {
	t.Helper()
	at := p.Pix[3*(y*p.Width+x):]
	for c, level := range want {
		if d := int(at[c]) - level; d < -within || d > within {
			t.Errorf("pixel (%d, %d) is %v, want %v ± %d", x, y, at[:3], want, within)
			return
		}
	}
}

func decoded(t *testing.T, data []byte) *RGB {
	t.Helper()
	p, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Pix) != 3*p.Width*p.Height {
		t.Fatalf("%d values for %d × %d pixels", len(p.Pix), p.Width, p.Height)
	}
	return p
}

func TestDecodeFormats(t *testing.T) {
	m := quadrants(20, 14)
	opaque := image.NewRGBA(m.Rect) // no alpha: BMP writes 24 bits
	draw.Draw(opaque, m.Rect, m, image.Point{}, draw.Src)
	for _, c := range []struct {
		name   string
		data   []byte
		within int
	}{
		{"png", pngOf(t, m), 0}, {"bmp", bmpOf(t, opaque), 0}, {"bmp with alpha", bmpOf(t, m), 0}, {"jpeg", jpegOf(t, m), 3},
	} {
		p, err := Decode(c.data)
		if err != nil || p.Width != 20 || p.Height != 14 {
			t.Errorf("%s: %+v, error %v", c.name, p, err)
			continue
		}
		wantPixel(t, p, 1, 1, [3]int{250, 0, 0}, c.within)
		wantPixel(t, p, 18, 1, [3]int{0, 240, 0}, c.within)
		wantPixel(t, p, 1, 12, [3]int{0, 0, 230}, c.within)
		wantPixel(t, p, 18, 12, [3]int{90, 90, 90}, c.within)
	}
}

// onePixel draws a single colour in an image of any model.
func onePixel(m draw.Image, c color.Color) image.Image {
	m.Set(0, 0, c)
	return m
}

func TestDecodeColourModels(t *testing.T) {
	one := image.Rect(0, 0, 1, 1)
	half := color.NRGBA{200, 0, 100, 128}
	for _, c := range []struct {
		name string
		data []byte
		want [3]int
	}{
		{"grey", pngOf(t, onePixel(image.NewGray(one), color.Gray{77})), [3]int{77, 77, 77}},
		{"grey, 16 bit", pngOf(t, onePixel(image.NewGray16(one), color.Gray16{0x80ff})), [3]int{128, 128, 128}},
		{"16 bit", pngOf(t, onePixel(image.NewRGBA64(one), color.RGBA64{0xffff, 0x1234, 0, 0xffff})), [3]int{255, 0x12, 0}},
		{"16 bit, alpha", pngOf(t, onePixel(image.NewNRGBA64(one), color.NRGBA64{0, 0, 0, 0x8000})), [3]int{127, 127, 127}},
		{"alpha", pngOf(t, onePixel(image.NewNRGBA(one), half)), [3]int{227, 127, 177}},
		{"transparent", pngOf(t, onePixel(image.NewNRGBA(one), color.NRGBA{9, 9, 9, 0})), [3]int{255, 255, 255}},
		{"palette", pngOf(t, onePixel(image.NewPaletted(one, color.Palette{color.Black, color.RGBA{1, 2, 3, 255}}), color.RGBA{1, 2, 3, 255})), [3]int{1, 2, 3}},
		{"palette, alpha", pngOf(t, image.NewPaletted(one, color.Palette{half})), [3]int{227, 127, 177}},
		{"grey jpeg", jpegOf(t, onePixel(image.NewGray(one), color.Gray{77})), [3]int{77, 77, 77}},
		{"progressive jpeg", literal(t, progressiveJPEG), [3]int{76, 76, 76}},
		{"jpeg", jpegOf(t, onePixel(image.NewRGBA(one), color.RGBA{10, 200, 90, 255})), [3]int{10, 200, 90}},
		{"bmp", bmpOf(t, onePixel(image.NewGray(one), color.Gray{5})), [3]int{5, 5, 5}},
		{"webp", writeWebP([]chunk{solidVP8L(1, 1, color.NRGBA{3, 2, 1, 255})}), [3]int{3, 2, 1}},
		{"webp, alpha", writeWebP([]chunk{solidVP8L(1, 1, half)}), [3]int{227, 127, 177}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := decoded(t, c.data)
			if side := p.Width; side != 1 && side != 8 || p.Height != side {
				t.Fatalf("%d × %d pixels", p.Width, p.Height)
			}
			wantPixel(t, p, 0, 0, c.want, 1)
		})
	}
}

// TestDecodeCMYK wants what Pillow makes of the same bytes.
func TestDecodeCMYK(t *testing.T) {
	p := decoded(t, literal(t, cmykJPEG))
	wantPixel(t, p, 0, 0, [3]int{236, 50, 31}, 2)
	wantPixel(t, p, 7, 7, [3]int{236, 50, 31}, 2)
}

// TestDecodeLossyWebP wants what libwebp makes of the same bytes: the range of
// values and the interpolation of chroma at the border of the colours.
func TestDecodeLossyWebP(t *testing.T) {
	p := decoded(t, literal(t, lossyWebP))
	wantPixel(t, p, 0, 0, [3]int{255, 1, 0}, 0)
	wantPixel(t, p, 15, 15, [3]int{0, 2, 255}, 0)
	wantPixel(t, p, 8, 8, [3]int{54, 0, 182}, 1)
	p = decoded(t, literal(t, alphaWebP))
	wantPixel(t, p, 0, 0, [3]int{255, 1, 0}, 0)
	wantPixel(t, p, 15, 15, [3]int{255, 128, 127}, 1)
}

func TestDecodeAnimations(t *testing.T) {
	for _, c := range []struct {
		name string
		data []byte
		y    int // the frame's first row
	}{{"gif", gifOf(t), 1}, {"webp", animatedWebP(), 2}} {
		p := decoded(t, c.data)
		if p.Width != 8 || p.Height != 6 {
			t.Errorf("%s: %d × %d pixels, want the canvas of 8 × 6", c.name, p.Width, p.Height)
			continue
		}
		wantPixel(t, p, 2, c.y, [3]int{255, 0, 0}, 0)
		wantPixel(t, p, 5, c.y+2, [3]int{255, 0, 0}, 0)
		for _, at := range []image.Point{{1, 2}, {6, 2}, {2, c.y - 1}, {5, c.y + 3}} {
			wantPixel(t, p, at.X, at.Y, [3]int{255, 255, 255}, 0)
		}
	}
}

// TestDecodeTall goes through several bands.
func TestDecodeTall(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 3, 200))
	for y := range 200 {
		for x := range 3 {
			m.SetNRGBA(x, y, color.NRGBA{uint8(y), uint8(x), 0, 255})
		}
	}
	p := decoded(t, pngOf(t, m))
	for y := range 200 {
		wantPixel(t, p, 2, y, [3]int{y, 2, 0}, 0)
	}
}

func TestRead(t *testing.T) {
	data := pngOf(t, quadrants(4, 4))
	got, err := Read(iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil || !bytes.Equal(got, data) {
		t.Errorf("%d bytes, error %v, want all %d", len(got), err, len(data))
	}
	broken := errors.New("unplugged")
	if _, err := Read(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}
