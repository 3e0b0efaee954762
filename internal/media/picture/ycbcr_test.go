package picture

import (
	"image"
	"math"
	"math/rand/v2"
	"testing"
)

// noise is an image of luma and chroma at random.
func noise(w, h int, ratio image.YCbCrSubsampleRatio) *image.YCbCr {
	r := rand.New(rand.NewPCG(1706, uint64(w*h)))
	m := image.NewYCbCr(image.Rect(0, 0, w, h), ratio)
	for _, plane := range [][]uint8{m.Y, m.Cb, m.Cr} {
		for i := range plane {
			plane[i] = uint8(r.IntN(256))
		}
	}
	return m
}

// between interpolates a plane at luma sample (x, y) in floating point: chroma
// samples lie in the middle of the luma samples that they are for. Where there is
// one for four it is repeated.
func between(plane []uint8, stride, cols, rows, across, down, x, y int) float64 {
	part := func(at, n, of int) (lo, hi int, t float64) {
		if of != 2 || across == 4 {
			return at / of, at / of, 0
		}
		place := (float64(at)+0.5)/2 - 0.5
		lo = int(math.Floor(place))
		return max(lo, 0), min(lo+1, n-1), place - math.Floor(place)
	}
	x0, x1, tx := part(x, cols, across)
	y0, y1, ty := part(y, rows, down)
	at := func(x, y int) float64 { return float64(plane[y*stride+x]) }
	return (1-ty)*((1-tx)*at(x0, y0)+tx*at(x1, y0)) + ty*((1-tx)*at(x0, y1)+tx*at(x1, y1))
}

func TestChroma(t *testing.T) {
	for _, c := range []struct {
		ratio        image.YCbCrSubsampleRatio
		across, down int
	}{
		{image.YCbCrSubsampleRatio444, 1, 1}, {image.YCbCrSubsampleRatio422, 2, 1}, {image.YCbCrSubsampleRatio420, 2, 2},
		{image.YCbCrSubsampleRatio440, 1, 2}, {image.YCbCrSubsampleRatio411, 4, 1}, {image.YCbCrSubsampleRatio410, 4, 2},
	} {
		for _, size := range [][2]int{{1, 1}, {2, 2}, {9, 7}, {16, 1}, {1, 5}, {33, 18}} {
			m := noise(size[0], size[1], c.ratio)
			chroma := newChroma(m)
			row := make([]uint8, size[0])
			for y := range size[1] {
				chroma.row(row, m.Cb, y)
				for x, got := range row {
					want := between(m.Cb, m.CStride, chroma.cols, chroma.rows, c.across, c.down, x, y)
					if math.Abs(float64(got)-want) > 0.75 { // one rounding, half a level, and its turns
						t.Fatalf("%v of %v: sample (%d, %d) is %d, want %.2f", c.ratio, size, x, y, got, want)
					}
				}
			}
		}
	}
}

func TestConversions(t *testing.T) {
	level := func(v float64) float64 { return max(0, min(255, v)) }
	for y := 0; y < 256; y += 5 {
		for cb := 0; cb < 256; cb += 5 {
			for cr := 0; cr < 256; cr += 5 {
				luma, blue, red := float64(y), float64(cb)-128, float64(cr)-128
				full := [3]float64{luma + 1.402*red, luma - 0.344136*blue - 0.714136*red, luma + 1.772*blue}
				luma = (luma - 16) * 255 / 219
				video := [3]float64{luma + 1.596027*red, luma - 0.391762*blue - 0.812968*red, luma + 2.017232*blue}
				var got [2][3]int32
				got[0][0], got[0][1], got[0][2] = fullRange(int32(y), int32(cb), int32(cr))
				got[1][0], got[1][1], got[1][2] = videoRange(int32(y), int32(cb), int32(cr))
				for i, want := range [2][3]float64{full, video} {
					for c := range want {
						if math.Abs(float64(got[i][c])-level(want[c])) > 1.05 {
							t.Fatalf("range %d: (%d, %d, %d) is %v, want %.2f", i, y, cb, cr, got[i], want)
						}
					}
				}
			}
		}
	}
}

// TestLayClips lays frames that hang over each edge of the canvas.
func TestLayClips(t *testing.T) {
	for _, at := range []image.Point{{-3, -2}, {4, 3}, {-20, 0}, {0, 20}, {1, 1}} {
		for _, m := range []image.Image{noise(7, 5, image.YCbCrSubsampleRatio420), quadrants(7, 5)} {
			whole, cut := white(30, 30), white(8, 6)
			whole.lay(frame{Image: m, at: image.Pt(10, 10)})
			cut.lay(frame{Image: m, at: at})
			for y := range 6 {
				for x := range 8 {
					from := image.Pt(x, y).Sub(at)
					want := [3]int{255, 255, 255}
					if from.In(m.Bounds()) {
						p := whole.Pix[3*((10+from.Y)*30+10+from.X):]
						want = [3]int{int(p[0]), int(p[1]), int(p[2])}
					}
					wantPixel(t, cut, x, y, want, 0)
				}
			}
		}
	}
}
