package mm

// slotPool hands out single cache slots, last freed first.
type slotPool struct {
	free []int32
	size int
}

// grow adds the slots size up to n.
func (p *slotPool) grow(n int) {
	for i := n - 1; i >= p.size; i-- {
		p.free = append(p.free, int32(i))
	}
	p.size = max(p.size, n)
}

// take returns a slot; there must be one.
func (p *slotPool) take() int32 {
	s := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	return s
}

func (p *slotPool) give(slots []int32) { p.free = append(p.free, slots...) }

// span is a run of memory slots.
type span struct{ start, count int32 }

// spanPool hands out runs of slots, first fit, and joins neighbours when they
// come back.
type spanPool struct {
	free []span // by start, never touching
	size int32
}

// grow adds the slots size up to n.
func (p *spanPool) grow(n int32) {
	if n > p.size {
		p.give(span{p.size, n - p.size})
		p.size = n
	}
}

// take returns a run of n slots if there is one.
func (p *spanPool) take(n int32) (span, bool) {
	for i, s := range p.free {
		if s.count < n {
			continue
		}
		if s.count == n {
			p.free = append(p.free[:i], p.free[i+1:]...)
		} else {
			p.free[i] = span{s.start + n, s.count - n}
		}
		return span{s.start, n}, true
	}
	return span{}, false
}

func (p *spanPool) give(s span) {
	i := 0
	for i < len(p.free) && p.free[i].start < s.start {
		i++
	}
	if i > 0 && p.free[i-1].start+p.free[i-1].count == s.start {
		i--
		p.free[i].count += s.count
	} else {
		p.free = append(p.free, span{})
		copy(p.free[i+1:], p.free[i:])
		p.free[i] = s
	}
	if i+1 < len(p.free) && p.free[i].start+p.free[i].count == p.free[i+1].start {
		p.free[i].count += p.free[i+1].count
		p.free = append(p.free[:i+1], p.free[i+2:]...)
	}
}
