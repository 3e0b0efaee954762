package picture

import "image"

// layYCbCr lays a frame of luma and chroma. It does two things better than the
// standard library, to see the colours that libjpeg and libwebp, and so the
// training data, see: it interpolates chroma that has fewer samples (Go repeats
// them: up to 4 levels apart on average), and it knows WebP's range of values
// (7 levels).
func (p *RGB) layYCbCr(m *image.YCbCr, alpha *image.NYCbCrA, f frame) {
	area := image.Rectangle{f.at, f.at.Add(m.Rect.Size())}.Intersect(p.Bounds())
	width := area.Dx()
	convert := fullRange
	if f.video {
		convert = videoRange
	}
	c := newChroma(m)
	blue, red := make([]uint8, m.Rect.Dx()), make([]uint8, m.Rect.Dx())
	for y := area.Min.Y; y < area.Max.Y; y++ {
		row := y - f.at.Y
		c.row(blue, m.Cb, row)
		c.row(red, m.Cr, row)
		left := area.Min.X - f.at.X
		luma := m.Y[m.YOffset(m.Rect.Min.X, m.Rect.Min.Y+row):]
		dst := p.Pix[3*(y*p.Width+area.Min.X):][:3*width]
		for x := range width {
			r, g, b := convert(int32(luma[left+x]), int32(blue[left+x]), int32(red[left+x]))
			if alpha != nil {
				a := int32(alpha.A[alpha.AOffset(m.Rect.Min.X+left+x, m.Rect.Min.Y+row)])
				r, g, b = overWhite(r, a), overWhite(g, a), overWhite(b, a)
			}
			dst[3*x], dst[3*x+1], dst[3*x+2] = uint8(r), uint8(g), uint8(b)
		}
	}
}

func overWhite(level, alpha int32) int32 { return (level*alpha + 255*(255-alpha) + 127) / 255 }

// fullRange is JFIF's conversion, in libjpeg's fixed point.
func fullRange(y, cb, cr int32) (r, g, b int32) {
	const half = 1 << 15
	cb, cr = cb-128, cr-128
	return clamp(y + (91881*cr+half)>>16), clamp(y + (-22554*cb-46802*cr+half)>>16), clamp(y + (116130*cb+half)>>16)
}

// videoRange is BT.601's conversion, in libwebp's fixed point.
func videoRange(y, cb, cr int32) (r, g, b int32) {
	luma := y * 19077 >> 8
	return clamp((luma + cr*26149>>8 - 14234) >> 6), clamp((luma - cb*6419>>8 - cr*13320>>8 + 8708) >> 6), clamp((luma + cb*33050>>8 - 17685) >> 6)
}

func clamp(level int32) int32 { return max(0, min(255, level)) }

// chroma interpolates a plane of chroma to the size of luma.
type chroma struct {
	cols, rows, stride int
	across, down       int // luma samples for one of chroma
	sums               []int32
}

func newChroma(m *image.YCbCr) *chroma {
	c := &chroma{stride: m.CStride, across: 1, down: 1}
	switch m.SubsampleRatio {
	case image.YCbCrSubsampleRatio422:
		c.across = 2
	case image.YCbCrSubsampleRatio420:
		c.across, c.down = 2, 2
	case image.YCbCrSubsampleRatio440:
		c.down = 2
	case image.YCbCrSubsampleRatio411:
		c.across = 4
	case image.YCbCrSubsampleRatio410:
		c.across, c.down = 4, 2
	}
	c.cols, c.rows = (m.Rect.Dx()+c.across-1)/c.across, (m.Rect.Dy()+c.down-1)/c.down
	c.sums = make([]int32, c.cols)
	return c
}

// row writes the chroma of luma row y: where there is one sample for two, three
// parts of the nearer one and one part of the next. One for four is repeated, as
// libjpeg does.
func (c *chroma) row(dst, plane []uint8, y int) {
	near, far := y/c.down, y/c.down
	if c.down == 2 && c.across <= 2 {
		far = neighbour(y, c.rows)
	}
	a, b := plane[near*c.stride:][:c.cols], plane[far*c.stride:][:c.cols]
	for i := range c.sums {
		c.sums[i] = 3*int32(a[i]) + int32(b[i])
	}
	// Halves are rounded up and down in turns, as libjpeg does.
	if c.across != 2 {
		bias := int32(1 + y%2)
		for x := range dst {
			dst[x] = uint8((c.sums[x/c.across] + bias) >> 2)
		}
		return
	}
	bias := [2]int32{8, 7}
	if c.down == 1 {
		bias = [2]int32{4, 8}
	}
	for x := range dst {
		dst[x] = uint8((3*c.sums[x/2] + c.sums[neighbour(x, c.cols)] + bias[x%2]) >> 4)
	}
}

// neighbour is the second nearest of n samples to place x of 2n, the nearest one
// at the border.
func neighbour(x, n int) int { return max(0, min(n-1, x/2-1+x%2*2)) }
