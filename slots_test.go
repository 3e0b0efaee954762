package mm

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestSlotPool(t *testing.T) {
	var p slotPool
	p.grow(3)
	p.grow(2) // never shrinks
	taken := []int32{p.take(), p.take(), p.take()}
	if !slices.Equal(taken, []int32{0, 1, 2}) || len(p.free) != 0 || p.size != 3 {
		t.Errorf("took %v, %d free of %d, want 0, 1, 2 and none of 3", taken, len(p.free), p.size)
	}
	p.give([]int32{2, 0})
	if s := p.take(); s != 0 {
		t.Errorf("took %d, want 0, the last given back", s)
	}
	p.grow(5)
	rest := []int32{p.take(), p.take(), p.take()}
	slices.Sort(rest)
	if !slices.Equal(rest, []int32{2, 3, 4}) {
		t.Errorf("took %v after growing, want 2, 3 and 4", rest)
	}
}

func TestSpanPoolIsFirstFit(t *testing.T) {
	var p spanPool
	if _, ok := p.take(1); ok {
		t.Error("an empty pool gave a span")
	}
	p.grow(10)
	p.grow(4) // never shrinks
	a, _ := p.take(3)
	b, _ := p.take(2)
	c, _ := p.take(5)
	if a != (span{0, 3}) || b != (span{3, 2}) || c != (span{5, 5}) || len(p.free) != 0 {
		t.Fatalf("took %v, %v, %v, %v free", a, b, c, p.free)
	}
	p.give(a)
	p.give(c)
	if s, ok := p.take(4); s != (span{5, 4}) || !ok {
		t.Errorf("took %v of %v, want 4 at 5, the first that fits", s, p.free)
	}
	if s, ok := p.take(4); ok {
		t.Errorf("took %v where only 3 and 1 are free", s)
	}
	p.give(b) // between a and what is left of c
	if want := []span{{0, 5}, {9, 1}}; !slices.Equal(p.free, want) {
		t.Errorf("free %v, want %v", p.free, want)
	}
	p.give(span{5, 4})
	if want := []span{{0, 10}}; !slices.Equal(p.free, want) {
		t.Errorf("free %v, want %v", p.free, want)
	}
	p.grow(12)
	if want := []span{{0, 12}}; !slices.Equal(p.free, want) {
		t.Errorf("free %v after growing, want %v", p.free, want)
	}
}

// TestSpanPoolAtRandom compares the pool with a list of who has which slot.
func TestSpanPoolAtRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1706, 1))
	var p spanPool
	var owner []bool
	var taken []span
	set := func(s span, to bool) {
		for i := s.start; i < s.start+s.count; i++ {
			if owner[i] == to {
				t.Fatalf("slot %d of span %v: taken is %v already", i, s, to)
			}
			owner[i] = to
		}
	}
	for range 5000 {
		if len(taken) > 0 && r.IntN(2) == 0 {
			i := r.IntN(len(taken))
			set(taken[i], false)
			p.give(taken[i])
			taken = slices.Delete(taken, i, i+1)
			continue
		}
		n := 1 + r.Int32N(20)
		s, ok := p.take(n)
		if !ok {
			p.grow(p.size + n)
			owner = append(owner, make([]bool, int(p.size)-len(owner))...)
			if s, ok = p.take(n); !ok {
				t.Fatalf("no span of %d after growing by as much", n)
			}
		}
		set(s, true)
		taken = append(taken, s)
	}
	for _, s := range taken {
		p.give(s)
	}
	if len(p.free) != 1 || p.free[0] != (span{0, p.size}) {
		t.Errorf("free %v, want all %d in one span", p.free, p.size)
	}
}
