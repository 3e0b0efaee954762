package audio

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// mpegHeader is the first four bytes of an MPEG audio frame of layer III
// (ISO/IEC 11172-3, 2.4.1.3; ISO/IEC 13818-3 for the low rates).
type mpegHeader struct {
	low      bool // MPEG-2: one granule a frame, half the rates
	crc      bool
	rate     int
	channels int
	size     int // of the frame, in bytes
}

var mpegBitrates = [2][15]int{ // kbit/s of MPEG-1 and MPEG-2
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160},
}

func parseMPEG(b []byte) (h mpegHeader, err error) {
	word := binary.BigEndian.Uint32(b)
	bits := func(at, n int) int { return int(word >> at & (1<<n - 1)) }
	if bits(21, 11) != 0x7ff || bits(19, 2) == 1 || bits(17, 2) == 0 || bits(10, 2) == 3 || bits(12, 4) == 15 {
		return h, fmt.Errorf("bytes %x, want the header of a frame", b[:4])
	}
	if bits(17, 2) != 1 {
		return h, fmt.Errorf("layer %d, want 3", 4-bits(17, 2))
	}
	if bits(19, 2) == 0 {
		return h, errors.New("MPEG 2.5, want MPEG 1 or 2 (16 kHz or more)")
	}
	if bits(12, 4) == 0 {
		return h, errors.New("free bit rate, want a fixed or variable one")
	}
	h.low, h.crc, h.channels = bits(19, 2) == 2, bits(16, 1) == 0, 2
	if bits(6, 2) == 3 {
		h.channels = 1
	}
	h.rate = [3]int{44100, 48000, 32000}[bits(10, 2)]
	h.size = 144000 * mpegBitrates[0][bits(12, 4)] / h.rate
	if h.low {
		h.rate /= 2
		h.size = 72000 * mpegBitrates[1][bits(12, 4)] / h.rate
	}
	h.size += bits(9, 1)
	if want := 4 + 2*btoi(h.crc) + h.sideSize(); h.size < want {
		return h, fmt.Errorf("frame of %d bytes, want at least %d", h.size, want)
	}
	return h, nil
}

// isMP3 reports whether a file may start with a frame.
func isMP3(head []byte) bool {
	return len(head) >= 4 && head[0] == 0xff && head[1]&0xe6 == 0xe2 // sync and layer III
}

// ticks is how many samples a channel a frame has.
func (h mpegHeader) ticks() int {
	if h.low {
		return 576
	}
	return 1152
}

// sideSize is the size of the side information, which follows the header and the
// CRC.
func (h mpegHeader) sideSize() int {
	return [2][2]int{{32, 17}, {17, 9}}[btoi(h.low)][btoi(h.channels == 1)]
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// mpegFrames hands on whole frames and nothing else, all of one kind. It wants
// one right after the other, up to the end of the file or a tag.
type mpegFrames struct {
	file  *bufio.Reader
	kind  mpegHeader // of the first frame
	count int64      // frames read
	frame []byte     // the one just read
	left  []byte     // what was not yet handed on
	past  reservoir
	ended bool
}

// next reads a frame, or io.EOF at the end.
func (f *mpegFrames) next() error {
	f.left = nil
	head, err := f.file.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if f.atEnd(head) {
		f.ended = true
		return io.EOF
	}
	if len(head) < 4 {
		return fmt.Errorf("frame %d: %d bytes, want at least 4: truncated", f.count, len(head))
	}
	h, err := parseMPEG(head)
	if err != nil {
		return fmt.Errorf("frame %d: %w", f.count, err)
	}
	if f.count > 0 && (h.rate != f.kind.rate || h.channels != f.kind.channels) {
		return fmt.Errorf("frame %d: %d Hz, %d channels, want %d Hz, %d channels as before", f.count, h.rate, h.channels, f.kind.rate, f.kind.channels)
	}
	f.frame = append(f.frame[:0], make([]byte, h.size)...)
	if n, err := io.ReadFull(f.file, f.frame); err != nil {
		return fmt.Errorf("frame %d: %d bytes, want %d: truncated", f.count, n, h.size)
	}
	f.kind, f.left = h, f.frame
	if h.rate != askewRate {
		f.past.silence(f.frame, h)
	} else if f.left, err = f.past.remake(f.frame, h); err != nil {
		return fmt.Errorf("frame %d: %w", f.count, err)
	}
	f.count++
	return nil
}

// atEnd reports whether there is no more sound: the file ends, or zeros or a tag
// (ID3v1, APEv2, Lyrics3) follow.
func (f *mpegFrames) atEnd(head []byte) bool {
	if len(head) == 0 {
		return true
	}
	if len(head) < 4 {
		return bytes.Count(head, []byte{0}) == len(head)
	}
	switch string(head) {
	case "\x00\x00\x00\x00", "APET", "LYRI":
		return true
	}
	return string(head[:3]) == "TAG"
}

func (f *mpegFrames) Read(p []byte) (int, error) {
	if len(f.left) == 0 {
		if err := f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}
