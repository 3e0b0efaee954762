package picture

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image/jpeg"
)

// maxScans is how often a progressive JPEG may go over its pixels. Cameras and
// encoders need 10; with thousands a small file takes minutes to decode.
const maxScans = 100

// Markers of JPEG (ITU-T T.81, table B.1).
const (
	markerTEM  = 0x01
	markerRST0 = 0xd0
	markerRST7 = 0xd7
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerAPP1 = 0xe1
)

func decodeJPEG(data []byte) (frame, error) {
	scans := 0
	jpegSegments(data, func(marker byte, _ []byte) bool {
		if marker == markerSOS {
			scans++
		}
		return scans <= maxScans
	})
	if scans > maxScans {
		return frame{}, fmt.Errorf("more than %d scans, want at most that", maxScans)
	}
	m, err := jpeg.Decode(bytes.NewReader(data))
	return frame{Image: m}, err
}

// jpegEXIF is the first APP1 segment that says it is EXIF.
func jpegEXIF(data []byte) (found []byte) {
	jpegSegments(data, func(marker byte, body []byte) bool {
		if rest, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && marker == markerAPP1 {
			found = rest
		}
		return found == nil && marker != markerSOS
	})
	return found
}

// jpegSegments calls visit for each segment, coded data left out, until it
// returns false, the image ends, or what follows is no segment.
func jpegSegments(data []byte, visit func(marker byte, body []byte) bool) {
	for {
		at := bytes.IndexByte(data, 0xff)
		if at < 0 || at+1 == len(data) {
			return
		}
		marker := data[at+1]
		switch {
		case marker == 0xff: // filling
			data = data[at+1:]
			continue
		case marker == 0, marker == markerTEM, marker == markerSOI, marker >= markerRST0 && marker <= markerRST7:
			data = data[at+2:]
			continue
		case marker == markerEOI:
			return
		}
		data = data[at+2:]
		if len(data) < 2 {
			return
		}
		length := int(binary.BigEndian.Uint16(data))
		if length < 2 || length > len(data) || !visit(marker, data[2:length]) {
			return
		}
		data = data[length:]
	}
}
