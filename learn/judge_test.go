package learn

import (
	"math"
	"testing"

	"github.com/mm-runtime/mm/decoders/classes"
)

// TestJudgeTogether wants many examples judged as each is by itself, up to how float32
// sums are rounded.
func TestJudgeTogether(t *testing.T) {
	s := blobs(5, 260, 64, 30, 1)
	n := start(s, 5, FitOptions{Hidden: 256, Seed: 1})
	for i := range n.HiddenBias {
		n.HiddenBias[i] = float32(i%7) / 10
	}
	if s.Len()*len(n.Hidden) < manyProducts {
		t.Fatal("too few examples for a product of matrices")
	}
	loss, right := 0.0, 0
	for i, row := range logits(n, s) {
		alone := n.Logits(s.Row(i))
		for l := range alone {
			if math.Abs(float64(row[l]-alone[l])) > 1e-4 {
				t.Fatalf("example %d: logits %v, alone %v", i, row, alone)
			}
		}
		probs := classes.Softmax(row)
		if loss -= math.Log(probs[s.Labels[i]]); best(probs) == s.Labels[i] {
			right++
		}
	}
	gotLoss, accuracy := Judge(n, s)
	if math.Abs(gotLoss-loss/float64(s.Len())) > 1e-9 || accuracy != float64(right)/float64(s.Len()) {
		t.Errorf("loss %v, accuracy %v, want %v and %d of %d", gotLoss, accuracy, loss/float64(s.Len()), right, s.Len())
	}
	total := 0
	for _, row := range Confusion(n, s, 5) {
		for _, count := range row {
			total += count
		}
	}
	if total != s.Len() {
		t.Errorf("%d confusions of %d examples", total, s.Len())
	}
}
