package vorbis

import (
	"math"
	"math/bits"
)

// bitReader reads integers of up to 32 bits, least significant bit first. Beyond
// the end it reads zeros and remembers that.
type bitReader struct {
	data []byte
	at   int // bit
	over bool
}

func (b *bitReader) read(n int) uint32 {
	if n > b.left() {
		b.over = true
		b.at = 8 * len(b.data)
		return 0
	}
	v := uint64(0)
	first := b.at / 8
	for i := range (b.at%8 + n + 7) / 8 {
		v |= uint64(b.data[first+i]) << (8 * i)
	}
	v >>= b.at % 8
	b.at += n
	return uint32(v & (1<<n - 1))
}

// bit reads a single one.
func (b *bitReader) bit() int {
	if b.at>>3 >= len(b.data) {
		b.over = true
		return 0
	}
	v := b.data[b.at>>3] >> (b.at & 7) & 1
	b.at++
	return int(v)
}

// left is how many bits there are.
func (b *bitReader) left() int { return 8*len(b.data) - b.at }

// ilog is how many bits a number has.
func ilog(n int) int { return bits.Len(uint(n)) }

// float32Unpack reads the format's own kind of number (section 9.2.2).
func float32Unpack(x uint32) float64 {
	mantissa := float64(x & 0x1fffff)
	if x>>31 == 1 {
		mantissa = -mantissa
	}
	return math.Ldexp(mantissa, int(x>>21&0x3ff)-788)
}
