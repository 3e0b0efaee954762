package vorbis

import (
	"errors"
	"fmt"
)

// residue is the spectrum's fine structure, coded by vectors in up to eight
// passes (section 8).
type residue struct {
	kind       int // 0 interleaves a vector's values, 2 the channels
	begin, end int
	partition  int // size
	classes    int
	classbook  int
	books      [][8]int // of each class and pass, -1 for none
}

func (r *residue) read(b *bitReader, books []codebook) error {
	if r.kind = int(b.read(16)); r.kind > 2 {
		return fmt.Errorf("type %d, want 0 to 2", r.kind)
	}
	r.begin, r.end, r.partition = int(b.read(24)), int(b.read(24)), int(b.read(24))+1
	r.classes, r.classbook = int(b.read(6))+1, int(b.read(8))
	if r.classbook >= len(books) {
		return fmt.Errorf("codebook %d, want one of %d", r.classbook, len(books))
	}
	passes := make([]uint32, r.classes)
	for i := range passes {
		passes[i] = b.read(3)
		if b.read(1) == 1 {
			passes[i] |= b.read(5) << 3
		}
	}
	r.books = make([][8]int, r.classes)
	for i := range r.books {
		for pass := range 8 {
			r.books[i][pass] = -1
			if passes[i]>>pass&1 == 0 {
				continue
			}
			book := int(b.read(8))
			if book >= len(books) || books[book].values == nil || r.partition%books[book].dims != 0 {
				return fmt.Errorf("codebook %d, want one of %d, of vectors that divide %d", book, len(books), r.partition)
			}
			r.books[i][pass] = book
		}
	}
	if b.over {
		return errors.New("truncated")
	}
	return nil
}

// decode adds to the vectors what the packet holds, up to its end. A nil vector
// is left out; classes is room for the classes of each vector's partitions.
func (r *residue) decode(b *bitReader, books []codebook, vectors [][]float32, size int, classes [][]int) {
	begin, end := min(r.begin, size), min(r.end, size)
	count := (end - begin) / r.partition
	if end <= begin {
		return
	}
	book := &books[r.classbook]
	for pass := range 8 {
		for at := 0; at < count; at += book.dims {
			if pass == 0 && !r.readClasses(b, book, vectors, classes, at, count) {
				return
			}
			for i := at; i < min(at+book.dims, count); i++ {
				for v, vector := range vectors {
					if vector == nil {
						continue
					}
					which := r.books[classes[v][i]][pass]
					if which < 0 {
						continue
					}
					from := begin + i*r.partition
					if !r.add(b, &books[which], vector[from:from+r.partition]) {
						return
					}
				}
			}
		}
	}
}

// readClasses reads the classes of as many partitions as a codeword holds.
func (r *residue) readClasses(b *bitReader, book *codebook, vectors [][]float32, classes [][]int, at, count int) bool {
	for v, vector := range vectors {
		if vector == nil {
			continue
		}
		code := book.decode(b)
		if code < 0 {
			return false
		}
		if len(classes[v]) < count {
			classes[v] = append(classes[v], make([]int, count-len(classes[v]))...)
		}
		for i := at + book.dims - 1; i >= at; i-- {
			if i < count {
				classes[v][i] = code % r.classes
			}
			code /= r.classes
		}
	}
	return true
}

// add reads a partition's vectors.
func (r *residue) add(b *bitReader, book *codebook, partition []float32) bool {
	step := len(partition) / book.dims
	for i := range step {
		entry := book.decode(b)
		if entry < 0 {
			return false
		}
		for j, v := range book.vector(entry) {
			if r.kind == 0 {
				partition[i+j*step] += v
			} else {
				partition[i*book.dims+j] += v
			}
		}
	}
	return true
}
