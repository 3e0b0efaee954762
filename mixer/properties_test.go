package mixer_test

import (
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/mixer"
)

// onEveryPath runs a property on every path with one thread and with two.
func onEveryPath(t *testing.T, check func(t *testing.T, m *model, segments []segment)) {
	_, segments := goldenSegments(t)
	for _, path := range cpu.Paths() {
		for _, threads := range []int{1, 2} {
			t.Run(path, func(t *testing.T) { check(t, openTiny(t, path, threads), segments) })
		}
	}
}

// same wants rows lo up to hi of want at row at of got, to the bit.
func same(t *testing.T, boundary string, got, want []float32, at, lo, hi, cols int) {
	t.Helper()
	for i := range (hi - lo) * cols {
		g, w := got[at*cols+i], want[lo*cols+i]
		if math.Float32bits(g) != math.Float32bits(w) {
			t.Errorf("%s: row %d, column %d: %v, want %v to the bit", boundary, at+i/cols, i%cols, g, w)
			return
		}
	}
}

func isEncoder(boundary string) bool {
	return boundary == "memory" || boundary[0] == 'e'
}

// cols is the width of a boundary's rows.
func cols(boundary string) int {
	if boundary == "logits" {
		return 320
	}
	return tinyShape.Width
}

// TestCachedEqualsFull decodes token by token, in odd pieces and at once.
func TestCachedEqualsFull(t *testing.T) {
	onEveryPath(t, func(t *testing.T, m *model, segments []segment) {
		full := m.run(t, segments, all)
		for _, chunk := range []int{1, 2, 5} {
			for boundary, got := range m.run(t, segments, chunk) {
				same(t, boundary, got, full[boundary], 0, 0, len(full[boundary])/cols(boundary), cols(boundary))
			}
		}
	})
}

// TestFutureDoesNotChangeThePast changes and cuts an output after a position.
func TestFutureDoesNotChangeThePast(t *testing.T) {
	onEveryPath(t, func(t *testing.T, m *model, segments []segment) {
		one := segments[2:3]
		whole := m.run(t, one, all)
		for past := 1; past < len(one[0].tgt); past++ {
			changed := slices.Clone(one[0].tgt)
			for i := past; i < len(changed); i++ {
				changed[i] = (changed[i] + 97) % 256
			}
			for _, tgt := range [][]int32{changed, changed[:past]} {
				for boundary, got := range m.run(t, []segment{{one[0].src, tgt}}, all) {
					if !isEncoder(boundary) {
						same(t, boundary, got, whole[boundary], 0, 0, past, cols(boundary))
					}
				}
			}
		}
	})
}

// TestCompanyChangesNothing runs the segments in every order and number.
func TestCompanyChangesNothing(t *testing.T) {
	onEveryPath(t, func(t *testing.T, m *model, segments []segment) {
		var alone []trace
		for i := range segments {
			alone = append(alone, m.run(t, segments[i:i+1], 1))
		}
		for _, order := range [][]int{{0, 1, 2}, {2, 0, 1}, {1, 2}, {2, 2, 2, 0, 2}} {
			var batch []segment
			for _, i := range order {
				batch = append(batch, segments[i])
			}
			got := m.run(t, batch, 4)
			src, tgt := 0, 0
			for _, i := range order {
				for boundary, want := range alone[i] {
					rows, at := len(segments[i].tgt), tgt
					if isEncoder(boundary) {
						rows, at = len(segments[i].src), src
					}
					same(t, boundary, got[boundary], want, at, 0, rows, cols(boundary))
				}
				src, tgt = src+len(segments[i].src), tgt+len(segments[i].tgt)
			}
		}
	})
}

// TestHypothesesShareTheirPast lets two outputs with one beginning use the same
// slots for it, as beam search does.
func TestHypothesesShareTheirPast(t *testing.T) {
	onEveryPath(t, func(t *testing.T, m *model, segments []segment) {
		src, tgt := segments[2].src, segments[2].tgt
		other := append(slices.Clone(tgt[:len(tgt)-1]), 7)
		apart := m.run(t, []segment{{src, tgt}, {src, other}}, 1)

		defer m.scope.Reset()
		out, cache := trace{}, m.Mixer.NewCache(m.scope.Dev)
		memory := m.encode(t, trace{}, cache, []segment{{src, nil}})
		shared := len(tgt) - 1
		m.decode(t, trace{}, cache, []segment{{src, tgt[:shared]}}, memory, all)
		if err := m.Mixer.Grow(cache, shared+2, 0); err != nil {
			t.Fatal(err)
		}
		n := int32(shared)
		past := make([]int32, shared)
		for i := range past {
			past[i] = int32(i)
		}
		slots := append(append(slices.Clone(past), n), append(past, n+1)...)
		m.step(out, cache, m.embed([]int32{tgt[shared], other[shared]}), mixer.Batch{
			Positions: []int32{n, n}, Slots: []int32{n, n + 1},
			Paths:  kernels.Paths{Slots: slots, Start: []int32{0, n + 1}, Count: []int32{n + 1, n + 1}},
			Memory: kernels.Paths{Slots: memory.Slots, Start: []int32{0, 0}, Count: []int32{int32(len(src)), int32(len(src))}},
		}, []int{0, 1}, 2)
		for boundary, got := range out {
			c := cols(boundary)
			same(t, boundary, got, apart[boundary], 0, shared, shared+1, c)
			same(t, boundary, got, apart[boundary], 1, 2*shared+1, 2*shared+2, c)
		}
	})
}
