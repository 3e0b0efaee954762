package sequence

import "github.com/mm-runtime/mm/kernels"

// Text is the grammar of free text: any token below Limit, which includes the
// end token, save those that Repeats forbids.
type Text struct {
	Limit   int32
	Repeats Repeats
}

// Start places nothing.
func (*Text) Start() []int32 { return nil }

// Allowed is every token below the limit.
func (t *Text) Allowed() kernels.Allowed { return kernels.Allowed{Limit: t.Limit} }

// Forbidden adds the tokens that would repeat what is written once too often.
func (t *Text) Forbidden(ids, written []int32) []int32 { return t.Repeats.Forbidden(ids, written) }

// Weigh leaves the network's word.
func (*Text) Weigh(_ int32, log float64) float64 { return log }

// Accept forces nothing.
func (*Text) Accept(int32) []int32 { return nil }

// Clone returns t, which has no state.
func (t *Text) Clone(Grammar) Grammar { return t }
