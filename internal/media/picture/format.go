package picture

import (
	"bytes"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/webp"
)

const formatNames = "JPEG, PNG, GIF, WebP or BMP"

// format is a kind of file. The table is our own and not package image's, which
// is the whole program's and may hold decoders that nobody checked here.
type format struct {
	name   string
	magic  string // how files begin; ? is any byte
	config func(io.Reader) (image.Config, error)
	decode func(data []byte) (frame, error)
	exif   func(data []byte) []byte // the TIFF structure of its EXIF, nil where it has none
}

var formats = []format{
	{"JPEG", "\xff\xd8", jpeg.DecodeConfig, decodeJPEG, jpegEXIF},
	{"PNG", "\x89PNG", png.DecodeConfig, decodeWith(png.Decode), pngEXIF},
	{"GIF", "GIF8", gif.DecodeConfig, decodeWith(gif.Decode), noEXIF},
	{"WebP", "RIFF????WEBP", webp.DecodeConfig, decodeWebP, webpEXIF},
	{"BMP", "BM????\x00\x00\x00\x00", bmp.DecodeConfig, decodeWith(bmp.Decode), noEXIF},
}

// strangers are kinds of files that are taken for images, to name them in errors.
var strangers = []struct{ name, magic string }{
	{"a HEIF", "????ftyphei"}, {"a HEIF", "????ftypmif1"}, {"an AVIF", "????ftypavi"},
	{"a TIFF", "II*\x00"}, {"a TIFF", "MM\x00*"}, {"a JPEG XL", "\xff\x0a"},
	{"a JPEG XL", "\x00\x00\x00\x0cJXL "}, {"a PDF", "%PDF"}, {"an SVG", "<svg"}, {"an XML", "<?xml"},
}

// sniff finds the format by the file's first bytes; names do not matter.
func sniff(data []byte) (format, error) {
	for _, f := range formats {
		if begins(data, f.magic) {
			return f, nil
		}
	}
	for _, s := range strangers {
		if begins(data, s.magic) {
			return format{}, fmt.Errorf("image: %s file, want %s", s.name, formatNames)
		}
	}
	return format{}, fmt.Errorf("image: begins with %q, want a %s file", data[:min(len(data), 12)], formatNames)
}

func begins(data []byte, magic string) bool {
	if len(data) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != data[i] {
			return false
		}
	}
	return true
}

// decodeWith is the plain case. A GIF's frame knows its place on the canvas, the
// others begin at the origin.
func decodeWith(decode func(io.Reader) (image.Image, error)) func([]byte) (frame, error) {
	return func(data []byte) (frame, error) {
		m, err := decode(bytes.NewReader(data))
		if err != nil {
			return frame{}, err
		}
		return frame{Image: m, at: m.Bounds().Min}, nil
	}
}

func noEXIF([]byte) []byte { return nil }
