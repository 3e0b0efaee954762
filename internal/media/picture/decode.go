// Package picture turns image files into pixels that a model reads: decoded,
// upright, resized with antialiasing, as float32 (H, W, 3). It also draws boxes
// on pictures. Its twin in training is train/pictures.py.
package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
)

// What a file may have at most. They bound memory: a picture at the limit takes
// about a gigabyte while it is decoded, and 3 bytes a pixel afterwards.
const (
	MaxBytes  = 64 << 20
	MaxSide   = 1 << 14
	MaxPixels = 50 << 20
)

// Read returns the bytes of a file, for Decode; it wants at most MaxBytes.
func Read(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("image: %w", err)
	}
	return data, checkBytes(data)
}

func checkBytes(data []byte) error {
	if len(data) > MaxBytes {
		return fmt.Errorf("image: more than %d bytes, want at most that", MaxBytes)
	}
	return nil
}

// Decode reads a JPEG, PNG, GIF, WebP or BMP file, whichever its first bytes say.
// The picture comes upright, as its EXIF orientation wants, 8 bits a channel:
// of 16 bits the upper 8. What is transparent lies over white. Of an animation
// it is the first frame, on the animation's whole canvas. A file that ends
// early is an error, as are sizes beyond the limits above, which are checked
// before pixels are allocated.
func Decode(data []byte) (*RGB, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("image: empty, want a %s file", formatNames)
	}
	if err := checkBytes(data); err != nil {
		return nil, err
	}
	f, err := sniff(data)
	if err != nil {
		return nil, err
	}
	size, err := f.size(data)
	if err != nil {
		return nil, err
	}
	still, err := f.still(data)
	if err != nil {
		return nil, err
	}
	p := white(size.X, size.Y)
	p.lay(still)
	return p.upright(orientation(f.exif(data))), nil
}

// frame is what a decoder returned: an image and where on the canvas its upper
// left corner lies.
type frame struct {
	image.Image
	at    image.Point
	video bool // its luma goes from 16 to 235 and its chroma from 16 to 240
}

// size reads the canvas from the header and checks it.
func (f format) size(data []byte) (size image.Point, err error) {
	defer f.recovered("header", &err)
	config, err := f.config(bytes.NewReader(data))
	if err != nil {
		return size, f.failed("header", data, err)
	}
	w, h := config.Width, config.Height
	if w < 1 || h < 1 || w > MaxSide || h > MaxSide {
		return size, fmt.Errorf("%s image: %d × %d pixels, want 1 to %d a side", f.name, w, h, MaxSide)
	}
	if w*h > MaxPixels {
		return size, fmt.Errorf("%s image: %d × %d are %d pixels, want at most %d", f.name, w, h, w*h, MaxPixels)
	}
	return image.Pt(w, h), nil
}

// still decodes the first frame.
func (f format) still(data []byte) (still frame, err error) {
	defer f.recovered("data", &err)
	still, err = f.decode(data)
	if err != nil {
		return still, f.failed("data", data, err)
	}
	return still, nil
}

// recovered makes an error of a panic: the decoders are others' code and the
// bytes are anyone's.
func (f format) recovered(part string, err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%s image: %s: the decoder failed: %v", f.name, part, r)
	}
}

func (f format) failed(part string, data []byte, err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return fmt.Errorf("%s image: %s: truncated after %d bytes", f.name, part, len(data))
	}
	return fmt.Errorf("%s image: %s: %w", f.name, part, err)
}
