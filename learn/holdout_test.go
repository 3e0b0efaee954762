package learn

import "testing"

// TestHoldOut wants no epoch chosen by a handful of examples.
func TestHoldOut(t *testing.T) {
	for _, n := range []int{3, 12, 40} {
		s := blobs(3, n, 4, 10, 1)
		train, dev := HoldOut(s, 0.2, 1)
		want := 3 * (n / 5)
		if want < judges {
			want = 0
		}
		if dev.Len() != want || train.Len()+dev.Len() != s.Len() {
			t.Errorf("%d a class: %d to learn from and %d to choose by, want %d of the second", n, train.Len(), dev.Len(), want)
		}
	}
}
