package learn

import (
	"fmt"
	"slices"

	"github.com/mm-runtime/mm"
)

// With is the pack after a class was added to its head: spec is the head's, and rows
// the features of the examples, which the memory takes in.
func (p *Pack) With(spec mm.HeadSpec, rows [][]float32) *Pack {
	more := *p
	more.HeadSpec = spec
	own := Set{Width: p.Network.Features()}
	for _, row := range rows {
		own.Rows, own.Labels = append(own.Rows, row...), append(own.Labels, len(spec.Labels)-1)
	}
	labels := len(spec.Labels)
	memory := p.Memory
	if room := p.Limit - own.Len(); memory.Len() > room {
		memory = Shrink(memory, labels, max(room, p.Limit*(labels-1)/labels))
	}
	own = Herd(spec.Network, own, labels, p.Limit-memory.Len())
	more.Memory = memory.Add(own)
	return &more
}

// Without is the pack less a class. The logits of the others stay the same to the bit.
func (p *Pack) Without(label string) (*Pack, error) {
	at := slices.Index(p.Labels, label)
	switch {
	case at < 0:
		return nil, fmt.Errorf("learn: class %q: the head has none of this name", label)
	case len(p.Labels) == 1:
		return nil, fmt.Errorf("learn: class %q: it is the head's only one", label)
	}
	less := *p
	less.Network = p.Network.Without(at)
	less.Labels = slices.Delete(slices.Clone(p.Labels), at, at+1)
	less.Memory, less.Held = p.Memory.without(at), p.Held.without(at)
	return &less, nil
}

// without leaves out the examples of a label and moves the later labels down.
func (s Set) without(label int) Set {
	var kept []int
	for i, l := range s.Labels {
		if l != label {
			kept = append(kept, i)
		}
	}
	out := s.Pick(kept)
	for i, l := range out.Labels {
		if l > label {
			out.Labels[i]--
		}
	}
	return out
}
