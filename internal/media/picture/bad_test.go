package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"io"
	"runtime"
	"strings"
	"testing"
)

// put writes bytes into a copy of a file.
func put(file []byte, at int, bytes ...byte) []byte {
	file = append([]byte(nil), file...)
	copy(file[at:], bytes)
	return file
}

// resizedPNG claims another size in its header.
func resizedPNG(file []byte, w, h uint32) []byte {
	file = put(file, 16, binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)...)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	return file
}

// bombPNG has one pixel and data that inflate to 32 MiB.
func bombPNG(t *testing.T) []byte {
	one := pngOf(t, image.NewGray(image.Rect(0, 0, 1, 1)))
	var b bytes.Buffer
	z := zlib.NewWriter(&b)
	for range 32 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return withChunk(one, "IDAT", b.Bytes())
}

func TestDecodeRejects(t *testing.T) {
	m := quadrants(20, 14)
	pngFile, jpegFile, bmpFile, gifFile := pngOf(t, m), jpegOf(t, m), bmpOf(t, m), gifOf(t)
	lossy := literal(t, lossyWebP)
	sof := bytes.Index(jpegFile, []byte{0xff, 0xc0})
	sos := bytes.Index(jpegFile, []byte{0xff, markerSOS})
	scans := append(append(jpegFile[:sos:sos], bytes.Repeat(jpegFile[sos:len(jpegFile)-2], 101)...), 0xff, markerEOI)
	animated := animatedWebP()
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "image: empty, want a JPEG, PNG, GIF, WebP or BMP file"},
		{"text", []byte("hello, I am a text named photo.jpg"), `image: begins with "hello, I am ", want a JPEG`},
		{"one byte", []byte{0xff}, `image: begins with "\xff", want`},
		{"heif", []byte("\x00\x00\x00\x18ftypheic\x00\x00"), "image: a HEIF file, want JPEG, PNG, GIF, WebP or BMP"},
		{"svg", []byte("<svg xmlns="), "an SVG file"},
		{"wav", []byte("RIFF\x00\x00\x00\x00WAVEfmt "), "image: begins with"},
		{"png header", pngFile[:20], "PNG image: header: truncated after 20 bytes"},
		{"png magic", pngFile[:5], "PNG image: header: truncated after 5 bytes"},
		{"png data", pngFile[:len(pngFile)-30], "PNG image: data: png: invalid format: not enough pixel data"},
		{"png damage", put(pngFile, len(pngFile)-20, 0x55, 0x55), "PNG image: data: "},
		{"jpeg header", jpegFile[:sof+6], "JPEG image: header: truncated after"},
		{"jpeg magic", jpegFile[:2], "JPEG image: header: truncated after 2 bytes"},
		{"jpeg data", jpegFile[:sos+20], "JPEG image: data: "},
		{"gif header", gifFile[:9], "GIF image: header: gif: reading header: unexpected EOF"},
		{"gif data", gifFile[:30], "GIF image: data: "},
		{"bmp header", bmpFile[:30], "BMP image: header: truncated after 30 bytes"},
		{"bmp data", bmpFile[:len(bmpFile)-5], "BMP image: data: truncated after"},
		{"webp header", lossy[:25], "WebP image: header: truncated after 25 bytes"},
		{"webp data", lossy[:len(lossy)-5], "WebP image: data: truncated after 67 bytes"},
		{"webp chunk", put(animated, 16, 0xf0, 0xff, 0xff, 0xff), "WebP image: header: "},
		{"webp frame outside", put(animated, 52, 9), "WebP image: data: animation: frame of 4 × 3 at (18,2), want it within 8 × 6"},
		{"png, 30,000 a side", resizedPNG(pngFile, 30_000, 30_000), "PNG image: 30000 × 30000 pixels, want 1 to 16384 a side"},
		{"png, many pixels", resizedPNG(pngFile, 16_000, 16_000), "PNG image: 16000 × 16000 are 256000000 pixels, want at most 52428800"},
		{"png, the largest", resizedPNG(pngFile, 0x7fffffff, 0x7fffffff), "PNG image: "},
		{"png, no width", resizedPNG(pngFile, 0, 3), "PNG image: "},
		{"jpeg, 65,535 a side", put(jpegFile, sof+5, 255, 255, 255, 255), "JPEG image: 65535 × 65535 pixels, want 1 to 16384 a side"},
		{"jpeg, 101 scans", scans, "JPEG image: data: more than 100 scans, want at most that"},
		{"gif, 65,535 a side", put(gifFile, 6, 255, 255, 255, 255), "GIF image: 65535 × 65535 pixels"},
		{"gif, no size", put(gifFile, 6, 0, 0, 0, 0), "GIF image: 0 × 0 pixels"},
		{"bmp, 30,000 a side", put(bmpFile, 18, 0x30, 0x75, 0, 0, 0x30, 0x75, 0, 0), "BMP image: 30000 × 30000 pixels"},
		{"webp, 268 million pixels in 31 bytes", writeWebP([]chunk{solidVP8L(1<<14, 1<<14, color.NRGBA{})}), "WebP image: 16384 × 16384 are 268435456 pixels"},
		{"webp, small canvas of a large image", writeWebP([]chunk{canvasVP8X(2, 2, 0), solidVP8L(1<<14, 1<<14, color.NRGBA{})}), "WebP image: data: "},
		{"png, 32 MiB for one pixel", bombPNG(t), "PNG image: data: "},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Decode(c.data)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
		if used := after.TotalAlloc - before.TotalAlloc; used > 4<<20 {
			t.Errorf("%s: %d bytes allocated for a file of %d", c.name, used, len(c.data))
		}
	}
}

