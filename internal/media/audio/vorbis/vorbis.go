// Package vorbis decodes Vorbis I audio packets (xiph.org/vorbis/doc, Vorbis I
// specification, 2020). What it does not read is floor 0, which no encoder since
// 2001 has written. Packets are not trusted: a damaged one is an error or noise,
// and tables have bounds.
package vorbis

import (
	"fmt"
	"math"
)

// Decoder turns packets into samples. Each block overlaps with the one before, so
// the first packet gives none.
type Decoder struct {
	Rate     int
	Channels int

	blocks    [2]int // sizes of short and long blocks
	setup     setup
	transform [2]*mdct
	slopes    [2][]float32 // rising half of a window, by block size
	channel   []channel
	previous  int // size of the block before, 0 at first
	residue   [][]float32
	classes   [][]int
	joined    []float32 // of residue type 2
	wanted    []bool    // channels with a residue
	out       [][]float32
	views     [][]float32 // of out
}

// channel is the state of one channel.
type channel struct {
	floor  []int // the curve's y at each place, if used
	used   bool
	coeffs []float32 // half a block of spectrum
	block  []float32 // the block's samples, windowed
	tail   []float32 // second half of the block before, windowed
}

// NewDecoder reads the identification and the setup header.
func NewDecoder(identification, setup []byte) (*Decoder, error) {
	d := &Decoder{}
	if err := d.identify(identification); err != nil {
		return nil, fmt.Errorf("identification header: %w", err)
	}
	if err := d.setup.read(setup, d.Channels); err != nil {
		return nil, fmt.Errorf("setup header: %w", err)
	}
	for i, n := range d.blocks {
		d.transform[i] = newMDCT(n)
		d.slopes[i] = make([]float32, n/2)
		for j := range d.slopes[i] {
			s := math.Sin((float64(j) + 0.5) / float64(n) * math.Pi)
			d.slopes[i][j] = float32(math.Sin(math.Pi / 2 * s * s))
		}
	}
	long := d.blocks[1]
	d.channel = make([]channel, d.Channels)
	d.wanted = make([]bool, d.Channels)
	d.out, d.views = make([][]float32, d.Channels), make([][]float32, d.Channels)
	for c := range d.channel {
		d.channel[c] = channel{coeffs: make([]float32, long/2), block: make([]float32, long), tail: make([]float32, long/2)}
		d.out[c] = make([]float32, long/2)
	}
	return d, nil
}

// identify reads the identification header.
func (d *Decoder) identify(packet []byte) error {
	if len(packet) < 30 {
		return fmt.Errorf("%d bytes, want 30: truncated", len(packet))
	}
	if kind := string(packet[:7]); kind != "\x01vorbis" {
		return fmt.Errorf("%q, want \"\\x01vorbis\"", kind)
	}
	b := bitReader{data: packet[7:]}
	if version := b.read(32); version != 0 {
		return fmt.Errorf("version %d, want 0", version)
	}
	d.Channels = int(b.read(8))
	rate := b.read(32)
	if d.Channels == 0 || rate == 0 || rate > math.MaxInt32 {
		return fmt.Errorf("%d channels, %d Hz, want some", d.Channels, rate)
	}
	d.Rate = int(rate)
	b.read(32) // bit rates: highest, nominal, lowest
	b.read(32)
	b.read(32)
	short, long := b.read(4), b.read(4)
	if short < 6 || short > long || long > 13 {
		return fmt.Errorf("blocks of 2^%d and 2^%d samples, want 2^6 to 2^13", short, long)
	}
	d.blocks = [2]int{1 << short, 1 << long}
	if b.read(1) == 0 {
		return fmt.Errorf("no framing bit")
	}
	return nil
}
