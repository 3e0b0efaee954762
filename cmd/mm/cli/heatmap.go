package cli

import (
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"slices"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"

	"github.com/mm-runtime/mm"
)

// A heat map has a line for each task and a group of columns for each block, one
// column an expert. A cell is the darker the more of the task's rows go there, and
// says how many percent.
const (
	cellWidth  = 32
	cellHeight = 20
	gap        = 16 // between groups, and around all
	headHeight = 2 * cellHeight
)

// drawUses writes a heat map as a PNG file.
func drawUses(w io.Writer, uses []mm.ExpertUse) error {
	var tasks, blocks []string
	first := map[string]int{} // the x of each block's group
	names := 0
	for _, u := range uses {
		if !slices.Contains(tasks, u.Task) {
			tasks = append(tasks, u.Task)
			names = max(names, textWidth(u.Task))
		}
	}
	x := gap + names + gap/2
	for _, u := range uses {
		if _, known := first[u.Block]; !known {
			blocks, first[u.Block] = append(blocks, u.Block), x
			x += max(len(u.Counts)*cellWidth, textWidth(u.Block)) + gap
		}
	}
	m := image.NewRGBA(image.Rect(0, 0, x, gap+headHeight+len(tasks)*cellHeight+gap))
	draw.Draw(m, m.Rect, image.White, image.Point{}, draw.Src)
	for _, b := range blocks {
		letter(m, first[b], gap, b, color.Black)
	}
	for i, t := range tasks {
		letter(m, gap, gap+headHeight+i*cellHeight, t, color.Black)
	}
	for _, u := range uses {
		top := gap + headHeight + slices.Index(tasks, u.Task)*cellHeight
		for e := range u.Counts {
			left := first[u.Block] + e*cellWidth
			letter(m, left+(cellWidth-textWidth(fmt.Sprint(e)))/2, gap+cellHeight, fmt.Sprint(e), color.Gray{0x80})
			heatCell(m, image.Rect(left, top, left+cellWidth, top+cellHeight), share(u, e))
		}
	}
	return png.Encode(w, m)
}

// heatCell fills a cell for a share from 0 to 1.
func heatCell(m *image.RGBA, cell image.Rectangle, share float64) {
	mix := func(none, all float64) uint8 { return uint8(none + (all-none)*share) }
	draw.Draw(m, cell.Inset(1), image.NewUniform(color.RGBA{mix(240, 10), mix(244, 40), mix(250, 110), 255}), image.Point{}, draw.Src)
	ink := color.Color(color.Black)
	if share > 0.45 {
		ink = color.White
	}
	text := fmt.Sprintf("%.0f", 100*share)
	letter(m, cell.Min.X+(cellWidth-textWidth(text))/2, cell.Min.Y, text, ink)
}

// letter writes text in the middle of a line of cells that starts at (x, y).
func letter(m draw.Image, x, y int, text string, ink color.Color) {
	face := basicfont.Face7x13
	baseline := y + (cellHeight-face.Height)/2 + face.Ascent
	d := font.Drawer{Dst: m, Src: image.NewUniform(ink), Face: face, Dot: fixed.P(x, baseline)}
	d.DrawString(text)
}

func textWidth(text string) int { return font.MeasureString(basicfont.Face7x13, text).Ceil() }
