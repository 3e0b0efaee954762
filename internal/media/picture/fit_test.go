package picture

import (
	"image"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		fit             Fit
		picture, canvas image.Point
		want            View
	}{
		{Squeeze, image.Pt(640, 480), image.Pt(32, 32), View{image.Rect(0, 0, 640, 480), image.Rect(0, 0, 32, 32)}},
		{Letterbox, image.Pt(640, 480), image.Pt(32, 32), View{image.Rect(0, 0, 640, 480), image.Rect(0, 4, 32, 28)}},
		{Letterbox, image.Pt(480, 640), image.Pt(32, 32), View{image.Rect(0, 0, 480, 640), image.Rect(4, 0, 28, 32)}},
		{Letterbox, image.Pt(1, 10_000), image.Pt(64, 64), View{image.Rect(0, 0, 1, 10_000), image.Rect(31, 0, 32, 64)}},
		{Letterbox, image.Pt(16, 9), image.Pt(160, 90), View{image.Rect(0, 0, 16, 9), image.Rect(0, 0, 160, 90)}},
		{Crop, image.Pt(640, 480), image.Pt(32, 32), View{image.Rect(80, 0, 560, 480), image.Rect(0, 0, 32, 32)}},
		{Crop, image.Pt(481, 640), image.Pt(32, 32), View{image.Rect(0, 79, 481, 560), image.Rect(0, 0, 32, 32)}},
		{Crop, image.Pt(16384, 1), image.Pt(32, 32), View{image.Rect(8191, 0, 8192, 1), image.Rect(0, 0, 32, 32)}},
	} {
		if got := place(c.fit, c.picture, c.canvas); got != c.want {
			t.Errorf("%v of %v on %v: %v, want %v", c.fit, c.picture, c.canvas, got, c.want)
		}
	}
}

// TestPlaceHolds wants of any sizes rectangles that are not empty and lie inside,
// so that resizing cannot read or write elsewhere.
func TestPlaceHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1706, 4))
	side := func() int { return 1 + int(math.Exp(r.Float64()*math.Log(MaxSide-1))) }
	for range 20_000 {
		picture, canvas := image.Pt(side(), side()), image.Pt(side(), side())
		for _, fit := range []Fit{Squeeze, Letterbox, Crop} {
			v := place(fit, picture, canvas)
			if v.Source.Empty() || v.Target.Empty() || !v.Source.In(image.Rectangle{Max: picture}) || !v.Target.In(image.Rectangle{Max: canvas}) {
				t.Fatalf("%v of %v on %v: %v", fit, picture, canvas, v)
			}
		}
	}
}

func TestPixelsLetterbox(t *testing.T) {
	got, v, err := white(8, 4).Pixels(Letterbox, 4, 4)
	if err != nil || v.Target != image.Rect(0, 1, 4, 3) {
		t.Fatalf("view %v, error %v", v, err)
	}
	for i, value := range got {
		want := float32(0)
		if y := i / 12; y == 1 || y == 2 {
			want = 1
		}
		if value != want {
			t.Errorf("value %d is %v, want %v", i, value, want)
		}
	}
}

func TestPixelsRejects(t *testing.T) {
	for _, c := range []struct {
		fit           Fit
		width, height int
		want          string
	}{
		{Squeeze, 0, 5, "canvas of 0 × 5 pixels, want 1 to 16384 a side"},
		{Squeeze, 5, -1, "canvas of 5 × -1 pixels"},
		{Squeeze, 16384, 16384, "canvas of 16384 × 16384 pixels"},
		{Fit(7), 5, 5, "fit 7, want squeeze, letterbox or crop"},
	} {
		if _, _, err := white(2, 2).Pixels(c.fit, c.width, c.height); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
}

// TestBack maps boxes to the canvas and back.
func TestBack(t *testing.T) {
	v := place(Letterbox, image.Pt(640, 480), image.Pt(320, 320))
	if got, want := v.Back(Box{0, 40, 320, 280}), (Box{0, 0, 640, 480}); got != want {
		t.Errorf("the whole target: %v, want %v", got, want)
	}
	if got, want := v.Back(Box{10, 60, 20, 100}), (Box{20, 40, 40, 120}); got != want {
		t.Errorf("%v, want %v", got, want)
	}
	if got, want := v.Back(Box{-10, 0, 330, 300}), (Box{0, 0, 640, 480}); got != want {
		t.Errorf("beyond the edges: %v, want %v", got, want)
	}
	if got := v.Back(Box{5, 0, 50, 40}); got.Y0 != got.Y1 {
		t.Errorf("wholly on the grey: %v, want no area", got)
	}
	v = place(Crop, image.Pt(640, 480), image.Pt(48, 48))
	if got, want := v.Back(Box{0, 0, 24, 48}), (Box{80, 0, 320, 480}); got != want {
		t.Errorf("cropped: %v, want %v", got, want)
	}
}
