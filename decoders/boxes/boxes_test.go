package boxes_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/decoders/boxes"
	"github.com/mm-runtime/mm/internal/nn/nntest"
)

const width, labels, eps = 33, 3, 1e-6

// values are a head's.
type values struct{ norm, hidden, out nntest.Matrix }

func newHead(s *nntest.Source) (*boxes.Head, values) {
	h := boxes.New(width, labels, eps)
	if h.Bias.Cols != labels+5 {
		panic("bias of another length")
	}
	return h, values{s.Tensor(&h.Norm), s.Weight(&h.Hidden), s.Weight(&h.Out)}
}

func forward(t testing.TB, s *nntest.Source, h *boxes.Head, rows []float32) []float32 {
	defer s.Scope.Reset()
	x := s.Rows(len(rows)/width, width)
	s.Dev.Write(x, rows)
	got := s.Read(h.Forward(s.Scope, x))
	nntest.Same(t, "the rows", s.Read(x), rows)
	return got
}

func TestForward(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h, v := newHead(s)
		for _, n := range []int{0, 1, 13, 433} {
			x := nntest.Matrix{Cols: width, Values: s.Values(n*width, 1)}
			var want [][]float64
			for r := range n {
				hidden := v.hidden.Times(nntest.Norm(x.Wide(r), v.norm, eps))
				want = append(want, v.out.Times(nntest.SiLU(hidden)))
			}
			nntest.Near(t, fmt.Sprintf("%d rows", n), forward(t, s, h, x.Values), want)
		}
	})
}

// TestCompany runs rows alone and together.
func TestCompany(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		h, _ := newHead(s)
		rows := s.Values(200*width, 1)
		together := slices.Collect(slices.Chunk(forward(t, s, h, rows), labels+5))
		for i, row := range slices.Collect(slices.Chunk(rows, width)) {
			nntest.Same(t, fmt.Sprintf("row %d", i), forward(t, s, h, row), together[i])
		}
	})
}
