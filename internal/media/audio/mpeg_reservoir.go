package audio

import (
	"encoding/binary"
	"fmt"
)

// A frame's main data may begin in the frames before it, in the bit reservoir
// (ISO/IEC 11172-3, 2.4.2.7). Where a stream was cut, what a frame refers to may
// not be there. go-mp3 would decode it from other data; here such a frame becomes
// silence.
//
// At 22.05 kHz go-mp3 computes the size of a padded frame one byte short where
// 144 · bit rate / 22,050 is even, and from there on all its main data is askew.
// MPEG-2 frames have no padding at its other rates. So at that rate each frame is
// made anew: without padding, of a size that the library computes rightly, and
// with all its main data inside, so that how it finds earlier data no longer
// matters.
type reservoir struct {
	held int    // bytes of main data that the library still has
	data []byte // the latest main data, as far back as a frame may reach
}

const (
	askewRate    = 22050
	maxReservoir = 255 // MPEG-2 counts it in 8 bits
)

// split returns a frame's side information and main data, and how far back the
// latter begins.
func (h mpegHeader) split(frame []byte) (side, main []byte, back int) {
	at := 4 + 2*btoi(h.crc)
	side, main = frame[at:at+h.sideSize()], frame[at+h.sideSize():]
	if h.low {
		return side, main, int(side[0])
	}
	return side, main, int(binary.BigEndian.Uint16(side) >> 7)
}

// silence clears the side information of a frame whose earlier data is not there,
// all but how far back it goes: as far as there is data, which later frames need.
func (r *reservoir) silence(frame []byte, h mpegHeader) {
	side, main, back := h.split(frame)
	if back > r.held {
		back = r.held
		clear(side)
		if h.low {
			side[0] = byte(back)
		} else {
			binary.BigEndian.PutUint16(side, uint16(back)<<7)
		}
	}
	r.held = back + len(main)
}

// remake returns the frame with all its main data inside, or as silence.
func (r *reservoir) remake(frame []byte, h mpegHeader) ([]byte, error) {
	side, data, back := h.split(frame)
	before := len(r.data)
	r.data = append(r.data, data...)
	out := []byte{frame[0], frame[1] | 1, 0, frame[3]} // no CRC
	out = append(out, side...)
	var main []byte
	if back <= before {
		main = r.data[before-back:]
		main = main[:min(len(main), (mainBits(side, h)+7)/8)]
		out[4] = 0
	} else {
		clear(out[4:])
	}
	for index, kbits := range mpegBitrates[1] {
		size := 72000 * kbits / askewRate
		if size < len(out)+len(main)+2 {
			continue
		}
		out[2] = byte(index << 4) // 22.05 kHz is 0, no padding
		out = append(out, main...)
		out = append(out, make([]byte, size-len(out))...)
		r.data = r.data[max(0, len(r.data)-maxReservoir):]
		return out, nil
	}
	return nil, fmt.Errorf("%d bytes of main data, want fewer for a frame at %d Hz", len(main), askewRate)
}

// mainBits is how much of the main data MPEG-2 side information speaks of: the
// sum of part2_3_length over the channels, the first 12 of each one's 63 bits.
func mainBits(side []byte, h mpegHeader) int {
	sum, at := 0, 8+1+btoi(h.channels == 2)
	for range h.channels {
		sum += int(binary.BigEndian.Uint32(append(side[at/8:at/8+3:at/8+3], 0)) << (at % 8) >> 20)
		at += 63
	}
	return sum
}
