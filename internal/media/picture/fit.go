package picture

import (
	"fmt"
	"image"
)

// Fit says how a picture of any shape comes to a canvas of a given one.
type Fit int

const (
	// Squeeze resizes the whole picture to the canvas, whatever becomes of its
	// proportions.
	Squeeze Fit = iota
	// Letterbox resizes the whole picture in its proportions, centred, with
	// mid-grey around it: for detection, which must not lose an object.
	Letterbox
	// Crop takes the largest part with the canvas's proportions from the middle:
	// for classification.
	Crop
)

func (f Fit) String() string {
	if f < Squeeze || f > Crop {
		return fmt.Sprintf("Fit(%d)", int(f))
	}
	return [...]string{"squeeze", "letterbox", "crop"}[f]
}

// View says which part of a picture lies where on a canvas. Both rectangles are
// in whole pixels and not empty.
type View struct {
	Source image.Rectangle // of the picture
	Target image.Rectangle // of the canvas
}

// Pixels makes a canvas of float32 values (height, width, 3) from the picture,
// resized with antialiasing. Level 0 is -1, level 255 is 1, and what a letterbox
// leaves free is 0. The view leads back from the canvas to the picture.
func (p *RGB) Pixels(fit Fit, width, height int) ([]float32, View, error) {
	if width < 1 || height < 1 || width > MaxSide || height > MaxSide || width*height > MaxPixels {
		return nil, View{}, fmt.Errorf("canvas of %d × %d pixels, want 1 to %d a side and at most %d", width, height, MaxSide, MaxPixels)
	}
	if fit < Squeeze || fit > Crop {
		return nil, View{}, fmt.Errorf("fit %d, want squeeze, letterbox or crop", int(fit))
	}
	canvas := make([]float32, 3*width*height)
	v := place(fit, image.Pt(p.Width, p.Height), image.Pt(width, height))
	p.resize(canvas, width, v)
	return canvas, v, nil
}

// place chooses the view of a picture on a canvas. It is the twin of place in
// train/pictures.py: whole numbers, halves rounded up.
func place(fit Fit, picture, canvas image.Point) View {
	v := View{image.Rectangle{Max: picture}, image.Rectangle{Max: canvas}}
	wide := picture.X*canvas.Y >= picture.Y*canvas.X // wider than the canvas
	switch {
	case fit == Letterbox && wide:
		v.Target = middle(canvas, image.Pt(canvas.X, ratio(picture.Y, canvas.X, picture.X)))
	case fit == Letterbox:
		v.Target = middle(canvas, image.Pt(ratio(picture.X, canvas.Y, picture.Y), canvas.Y))
	case fit == Crop && wide:
		v.Source = middle(picture, image.Pt(ratio(picture.Y, canvas.X, canvas.Y), picture.Y))
	case fit == Crop:
		v.Source = middle(picture, image.Pt(picture.X, ratio(picture.X, canvas.Y, canvas.X)))
	}
	return v
}

// ratio is a·b/c, rounded, at least 1.
func ratio(a, b, c int) int { return max(1, (2*a*b+c)/(2*c)) }

// middle is a rectangle of the given size in the middle of another; a pixel that
// is left over goes to the right or to the bottom.
func middle(of, size image.Point) image.Rectangle {
	corner := of.Sub(size).Div(2)
	return image.Rectangle{corner, corner.Add(size)}
}

// Box is a rectangle between pixels: the picture's left edge is 0, its right
// edge its width.
type Box struct{ X0, Y0, X1, Y1 float64 }

// Back maps a box on the canvas, in pixels of the canvas, to the picture, cut at
// its edges. A box that lies wholly on the grey of a letterbox has no area there.
func (v View) Back(b Box) Box {
	x := func(at float64) float64 {
		return back(at, v.Target.Min.X, v.Target.Max.X, v.Source.Min.X, v.Source.Max.X)
	}
	y := func(at float64) float64 {
		return back(at, v.Target.Min.Y, v.Target.Max.Y, v.Source.Min.Y, v.Source.Max.Y)
	}
	return Box{x(b.X0), y(b.Y0), x(b.X1), y(b.Y1)}
}

// back maps a place from the range lo to hi to the range first to last.
func back(at float64, lo, hi, first, last int) float64 {
	part := (at - float64(lo)) / float64(hi-lo)
	return float64(first) + max(0, min(1, part))*float64(last-first)
}
