package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"

	"golang.org/x/image/webp"
)

// chunk is a part of a WebP file, which is a RIFF container
// (developers.google.com/speed/webp/docs/riff_container).
type chunk struct {
	name string
	body []byte
}

// webpChunks lists the parts of a whole file without copying them.
func webpChunks(data []byte) ([]chunk, error) {
	if len(data) < 12 {
		return nil, io.ErrUnexpectedEOF
	}
	size := uint64(binary.LittleEndian.Uint32(data[4:]))
	if size > uint64(len(data)-8) {
		return nil, io.ErrUnexpectedEOF
	}
	if size < 4 {
		return nil, fmt.Errorf("RIFF size %d, want at least 4", size)
	}
	return riffChunks(data[12 : 8+size])
}

func riffChunks(data []byte) (chunks []chunk, err error) {
	for len(data) >= 8 {
		name, size := string(data[:4]), uint64(binary.LittleEndian.Uint32(data[4:]))
		data = data[8:]
		if size > uint64(len(data)) {
			return nil, fmt.Errorf("chunk %q: %d bytes, want at most %d, which are left", name, size, len(data))
		}
		chunks = append(chunks, chunk{name, data[:size]})
		data = data[min(size+size%2, uint64(len(data))):]
	}
	return chunks, nil
}

// decodeWebP hands the file to the library, of an animation, which the library
// does not read, the first frame as a file of its own.
func decodeWebP(data []byte) (frame, error) {
	chunks, err := webpChunks(data)
	if err != nil {
		return frame{}, err
	}
	var at image.Point
	for _, c := range chunks {
		if c.name == "ANMF" {
			data, at, err = firstFrame(chunks[0], c.body)
			if err != nil {
				return frame{}, fmt.Errorf("animation: %w", err)
			}
			break
		}
	}
	m, err := webp.Decode(bytes.NewReader(data))
	if err != nil {
		return frame{}, err
	}
	return frame{Image: m, at: at, video: true}, nil
}

const bitAlpha = 1 << 4 // of the VP8X chunk's flags

// firstFrame makes a still file of an ANMF chunk and says where on the canvas of
// the VP8X chunk its picture lies.
func firstFrame(canvas chunk, body []byte) (still []byte, at image.Point, err error) {
	const head = 16 // x, y, width, height, duration, flags
	if canvas.name != "VP8X" || len(canvas.body) != 10 {
		return nil, at, errors.New("no canvas in front of its frames")
	}
	if len(body) < head {
		return nil, at, io.ErrUnexpectedEOF
	}
	at = image.Pt(2*uint24(body), 2*uint24(body[3:]))
	w, h := uint24(body[6:])+1, uint24(body[9:])+1
	width, height := uint24(canvas.body[4:])+1, uint24(canvas.body[7:])+1
	if at.X+w > width || at.Y+h > height {
		return nil, at, fmt.Errorf("frame of %d × %d at %v, want it within %d × %d", w, h, at, width, height)
	}
	chunks, err := riffChunks(body[head:])
	if err != nil {
		return nil, at, err
	}
	header := make([]byte, 10)
	copy(header[4:], body[6:12])
	if len(chunks) > 0 && chunks[0].name == "ALPH" {
		header[0] = bitAlpha
	}
	return writeWebP(append([]chunk{{"VP8X", header}}, chunks...)), at, nil
}

func writeWebP(chunks []chunk) []byte {
	out := []byte("RIFF\x00\x00\x00\x00WEBP")
	for _, c := range chunks {
		out = append(out, c.name...)
		out = binary.LittleEndian.AppendUint32(out, uint32(len(c.body)))
		out = append(out, c.body...)
		if len(c.body)%2 == 1 {
			out = append(out, 0)
		}
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return out
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
