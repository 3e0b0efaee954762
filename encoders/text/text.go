// Package text is the text modality: subword ids to rows of the shared
// representation.
package text

import (
	"math"

	"github.com/mm-runtime/mm/kernels"
)

// Encoder embeds tokens: row = √D · table[id] (Kaiser et al. 2017, section
// 2.5.1). The same table, used as a product, predicts tokens.
type Encoder struct {
	Table kernels.Weight // (vocabulary, D)
}

// Forward writes the rows of ids into dst (len(ids), D).
func (e *Encoder) Forward(dev kernels.Device, dst kernels.Tensor, ids []int32) {
	kernels.Embed(dev, dst, e.Table, ids, float32(math.Sqrt(float64(e.Table.In))))
}
