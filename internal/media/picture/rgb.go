package picture

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
)

// RGB is an opaque picture of 8 bits a channel, (Height, Width, 3) without gaps.
// It is a draw.Image of the standard library.
type RGB struct {
	Width, Height int
	Pix           []uint8
}

// white is an empty canvas.
func white(width, height int) *RGB {
	return &RGB{Width: width, Height: height, Pix: bytes.Repeat([]uint8{255}, 3*width*height)}
}

// Bounds, ColorModel, At, Set and Opaque are those of package image.

func (p *RGB) Bounds() image.Rectangle { return image.Rect(0, 0, p.Width, p.Height) }

func (p *RGB) ColorModel() color.Model { return color.RGBAModel }

func (p *RGB) Opaque() bool { return true }

func (p *RGB) At(x, y int) color.Color {
	if !image.Pt(x, y).In(p.Bounds()) {
		return color.RGBA{}
	}
	at := p.Pix[3*(y*p.Width+x):]
	return color.RGBA{at[0], at[1], at[2], 255}
}

func (p *RGB) Set(x, y int, c color.Color) {
	if image.Pt(x, y).In(p.Bounds()) {
		rgba := color.RGBAModel.Convert(c).(color.RGBA)
		copy(p.Pix[3*(y*p.Width+x):][:3], []uint8{rgba.R, rgba.G, rgba.B})
	}
}

// lay puts a frame on the canvas, over what is there.
func (p *RGB) lay(f frame) {
	switch m := f.Image.(type) {
	case *image.YCbCr:
		p.layYCbCr(m, nil, f)
	case *image.NYCbCrA:
		p.layYCbCr(&m.YCbCr, m, f)
	default:
		p.layAny(f)
	}
}

// layAny works in bands, so that the standard library's fast paths serve without
// a second copy of the whole picture.
func (p *RGB) layAny(f frame) {
	const band = 64
	from := f.Bounds()
	area := image.Rectangle{f.at, f.at.Add(from.Size())}.Intersect(p.Bounds())
	rows := image.NewRGBA(image.Rect(0, 0, area.Dx(), min(band, area.Dy())))
	for top := area.Min.Y; top < area.Max.Y; top += band {
		height := min(band, area.Max.Y-top)
		draw.Draw(rows, rows.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(rows, image.Rect(0, 0, area.Dx(), height), f.Image, from.Min.Add(image.Pt(area.Min.X, top).Sub(f.at)), draw.Over)
		for y := range height {
			dst, src := p.Pix[3*((top+y)*p.Width+area.Min.X):], rows.Pix[y*rows.Stride:]
			for x := range area.Dx() {
				copy(dst[3*x:3*x+3], src[4*x:4*x+3])
			}
		}
	}
}
