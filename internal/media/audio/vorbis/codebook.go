package vorbis

import (
	"errors"
	"fmt"
)

// Bounds on all codebooks of a stream together; real ones need a tenth of it.
const (
	maxEntries = 1 << 20
	maxValues  = 1 << 22
)

// codebook is a Huffman code, whose entries may stand for vectors (section 3).
type codebook struct {
	dims    int
	entries int
	nodes   [][2]int32 // next node, or ^entry at a leaf, 0 where there is none
	values  []float32  // (entries, dims), nil for a book of scalars
}

// decode reads an entry, or -1 at the end of the packet.
func (c *codebook) decode(b *bitReader) int {
	node := int32(0)
	for {
		node = c.nodes[node][b.bit()]
		if b.over || node == 0 {
			b.over = true
			return -1
		}
		if node < 0 {
			return int(^node)
		}
	}
}

// vector is what an entry stands for.
func (c *codebook) vector(entry int) []float32 { return c.values[entry*c.dims : (entry+1)*c.dims] }

// budget is what is left of the bounds.
type budget struct{ entries, values int }

func (c *codebook) read(b *bitReader, left *budget) error {
	if sync := b.read(24); sync != 0x564342 {
		return fmt.Errorf("starts with %#x, want 0x564342", sync)
	}
	c.dims, c.entries = int(b.read(16)), int(b.read(24))
	if left.entries -= c.entries; c.entries == 0 || c.dims == 0 || left.entries < 0 {
		return fmt.Errorf("%d entries of %d dimensions, want some and at most %d in all", c.entries, c.dims, maxEntries)
	}
	lengths := make([]uint8, c.entries)
	read := readLengths
	if b.read(1) == 1 {
		read = readOrderedLengths
	}
	if err := read(b, lengths); err != nil {
		return err
	}
	if err := c.grow(lengths); err != nil {
		return err
	}
	return c.readValues(b, left)
}

func readLengths(b *bitReader, lengths []uint8) error {
	sparse := b.read(1) == 1
	for i := range lengths {
		if sparse && b.read(1) == 0 {
			continue
		}
		lengths[i] = uint8(b.read(5) + 1)
		if b.over {
			return errors.New("code lengths: truncated")
		}
	}
	return nil
}

func readOrderedLengths(b *bitReader, lengths []uint8) error {
	length := uint8(b.read(5) + 1)
	for at := 0; at < len(lengths); length++ {
		n := int(b.read(ilog(len(lengths) - at)))
		if b.over || n > len(lengths)-at || length > 32 {
			return fmt.Errorf("code lengths: %d of length %d, want at most %d of 32", n, length, len(lengths)-at)
		}
		for range n {
			lengths[at] = length
			at++
		}
	}
	return nil
}

// grow makes the code's tree: each entry in turn gets the lowest codeword that is
// free (section 3.2.1). free[n] is that of length n.
func (c *codebook) grow(lengths []uint8) error {
	var free [34]uint64
	c.nodes = make([][2]int32, 1, 2*len(lengths)+1)
	used := 0
	for entry, n := range lengths {
		if n == 0 {
			continue
		}
		used++
		length, code := int(n), free[n]
		if code>>length != 0 {
			return errors.New("code lengths: more codewords than there are")
		}
		c.insert(code, length, int32(entry))
		for j := length; j > 0; j-- {
			if free[j]&1 == 1 && j > 1 {
				free[j] = free[j-1] << 1
				break
			}
			free[j]++
		}
		for j := length + 1; j < len(free) && free[j]>>1 == code; j++ {
			code = free[j]
			free[j] = free[j-1] << 1
		}
	}
	for n := 1; n <= 32; n++ {
		if free[n]&(1<<n-1) != 0 && used != 1 {
			return errors.New("code lengths: fewer codewords than there are")
		}
	}
	return nil
}

// insert adds a codeword, most significant bit first.
func (c *codebook) insert(code uint64, length int, entry int32) {
	node := int32(0)
	for at := length - 1; at > 0; at-- {
		side := &c.nodes[node][code>>at&1]
		if *side <= 0 {
			*side = int32(len(c.nodes))
			node = *side
			c.nodes = append(c.nodes, [2]int32{})
			continue
		}
		node = *side
	}
	c.nodes[node][code&1] = ^entry
}

// readValues reads the vectors (section 3.2.1, lookup types 1 and 2).
func (c *codebook) readValues(b *bitReader, left *budget) error {
	kind := b.read(4)
	if kind == 0 && !b.over {
		return nil
	}
	low, step := float32Unpack(b.read(32)), float32Unpack(b.read(32))
	bits, running := int(b.read(4)+1), b.read(1) == 1
	if kind > 2 || c.dims > left.values/c.entries {
		return fmt.Errorf("lookup %d of %d vectors of %d, want type 0 to 2 and at most %d values in all", kind, c.entries, c.dims, maxValues)
	}
	left.values -= c.entries * c.dims
	count := c.entries * c.dims
	if kind == 1 {
		count = lookup1Values(c.entries, c.dims)
	}
	if b.over || count*bits > b.left() {
		return fmt.Errorf("%d values of %d bits: truncated", count, bits)
	}
	steps := make([]float64, count)
	for i := range steps {
		steps[i] = float64(b.read(bits))*step + low
	}
	c.values = make([]float32, c.entries*c.dims)
	for entry := range c.entries {
		last, divisor := 0.0, 1
		for i := range c.dims {
			at := entry*c.dims + i
			from := at
			if kind == 1 {
				from = entry / divisor % count
				divisor = min(divisor*count, c.entries+1) // beyond the entries all is 0
			}
			v := steps[from] + last
			if running {
				last = v
			}
			c.values[at] = float32(v)
		}
	}
	return nil
}

// lookup1Values is the largest n with nᵈⁱᵐˢ ≤ entries (section 9.2.3).
func lookup1Values(entries, dims int) int {
	for n := 1; ; n++ {
		power := 1
		for range dims {
			if power *= n + 1; power > entries {
				return n
			}
		}
	}
}
