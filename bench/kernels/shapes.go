package main

import (
	"fmt"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/kernels"
)

// product is dst (M, N) = x (M, K)·wᵀ with Groups stacked matrices, of which
// each row meets Top (Groups is 1 for a plain product).
type product struct {
	Name   string `json:"name"`
	DType  string `json:"dtype"`
	M      int    `json:"m"`
	N      int    `json:"n"`
	K      int    `json:"k"`
	Groups int    `json:"groups"`
	Top    int    `json:"top"`
	// Copies of the weight that the calls take in turn: 1 leaves it in the
	// nearest cache that holds it, more leave it where the model's weights are.
	Copies int `json:"copies"`
}

// square is the product that libraries are compared by.
const square = 512

// modelRows are the rows of the products at the model's shapes: one hypothesis,
// a few, a batch, a packed batch of sources.
var modelRows = []int{1, 8, 64, 512}

// streamed is the largest number of rows at which a product is bound by reading
// its weights, so that it matters where they are.
const streamed = 8

var dtypes = []kernels.DType{kernels.F32, kernels.BF16, kernels.I8}

// products are all that a model of these sizes multiplies by. rotate is how many
// bytes of weights the calls go through where the weights are to be far away.
func products(c checkpoint.Model, rotate int) []product {
	var all []product
	for _, t := range dtypes {
		all = append(all, product{fmt.Sprintf("%d³", square), t.String(), square, square, square, 1, 1, 1})
		for _, w := range weights(c) {
			for _, m := range modelRows {
				w.DType, w.M, w.Copies = t.String(), m, 1
				all = append(all, w)
				if far := (rotate + w.bytes() - 1) / w.bytes(); m <= streamed && far > 1 {
					w.Copies = far
					all = append(all, w)
				}
			}
		}
	}
	return all
}

func weights(c checkpoint.Model) []product {
	D := c.Width
	return []product{
		{Name: "attention qkv", N: 3 * D, K: D, Groups: 1, Top: 1},
		{Name: "out, conv", N: D, K: D, Groups: 1, Top: 1}, // also the queries of cross-attention
		{Name: "cross kv", N: 2 * D, K: D, Groups: 1, Top: 1},
		{Name: "merge", N: D, K: 2 * D, Groups: 1, Top: 1},
		{Name: "ffn up", N: 2 * c.FFN, K: D, Groups: 1, Top: 1},
		{Name: "ffn down", N: D, K: c.FFN, Groups: 1, Top: 1},
		{Name: "vocabulary", N: c.Vocab, K: D, Groups: 1, Top: 1},
		{Name: "experts up", N: 2 * c.ExpertFFN, K: D, Groups: c.Experts, Top: c.TopExperts},
		{Name: "experts down", N: D, K: c.ExpertFFN, Groups: c.Experts, Top: c.TopExperts},
	}
}

func (p product) dtype() kernels.DType {
	for _, t := range dtypes {
		if t.String() == p.DType {
			return t
		}
	}
	panic("kernels: type " + p.DType)
}

// bytes of the weight's elements, scales left out.
func (p product) bytes() int {
	size := map[kernels.DType]int{kernels.F32: 4, kernels.BF16: 2, kernels.I8: 1}[p.dtype()]
	return size * p.Groups * p.N * p.K
}

// flops of one call.
func (p product) flops() float64 { return 2 * float64(p.M*p.Top) * float64(p.N) * float64(p.K) }

// read is how many bytes of weights a call needs: of the experts at most those
// that the rows can choose.
func (p product) read() float64 {
	return float64(p.bytes()) / float64(p.Groups) * float64(min(p.Groups, p.M*p.Top))
}
