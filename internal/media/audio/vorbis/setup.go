package vorbis

import (
	"errors"
	"fmt"
)

// setup is the setup header (section 4.2.4): the tables that packets refer to.
type setup struct {
	books    []codebook
	floors   []floor
	residues []residue
	mappings []mapping
	modes    []mode
}

// mapping says how the channels of a block are coded (section 4.2.4, mappings).
type mapping struct {
	coupling [][2]int // magnitude and angle channels
	mux      []int    // submap of each channel
	floors   []int    // of each submap
	residues []int
}

// mode is a kind of block.
type mode struct {
	long    int
	mapping int
}

func (s *setup) read(packet []byte, channels int) error {
	if len(packet) < 7 || string(packet[:7]) != "\x05vorbis" {
		return fmt.Errorf("%q, want \"\\x05vorbis\"", packet[:min(len(packet), 7)])
	}
	b := &bitReader{data: packet[7:]}
	left := &budget{entries: maxEntries, values: maxValues}
	s.books = make([]codebook, b.read(8)+1)
	for i := range s.books {
		if err := s.books[i].read(b, left); err != nil {
			return fmt.Errorf("codebook %d: %w", i, err)
		}
	}
	for range b.read(6) + 1 {
		if b.read(16) != 0 {
			return errors.New("time domain transform, want none")
		}
	}
	s.floors = make([]floor, b.read(6)+1)
	for i := range s.floors {
		if err := s.floors[i].read(b, s.books); err != nil {
			return fmt.Errorf("floor %d: %w", i, err)
		}
	}
	s.residues = make([]residue, b.read(6)+1)
	for i := range s.residues {
		if err := s.residues[i].read(b, s.books); err != nil {
			return fmt.Errorf("residue %d: %w", i, err)
		}
	}
	s.mappings = make([]mapping, b.read(6)+1)
	for i := range s.mappings {
		if err := s.mappings[i].read(b, s, channels); err != nil {
			return fmt.Errorf("mapping %d: %w", i, err)
		}
	}
	return s.readModes(b)
}

func (m *mapping) read(b *bitReader, s *setup, channels int) error {
	if kind := b.read(16); kind != 0 {
		return fmt.Errorf("type %d, want 0", kind)
	}
	submaps := 1
	if b.read(1) == 1 {
		submaps = int(b.read(4)) + 1
	}
	if b.read(1) == 1 {
		m.coupling = make([][2]int, b.read(8)+1)
	}
	for i := range m.coupling {
		magnitude, angle := int(b.read(ilog(channels-1))), int(b.read(ilog(channels-1)))
		if magnitude == angle || magnitude >= channels || angle >= channels {
			return fmt.Errorf("couples channels %d and %d, want two of %d", magnitude, angle, channels)
		}
		m.coupling[i] = [2]int{magnitude, angle}
	}
	if b.read(2) != 0 {
		return errors.New("reserved bits, want zeros")
	}
	m.mux = make([]int, channels)
	for c := range m.mux {
		if submaps == 1 {
			continue
		}
		if m.mux[c] = int(b.read(4)); m.mux[c] >= submaps {
			return fmt.Errorf("submap %d, want one of %d", m.mux[c], submaps)
		}
	}
	for range submaps {
		b.read(8) // unused
		floor, residue := int(b.read(8)), int(b.read(8))
		if floor >= len(s.floors) || residue >= len(s.residues) {
			return fmt.Errorf("floor %d and residue %d, want one of %d and one of %d", floor, residue, len(s.floors), len(s.residues))
		}
		m.floors, m.residues = append(m.floors, floor), append(m.residues, residue)
	}
	return nil
}

func (s *setup) readModes(b *bitReader) error {
	s.modes = make([]mode, b.read(6)+1)
	for i := range s.modes {
		long, window, transform, mapping := int(b.read(1)), b.read(16), b.read(16), int(b.read(8))
		if window != 0 || transform != 0 || mapping >= len(s.mappings) {
			return fmt.Errorf("mode %d: window %d, transform %d, mapping %d, want 0, 0 and one of %d", i, window, transform, mapping, len(s.mappings))
		}
		s.modes[i] = mode{long: long, mapping: mapping}
	}
	if b.read(1) == 0 || b.over {
		return errors.New("no framing bit: truncated")
	}
	return nil
}
