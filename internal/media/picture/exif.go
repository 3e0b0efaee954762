package picture

import (
	"bytes"
	"encoding/binary"
)

// tagOrientation is the TIFF tag that says how the camera was held.
const tagOrientation = 0x0112

// orientation reads the orientation, 1 to 8, from the first directory of a TIFF
// structure. It is 1, as stored, where there is none or where it is broken: many
// tools damage EXIF, and no viewer refuses a picture for that.
func orientation(tiff []byte) int {
	var order binary.ByteOrder
	switch {
	case len(tiff) < 8:
		return 1
	case string(tiff[:4]) == "II*\x00":
		order = binary.LittleEndian
	case string(tiff[:4]) == "MM\x00*":
		order = binary.BigEndian
	default:
		return 1
	}
	start := uint64(order.Uint32(tiff[4:]))
	if start+2 > uint64(len(tiff)) {
		return 1
	}
	entries := int(order.Uint16(tiff[start:]))
	list := tiff[start+2:]
	for range entries {
		if len(list) < 12 {
			return 1
		}
		const short = 3
		tag, kind, count := order.Uint16(list), order.Uint16(list[2:]), order.Uint32(list[4:])
		if value := order.Uint16(list[8:]); tag == tagOrientation && kind == short && count == 1 && value >= 1 && value <= 8 {
			return int(value)
		}
		list = list[12:]
	}
	return 1
}

// pngEXIF is the eXIf chunk, which may stand before the pixels or after them.
func pngEXIF(data []byte) []byte {
	const signature, around = 8, 12 // a chunk is length, name, body, checksum
	for at := signature; at+around <= len(data); {
		length := uint64(binary.BigEndian.Uint32(data[at:]))
		if length > uint64(len(data)-at-around) {
			return nil
		}
		if string(data[at+4:at+8]) == "eXIf" {
			return data[at+8 : at+8+int(length)]
		}
		at += around + int(length)
	}
	return nil
}

// webpEXIF is the EXIF chunk; some writers put JPEG's prefix in front.
func webpEXIF(data []byte) []byte {
	chunks, err := webpChunks(data)
	if err != nil {
		return nil
	}
	for _, c := range chunks {
		if c.name == "EXIF" {
			return bytes.TrimPrefix(c.body, []byte("Exif\x00\x00"))
		}
	}
	return nil
}

// upright turns a picture that is stored in the given orientation: 2 is
// mirrored, 3 turned by half, 4 both; 5 to 8 have rows for columns besides.
func (p *RGB) upright(orientation int) *RGB {
	if orientation < 2 || orientation > 8 {
		return p
	}
	swap := orientation >= 5
	right := orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8 // stored columns run backwards
	down := orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7  // stored rows run backwards
	q := &RGB{Width: p.Width, Height: p.Height, Pix: make([]uint8, len(p.Pix))}
	if swap {
		q.Width, q.Height = p.Height, p.Width
	}
	for y := range q.Height {
		for x := range q.Width {
			i, j := x, y // column and row in p
			if swap {
				i, j = y, x
			}
			if right {
				i = p.Width - 1 - i
			}
			if down {
				j = p.Height - 1 - j
			}
			copy(q.Pix[3*(y*q.Width+x):][:3], p.Pix[3*(j*p.Width+i):])
		}
	}
	return q
}
