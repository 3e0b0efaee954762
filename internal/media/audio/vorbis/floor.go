package vorbis

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
)

// floor is the spectrum's envelope: a curve of straight lines in decibels (floor
// 1, section 7).
type floor struct {
	partitions []int // class of each
	classes    []class
	multiplier int
	x          []int // places of the points, in the order in which they are coded
	order      []int // of the points by x
	low, high  []int // neighbours among the points coded before
}

// class is how the points of a partition are coded.
type class struct {
	dims   int
	bits   int // of the choice among its books
	master int // book of the choices
	books  []int
}

// gains are the decibels of a curve as factors: 10^((i-255)·7/256).
var gains = func() (table [256]float32) {
	for i := range table {
		table[i] = float32(math.Pow(10, float64(i-255)*7/256))
	}
	return table
}()

func (f *floor) read(b *bitReader, books []codebook) error {
	if kind := b.read(16); kind != 1 {
		return fmt.Errorf("type %d, want 1", kind)
	}
	f.partitions = make([]int, b.read(5))
	most := -1
	for i := range f.partitions {
		f.partitions[i] = int(b.read(4))
		most = max(most, f.partitions[i])
	}
	f.classes = make([]class, most+1)
	for i := range f.classes {
		if err := f.classes[i].read(b, len(books)); err != nil {
			return fmt.Errorf("class %d: %w", i, err)
		}
	}
	f.multiplier = int(b.read(2)) + 1
	bits := int(b.read(4))
	f.x = []int{0, 1 << bits}
	for _, p := range f.partitions {
		for range f.classes[p].dims {
			f.x = append(f.x, int(b.read(bits)))
		}
	}
	if b.over {
		return errors.New("truncated")
	}
	if len(f.x) > 65 {
		return fmt.Errorf("%d points, want at most 65", len(f.x))
	}
	return f.arrange()
}

func (c *class) read(b *bitReader, books int) error {
	c.dims, c.bits = int(b.read(3))+1, int(b.read(2))
	if c.bits > 0 {
		if c.master = int(b.read(8)); c.master >= books {
			return fmt.Errorf("codebook %d, want one of %d", c.master, books)
		}
	}
	c.books = make([]int, 1<<c.bits)
	for i := range c.books {
		if c.books[i] = int(b.read(8)) - 1; c.books[i] >= books {
			return fmt.Errorf("codebook %d, want one of %d", c.books[i], books)
		}
	}
	return nil
}

// arrange finds the order of the points and each one's neighbours.
func (f *floor) arrange() error {
	f.order = make([]int, len(f.x))
	f.low, f.high = make([]int, len(f.x)), make([]int, len(f.x))
	for i := range f.x {
		f.order[i] = i
		f.low[i], f.high[i] = 0, 1
		for j := range i {
			if f.x[j] < f.x[i] && f.x[j] > f.x[f.low[i]] {
				f.low[i] = j
			}
			if f.x[j] > f.x[i] && f.x[j] < f.x[f.high[i]] {
				f.high[i] = j
			}
		}
	}
	slices.SortFunc(f.order, func(a, b int) int { return cmp.Compare(f.x[a], f.x[b]) })
	for i := 1; i < len(f.order); i++ {
		if f.x[f.order[i]] == f.x[f.order[i-1]] {
			return fmt.Errorf("two points at %d", f.x[f.order[i]])
		}
	}
	return nil
}

// decode reads the points of a channel's curve, y by y; false is silence.
func (f *floor) decode(b *bitReader, books []codebook, y []int) ([]int, bool) {
	if b.read(1) == 0 {
		return y[:0], false
	}
	bits := ilog([4]int{256, 128, 86, 64}[f.multiplier-1] - 1)
	y = append(y[:0], int(b.read(bits)), int(b.read(bits)))
	for _, p := range f.partitions {
		c := &f.classes[p]
		choice := 0
		if c.bits > 0 {
			choice = books[c.master].decode(b)
		}
		for range c.dims {
			value, book := 0, c.books[choice&(1<<c.bits-1)]
			choice >>= c.bits
			if book >= 0 {
				value = books[book].decode(b)
			}
			y = append(y, value)
		}
	}
	return y, !b.over
}
