package audio

import (
	"bufio"
	"errors"
	"fmt"
	"math/bits"

	"github.com/mewkiz/flac/frame"
)

// The FLAC library prints a line for every frame whose header names 24 or
// 176.4 kHz. quietFrame is such a frame with a header that leaves the rate to the
// file's, which is the same sound. The frame's CRC-16 no longer fits, so it is
// checked here over the bytes as they are in the file.
type quietFrame struct {
	file   *bufio.Reader
	header []byte // rewritten, not yet read
	crc    uint16
}

// readFrame starts the next frame, quietly.
func readFrame(file *bufio.Reader) (next *frame.Frame, quiet *quietFrame, err error) {
	head, _ := file.Peek(16)
	if len(head) < 3 || head[2]&0xf != 2 && head[2]&0xf != 7 {
		next, err = frame.New(file)
		return next, nil, err
	}
	length := 4 + max(1, bits.LeadingZeros8(^head[min(4, len(head)-1)])) // the frame's number is in UTF-8
	switch head[2] >> 4 {
	case 6:
		length++
	case 7:
		length += 2
	}
	if len(head) <= length {
		return nil, nil, errors.New("truncated")
	}
	if got := crc8(head[:length]); got != head[length] {
		return nil, nil, fmt.Errorf("CRC-8 %#02x, want %#02x", head[length], got)
	}
	quiet = &quietFrame{file: file, header: append([]byte(nil), head[:length+1]...)}
	quiet.crc = crc16(0, quiet.header)
	quiet.header[2] &^= 0xf
	quiet.header[length] = crc8(quiet.header[:length])
	if _, err := file.Discard(length + 1); err != nil {
		return nil, nil, err
	}
	next, err = frame.New(quiet)
	return next, quiet, err
}

func (q *quietFrame) Read(p []byte) (int, error) {
	if len(q.header) > 0 {
		n := copy(p, q.header)
		q.header = q.header[n:]
		return n, nil
	}
	n, err := q.file.Read(p)
	q.crc = crc16(q.crc, p[:n])
	return n, err
}

// parse decodes the frame; a nil quietFrame leaves the check to the library.
func (q *quietFrame) parse(next *frame.Frame) error {
	err := next.Parse()
	if q == nil || err == nil {
		return err
	}
	for _, channel := range next.Subframes {
		if channel == nil || len(channel.Samples) != int(next.BlockSize) {
			return err
		}
	}
	if q.crc != 0 { // over a frame and its CRC it is 0
		return err
	}
	return nil
}

func crc8(data []byte) (crc uint8) {
	for _, b := range data {
		crc ^= b
		for range 8 {
			crc = crc<<1 ^ 0x07*(crc>>7)
		}
	}
	return crc
}

func crc16(crc uint16, data []byte) uint16 {
	for _, b := range data {
		crc ^= uint16(b) << 8
		for range 8 {
			crc = crc<<1 ^ 0x8005*(crc>>15)
		}
	}
	return crc
}
