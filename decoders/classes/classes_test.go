package classes_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/internal/nn/nntest"
	"github.com/mm-runtime/mm/kernels"
)

const width, heads, labels, eps = 36, 3, 11, 1e-6

// values are a head's.
type values struct{ query, crossNorm, q, kv, out, norm, labels nntest.Matrix }

func newHead(s *nntest.Source) (*classes.Head, values) {
	h := classes.New(nn.Dims{Width: width, Heads: heads, Eps: eps}, labels)
	return h, values{s.Weight(&h.Query), s.Tensor(&h.Cross.Norm), s.Weight(&h.Cross.Q), s.Weight(&h.Cross.KV),
		s.Weight(&h.Cross.Out), s.Tensor(&h.Norm), s.Weight(&h.Labels)}
}

// reference is the head by its formula over the memory of one segment.
func (v values) reference(memory nntest.Matrix) []float64 {
	query := v.query.Wide(0)
	q := v.q.Times(nntest.Norm(query, v.crossNorm, eps))
	rows := len(memory.Values) / width
	var kv [][]float64
	for r := range rows {
		kv = append(kv, v.kv.Times(memory.Wide(r)))
	}
	attended := make([]float64, width)
	const d = width / heads
	for h := range heads {
		weights, sum := make([]float64, rows), 0.0
		for r := range rows {
			score := 0.0
			for c := h * d; c < (h+1)*d; c++ {
				score += q[c] * kv[r][c]
			}
			weights[r] = math.Exp(score / math.Sqrt(d))
			sum += weights[r]
		}
		for r := range rows {
			for c := h * d; c < (h+1)*d; c++ {
				attended[c] += weights[r] / sum * kv[r][width+c]
			}
		}
	}
	return v.labels.Times(nntest.Norm(nntest.Plus(query, v.out.Times(attended)), v.norm, eps))
}

// decide runs segments of memory in one batch and returns the logits of each.
func decide(t testing.TB, s *nntest.Source, h *classes.Head, segments []nntest.Matrix) [][]float32 {
	defer s.Scope.Reset()
	segs, rows := kernels.Segments{0}, []float32(nil)
	for _, m := range segments {
		rows = append(rows, m.Values...)
		segs = append(segs, int32(len(rows)/width))
	}
	memory := s.Rows(len(rows)/width, width)
	s.Dev.Write(memory, rows)
	got := s.Read(h.Logits(s.Scope, memory, segs))
	nntest.Same(t, "the memory", s.Read(memory), rows)
	return slices.Collect(slices.Chunk(got, labels))
}

func segmentsOf(s *nntest.Source, lengths ...int) []nntest.Matrix {
	segments := make([]nntest.Matrix, len(lengths))
	for i, n := range lengths {
		segments[i] = nntest.Matrix{Cols: width, Values: s.Values(n*width, 1)}
	}
	return segments
}

func TestLogits(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h, v := newHead(s)
		segments := segmentsOf(s, 1, 5, 401, 2)
		for i, got := range decide(t, s, h, segments) {
			nntest.Near(t, fmt.Sprintf("segment %d", i), got, [][]float64{v.reference(segments[i])})
		}
		if got := decide(t, s, h, nil); len(got) != 0 {
			t.Errorf("no segments: %d results", len(got))
		}
	})
}

// TestCompany decides segments alone and together, in both orders.
func TestCompany(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h, _ := newHead(s)
		segments := segmentsOf(s, 17, 1, 433, 2, 90)
		together := decide(t, s, h, segments)
		for i := range segments {
			nntest.Same(t, fmt.Sprintf("segment %d alone", i), decide(t, s, h, segments[i:i+1])[0], together[i])
		}
		slices.Reverse(segments)
		for i, got := range decide(t, s, h, segments) {
			nntest.Same(t, "in the other order", got, together[len(segments)-1-i])
		}
	})
}

func TestSoftmax(t *testing.T) {
	for _, c := range []struct {
		logits []float32
		want   []float64
	}{
		{nil, []float64{}},
		{[]float32{7}, []float64{1}},
		{[]float32{3, 3}, []float64{0.5, 0.5}},
		{[]float32{0, float32(math.Log(3))}, []float64{0.25, 0.75}},
		{[]float32{1e30, -1e30, 1e30}, []float64{0.5, 0, 0.5}}, // whose exponentials are no numbers
	} {
		got := classes.Softmax(c.logits)
		if !slices.EqualFunc(got, c.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-7 }) {
			t.Errorf("softmax of %v: %v, want %v", c.logits, got, c.want)
		}
	}
	for _, p := range classes.Softmax([]float32{1, float32(math.NaN()), 2}) {
		if !math.IsNaN(p) {
			t.Errorf("a logit that is no number: probability %v, want it to show", p)
		}
	}
}

func TestRanked(t *testing.T) {
	if got := classes.Ranked([]float64{0.1, 0.3, 0.1, 0.4, 0.1}); !slices.Equal(got, []int{3, 1, 0, 2, 4}) {
		t.Errorf("ranked %v, want the best first and of equals the lower", got)
	}
	if got := classes.Ranked(nil); len(got) != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
