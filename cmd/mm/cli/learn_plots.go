package cli

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"github.com/mm-runtime/mm/learn"
)

// drawConfusion writes a picture of the answers to each class: a line for each true
// class, a column for each answer, the darker the more of the line's examples. Labels
// and numbers stand where there is room for them.
func drawConfusion(w io.Writer, labels []string, counts [][]int) error {
	cell, named := 6, len(labels) <= 30
	left := gap
	if named {
		cell = cellWidth
		for _, l := range labels {
			left = max(left, gap+textWidth(l)+gap/2)
		}
	}
	size := cell * len(labels)
	m := image.NewRGBA(image.Rect(0, 0, left+size+gap, gap+cellHeight+size+gap))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	letter(m, left, gap/2, "answered", color.Gray{0x80})
	top := gap + cellHeight
	for i, row := range counts {
		sum := 0
		for _, n := range row {
			sum += n
		}
		if named {
			letter(m, gap, top+i*cell+(cell-cellHeight)/2, labels[i], color.Black)
		}
		for j, n := range row {
			at := image.Rect(left+j*cell, top+i*cell, left+(j+1)*cell, top+(i+1)*cell)
			share := float64(n) / float64(max(sum, 1))
			shade := func(none, all float64) uint8 { return uint8(none + (all-none)*share) }
			draw.Draw(m, at.Inset(min(1, cell/12)), image.NewUniform(color.RGBA{shade(244, 10), shade(246, 40), shade(250, 110), 255}), image.Point{}, draw.Src)
			if text := fmt.Sprint(n); named && n > 0 {
				ink := color.Color(color.Black)
				if share > 0.45 {
					ink = color.White
				}
				letter(m, at.Min.X+(cell-textWidth(text))/2, at.Min.Y+(cell-cellHeight)/2, text, ink)
			}
		}
	}
	return png.Encode(w, m)
}

const (
	curveWidth  = 480
	curveHeight = 240
)

// drawCurve writes a picture of the accuracy over the number of examples, the steps of
// which are equally far apart.
func drawCurve(w io.Writer, curve []learn.Point) error {
	const left = gap + 40
	m := image.NewRGBA(image.Rect(0, 0, left+curveWidth+3*gap, gap+curveHeight+2*cellHeight+gap))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	y := func(accuracy float64) int { return gap + int(math.Round((1-accuracy)*curveHeight)) }
	for i := range 5 {
		at := float64(i) / 4
		draw.Draw(m, image.Rect(left, y(at), left+curveWidth, y(at)+1), image.NewUniform(color.Gray{0xd0}), image.Point{}, draw.Src)
		letter(m, gap, y(at)-cellHeight/2, fmt.Sprintf("%.0f%%", 100*at), color.Gray{0x60})
	}
	letter(m, left, gap+curveHeight+cellHeight, "examples a class", color.Gray{0x60})
	ink := image.NewUniform(color.RGBA{10, 40, 110, 255})
	var before image.Point
	for i, p := range curve {
		at := image.Pt(left+(2*i+1)*curveWidth/(2*len(curve)), y(p.Accuracy))
		if i > 0 {
			stroke(m, before, at, ink)
		}
		draw.Draw(m, image.Rectangle{at.Sub(image.Pt(3, 3)), at.Add(image.Pt(4, 4))}, ink, image.Point{}, draw.Src)
		name := "all"
		if p.Examples > 0 {
			name = fmt.Sprint(p.Examples)
		}
		letter(m, at.X-textWidth(name)/2, gap+curveHeight, name, color.Black)
		value := fmt.Sprintf("%.0f", 100*p.Accuracy)
		letter(m, at.X-textWidth(value)/2, max(0, at.Y-cellHeight-4), value, color.Black)
		before = at
	}
	return png.Encode(w, m)
}

// stroke draws from a to b, two pixels wide.
func stroke(m draw.Image, a, b image.Point, ink image.Image) {
	steps := max(abs(b.X-a.X), abs(b.Y-a.Y), 1)
	for i := range steps + 1 {
		at := a.Add(image.Pt((b.X-a.X)*i/steps, (b.Y-a.Y)*i/steps))
		draw.Draw(m, image.Rectangle{at, at.Add(image.Pt(2, 2))}, ink, image.Point{}, draw.Src)
	}
}

func abs(n int) int { return max(n, -n) }
