package picture

import (
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
)

// Labelled is a box and what is in it.
type Labelled struct {
	Box
	Label string
}

// inks are the colours of labels; white text is legible on each.
var inks = []color.RGBA{
	{196, 30, 58, 255}, {0, 92, 175, 255}, {0, 122, 61, 255}, {142, 36, 170, 255},
	{200, 80, 0, 255}, {0, 118, 130, 255}, {110, 80, 40, 255}, {70, 70, 80, 255},
}

// inkOf is a label's colour, the same in every picture. What follows its first
// word, such as a score, does not count.
func inkOf(label string) color.RGBA {
	h := fnv.New32a()
	for _, r := range label {
		if r == ' ' {
			break
		}
		io.WriteString(h, string(r)) // never fails
	}
	return inks[h.Sum32()%uint32(len(inks))]
}

// Draw draws boxes, in pixels of the picture, with their labels, in order. Lines
// and letters grow with the picture, so that they stay visible when it is shown
// small. A box with a coordinate that is not a number is left out; of what lies
// outside the picture only that part.
func (p *RGB) Draw(boxes []Labelled) {
	unit := max(1, min(p.Width, p.Height)/400)
	for _, b := range boxes {
		if slices.ContainsFunc([]float64{b.X0, b.Y0, b.X1, b.Y1}, math.IsNaN) {
			continue
		}
		ink := image.NewUniform(inkOf(b.Label))
		r := p.whole(b.Box)
		p.frame(r, 2*unit, ink)
		if b.Label != "" {
			p.label(r, b.Label, unit, ink)
		}
	}
}

// whole is a box in whole pixels of the picture, at least one each way.
func (p *RGB) whole(b Box) image.Rectangle {
	pixel := func(at float64, n int) int { return int(max(0, min(float64(n), math.Round(at)))) }
	r := image.Rect(pixel(b.X0, p.Width), pixel(b.Y0, p.Height), pixel(b.X1, p.Width), pixel(b.Y1, p.Height))
	r.Min.X, r.Min.Y = min(r.Min.X, p.Width-1), min(r.Min.Y, p.Height-1)
	r.Max.X, r.Max.Y = max(r.Max.X, r.Min.X+1), max(r.Max.Y, r.Min.Y+1)
	return r
}

// frame draws the edge of a rectangle, inwards.
func (p *RGB) frame(r image.Rectangle, thick int, ink image.Image) {
	inner := r.Inset(thick)
	if inner.Empty() {
		draw.Draw(p, r, ink, image.Point{}, draw.Src)
		return
	}
	for _, side := range []image.Rectangle{
		{r.Min, image.Pt(r.Max.X, inner.Min.Y)}, {image.Pt(r.Min.X, inner.Max.Y), r.Max},
		{r.Min, image.Pt(inner.Min.X, r.Max.Y)}, {image.Pt(inner.Max.X, r.Min.Y), r.Max},
	} {
		draw.Draw(p, side, ink, image.Point{}, draw.Src)
	}
}

// label writes text in white on the box's colour, above the box or, where there
// is no room, inside it. The font has ASCII; other letters become its sign for
// what it lacks.
func (p *RGB) label(box image.Rectangle, text string, unit int, ink image.Image) {
	face := basicfont.Face7x13
	const pad = 2
	width := font.MeasureString(face, text).Ceil() + 2*pad
	width = min(width, p.Width/unit+1) // what is cut off anyway need not be drawn
	small := image.NewRGBA(image.Rect(0, 0, width, face.Height))
	draw.Draw(small, small.Rect, ink, image.Point{}, draw.Src)
	d := font.Drawer{Dst: small, Src: image.White, Face: face, Dot: fixed.P(pad, face.Ascent)}
	d.DrawString(text)

	at := image.Pt(min(box.Min.X, p.Width-width*unit), box.Min.Y-face.Height*unit)
	at.X = max(0, at.X)
	if at.Y < 0 {
		at.Y = box.Min.Y
	}
	area := image.Rectangle{at, at.Add(image.Pt(width*unit, face.Height*unit))}.Intersect(p.Bounds())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		for x := area.Min.X; x < area.Max.X; x++ {
			p.Set(x, y, small.RGBAAt((x-at.X)/unit, (y-at.Y)/unit))
		}
	}
}

// WritePNG writes the picture as a PNG file.
func (p *RGB) WritePNG(w io.Writer) error { return png.Encode(w, p) }