// TestEveryPrefix cuts files everywhere: none may pass for a picture, but for
// the GIF that lacks its last byte, which says only that no frame follows.
func TestEveryPrefix(t *testing.T) {
	m := quadrants(6, 5)
	for name, c := range map[string]struct {
		data  []byte
		spare int
	}{
		"png": {pngOf(t, m), 0}, "jpeg": {jpegOf(t, m), 0}, "progressive": {literal(t, progressiveJPEG), 0}, "bmp": {bmpOf(t, m), 0}, "gif": {encoded(t, func(b *bytes.Buffer) error { return gif.Encode(b, m, nil) }), 1},
		"webp": {literal(t, lossyWebP), 0}, "alpha webp": {literal(t, alphaWebP), 0}, "animated webp": {animatedWebP(), 0},
	} {
		for n := range len(c.data) - c.spare {
			if _, err := Decode(c.data[:n]); err == nil {
				t.Errorf("%s: %d of %d bytes are a picture", name, n, len(c.data))
			}
		}
	}
}

type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }

func TestReadBounds(t *testing.T) {
	_, err := Read(io.MultiReader(strings.NewReader("\xff\xd8"), endless{}))
	const want = "image: more than 67108864 bytes"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %s", err, want)
	}
	if _, err := Decode(append([]byte("\xff\xd8"), make([]byte, MaxBytes)...)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Decode: error %v, want %s", err, want)
	}
}

// FuzzDecode wants of any bytes an error or a whole picture that resizes to
// values in their range. Sizes that would only be slow are left out.
func FuzzDecode(f *testing.F) {
	m := quadrants(9, 7)
	tiff := tiffOf(binary.LittleEndian, 6)
	for _, seed := range [][]byte{
		nil, []byte("text"), pngOf(f, m), jpegOf(f, m), bmpOf(f, m), gifOf(f), animatedWebP(),
		literal(f, cmykJPEG), literal(f, progressiveJPEG), literal(f, lossyWebP), literal(f, alphaWebP),
		withAPP1(jpegOf(f, m), tiff), withChunk(pngOf(f, m), "eXIf", tiff),
		writeWebP([]chunk{canvasVP8X(3, 2, 1<<3), solidVP8L(3, 2, color.NRGBA{1, 2, 3, 4}), {"EXIF", tiff}}),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if kind, err := sniff(data); err == nil {
			if config, err := kind.config(bytes.NewReader(data)); err == nil && config.Width*config.Height > 1<<20 {
				return
			}
		}
		p, err := Decode(data)
		if err != nil {
			return
		}
		if p.Width < 1 || p.Height < 1 || len(p.Pix) != 3*p.Width*p.Height {
			t.Fatalf("%d values for %d × %d pixels", len(p.Pix), p.Width, p.Height)
		}
		for _, fit := range []Fit{Squeeze, Letterbox, Crop} {
			values, _, err := p.Pixels(fit, 5, 4)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range values {
				if !(v >= -1.0001 && v <= 1.0001) {
					t.Fatalf("%v: value %v", fit, v)
				}
			}
		}
	})
}
