package vorbis

import (
	"errors"
	"fmt"
)

// Decode decodes an audio packet and returns the samples that it completes, by
// channel; they are good until the next call.
func (d *Decoder) Decode(packet []byte) ([][]float32, error) {
	b := &bitReader{data: packet}
	if b.read(1) != 0 {
		return nil, errors.New("not an audio packet")
	}
	number := int(b.read(ilog(len(d.setup.modes) - 1)))
	if number >= len(d.setup.modes) {
		return nil, fmt.Errorf("mode %d, want one of %d", number, len(d.setup.modes))
	}
	mode := d.setup.modes[number]
	before, after := mode.long, mode.long // the neighbours' sizes, where they matter
	if mode.long == 1 {
		before, after = int(b.read(1)), int(b.read(1))
	}
	if b.over {
		return nil, errors.New("truncated")
	}
	n := d.blocks[mode.long]
	d.spectra(b, &d.setup.mappings[mode.mapping], n/2)
	for c := range d.channel {
		block := d.channel[c].block[:n]
		d.transform[mode.long].inverse(block, d.channel[c].coeffs[:n/2])
		d.window(block, before, after)
	}
	return d.overlap(n), nil
}

// spectra reads the coefficients of all channels (section 4.3).
func (d *Decoder) spectra(b *bitReader, m *mapping, size int) {
	for c := range d.channel {
		ch := &d.channel[c]
		ch.floor, ch.used = d.setup.floors[m.floors[m.mux[c]]].decode(b, d.setup.books, ch.floor)
		clear(ch.coeffs[:size])
	}
	wanted := d.wanted
	for c := range wanted {
		wanted[c] = d.channel[c].used
	}
	for _, pair := range m.coupling {
		if wanted[pair[0]] || wanted[pair[1]] {
			wanted[pair[0]], wanted[pair[1]] = true, true
		}
	}
	for submap, r := range m.residues {
		d.residues(b, &d.setup.residues[r], m, submap, wanted, size)
	}
	for i := len(m.coupling) - 1; i >= 0; i-- {
		decouple(d.channel[m.coupling[i][0]].coeffs[:size], d.channel[m.coupling[i][1]].coeffs[:size])
	}
	for c := range d.channel {
		ch := &d.channel[c]
		if !ch.used {
			clear(ch.coeffs[:size])
			continue
		}
		d.setup.floors[m.floors[m.mux[c]]].apply(ch.floor, ch.coeffs[:size])
	}
}

// residues reads the residue vectors of a submap's channels.
func (d *Decoder) residues(b *bitReader, r *residue, m *mapping, submap int, wanted []bool, size int) {
	d.residue = d.residue[:0]
	any := false
	for c := range d.channel {
		if m.mux[c] != submap {
			continue
		}
		vector := d.channel[c].coeffs[:size]
		if !wanted[c] && r.kind != 2 {
			vector = nil
		}
		any = any || wanted[c]
		d.residue = append(d.residue, vector)
	}
	for len(d.classes) < len(d.residue) {
		d.classes = append(d.classes, nil)
	}
	if !any {
		return
	}
	if r.kind != 2 {
		r.decode(b, d.setup.books, d.residue, size, d.classes)
		return
	}
	// One vector of all channels, interleaved.
	channels := len(d.residue)
	d.joined = append(d.joined[:0], make([]float32, size*channels)...)
	r.decode(b, d.setup.books, [][]float32{d.joined}, len(d.joined), d.classes)
	for c, vector := range d.residue {
		for i := range vector {
			vector[i] = d.joined[i*channels+c]
		}
	}
}

// decouple turns magnitude and angle into two channels (section 4.3.5).
func decouple(magnitude, angle []float32) {
	for i, m := range magnitude {
		a := angle[i]
		switch {
		case m > 0 && a > 0:
			angle[i] = m - a
		case m > 0:
			magnitude[i], angle[i] = m+a, m
		case a > 0:
			angle[i] = m + a
		default:
			magnitude[i], angle[i] = m-a, m
		}
	}
}

// window fades a block in and out over the sizes of its neighbours, 0 for short.
func (d *Decoder) window(block []float32, before, after int) {
	n := len(block)
	rise, fall := d.slopes[before], d.slopes[after]
	start := n/4 - len(rise)/2
	clear(block[:start])
	for i, w := range rise {
		block[start+i] *= w
	}
	end := n*3/4 - len(fall)/2
	for i, w := range fall {
		block[end+len(fall)-1-i] *= w
	}
	clear(block[end+len(fall):])
}

// overlap adds the first half of this block to the second half of the one before,
// quarter points aligned, and keeps this one's second half.
func (d *Decoder) overlap(n int) [][]float32 {
	previous := d.previous
	d.previous = n
	count := (previous + n) / 4
	if previous == 0 {
		count = 0
	}
	for c := range d.channel {
		ch := &d.channel[c]
		out := d.out[c][:count]
		// Both are centred on a point a quarter of its block from the output's ends.
		lead := previous/4 - n/4
		for i := range out {
			v := float32(0)
			if i < previous/2 {
				v = ch.tail[i]
			}
			if at := i - lead; at >= 0 && at < n/2 {
				v += ch.block[at]
			}
			out[i] = v
		}
		copy(ch.tail, ch.block[n/2:n])
	}
	for c := range d.views {
		d.views[c] = d.out[c][:count]
	}
	return d.views
}
