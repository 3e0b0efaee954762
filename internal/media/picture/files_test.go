package picture

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"testing"

	"golang.org/x/image/bmp"
)

// The files of the tests are made here, the few that Go cannot write by hand.

// quadrants is an image whose quarters differ: red, green, blue, grey.
func quadrants(w, h int) *image.NRGBA {
	m := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetNRGBA(x, y, [...]color.NRGBA{{250, 0, 0, 255}, {0, 240, 0, 255}, {0, 0, 230, 255}, {90, 90, 90, 255}}[2*(2*y/h)+2*x/w])
		}
	}
	return m
}

func encoded(t testing.TB, encode func(*bytes.Buffer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func pngOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return png.Encode(b, m) })
}

func bmpOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return bmp.Encode(b, m) })
}

func jpegOf(t testing.TB, m image.Image) []byte {
	return encoded(t, func(b *bytes.Buffer) error { return jpeg.Encode(b, m, &jpeg.Options{Quality: 100}) })
}

// gifOf is an animation of two frames on a canvas of 8 × 6: a red one of 4 × 3
// at (2, 1), then a blue one.
func gifOf(t testing.TB) []byte {
	g := &gif.GIF{Config: image.Config{Width: 8, Height: 6}, Delay: []int{1, 1}}
	for _, c := range []color.RGBA{{255, 0, 0, 255}, {0, 0, 255, 255}} {
		g.Image = append(g.Image, image.NewPaletted(image.Rect(2, 1, 6, 4), color.Palette{c, color.RGBA{}}))
	}
	return encoded(t, func(b *bytes.Buffer) error { return gif.EncodeAll(b, g) })
}

func literal(t testing.TB, base string) []byte {
	t.Helper()
	data, err := base64.StdEncoding.DecodeString(base)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const (
	// cmykJPEG is 8 × 8 of cyan 0, magenta 200, yellow 220, black 20, with Adobe's marker.
	cmykJPEG = "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwAQCwwODAoQDg0OEhEQExgoGhgWFhgxIyUdKDozPTw5Mzg3QEhcTkBEV0U3OFBtUVdfYmdoZz5NcXlwZHhcZWdj/8AA" +
		"FAgACAAIBEMRAE0RAFkRAEsRAP/EABUAAQEAAAAAAAAAAAAAAAAAAAYH/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAA4EQwBNAFkASwAAPwCgDQgbP//Z"
	// progressiveJPEG is 8 × 8 of grey 77, in six scans.
	progressiveJPEG = "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19iZ2hnPk1xeXBkeFxlZ2P/" +
		"wgALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABP/aAAgBAQAAAAEX/8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABBQJ//8QAFBABAAAAAAAA" +
		"AAAAAAAAAAAAAP/aAAgBAQAGPwJ//8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABPyF//9oACAEBAAAAEH//xAAUEAEAAAAAAAAAAAAAAAAAAAAA/9oA" +
		"CAEBAAE/EH//2Q=="
	// lossyWebP is 16 × 16, left half red, right half blue.
	lossyWebP = "UklGRkAAAABXRUJQVlA4IDQAAACQAQCdASoQABAAAUAmJaACdLoAA5gA/vij//8QI//mwP/0uD8Ef+lwf/pcDh//S4GaAAAA"
	// alphaWebP is 16 × 16 of red, of the right half half of it.
	alphaWebP = "UklGRmYAAABXRUJQVlA4WAoAAAAQAAAADwAADwAAQUxQSA8AAAABEBIQ1z2XZDUiJsAkfwEAVlA4IDAAAADQAQCdASoQABAAAUAmJaACdLoB" +
		"+AADsAD+8ut//NgVzXPv9//S4P0uD9Lg/9KQAAA="
)

// solidVP8L is the chunk of a lossless WebP image of one colour: five prefix
// codes of one symbol each, after which a pixel takes no bits at all, so a few
// bytes make a picture of any size.
func solidVP8L(w, h int, c color.NRGBA) chunk {
	var bits uint64
	var body []byte
	count := 0
	put := func(value uint64, n int) {
		bits |= value << count
		for count += n; count >= 8; count -= 8 {
			body = append(body, byte(bits))
			bits >>= 8
		}
	}
	put(0x2f, 8)
	put(uint64(w-1), 14)
	put(uint64(h-1), 14)
	put(1, 1) // alpha is used
	put(0, 3) // version
	put(0, 3) // no transform, no cache, no meta codes
	for _, level := range []uint8{c.G, c.R, c.B, c.A, 0} {
		put(0b101, 3) // simple, one symbol, of 8 bits
		put(uint64(level), 8)
	}
	put(0, 8)
	return chunk{"VP8L", body}
}

// canvasVP8X is the chunk in front of an extended WebP file.
func canvasVP8X(w, h int, flags byte) chunk {
	return chunk{"VP8X", append([]byte{flags, 0, 0, 0}, sides24(w, h)...)}
}

func sides24(w, h int) []byte {
	w, h = w-1, h-1
	return []byte{byte(w), byte(w >> 8), byte(w >> 16), byte(h), byte(h >> 8), byte(h >> 16)}
}

// animatedWebP has a canvas of 8 × 6 and a red frame of 4 × 3 at (2, 2).
func animatedWebP() []byte {
	red := solidVP8L(4, 3, color.NRGBA{255, 0, 0, 255})
	inner := writeWebP([]chunk{red})[12:]
	body := append([]byte{1, 0, 0, 1, 0, 0}, sides24(4, 3)...)
	body = append(append(body, 100, 0, 0, 0), inner...)
	return writeWebP([]chunk{canvasVP8X(8, 6, 1<<1), {"ANIM", make([]byte, 6)}, {"ANMF", body}})
}

// tiffOf is an EXIF structure with one entry besides the orientation.
func tiffOf(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II*\x00")
	if order == binary.AppendByteOrder(binary.BigEndian) {
		b = []byte("MM\x00*")
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	for _, e := range [][2]uint16{{0x0100, 77}, {tagOrientation, orientation}} {
		b = order.AppendUint16(b, e[0])
		b = order.AppendUint16(b, 3)
		b = order.AppendUint32(b, 1)
		b = order.AppendUint16(b, e[1])
		b = order.AppendUint16(b, 0)
	}
	return order.AppendUint32(b, 0)
}

// withAPP1 puts EXIF into a JPEG file.
func withAPP1(file, tiff []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xff, markerAPP1}, uint16(len(tiff)+8))
	segment = append(append(segment, "Exif\x00\x00"...), tiff...)
	return bytes.Join([][]byte{file[:2], segment, file[2:]}, nil)
}

// withChunk puts a chunk into a PNG file, behind the header.
func withChunk(file []byte, name string, body []byte) []byte {
	const header = 8 + 12 + 13
	c := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	c = append(append(c, name...), body...)
	c = binary.BigEndian.AppendUint32(c, crc32.ChecksumIEEE(c[4:]))
	return bytes.Join([][]byte{file[:header], c, file[header:]}, nil)
}
