package kernels_test

import (
	"fmt"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// TestTapsAreChecked wants what does not fit to be found before a device sees it.
func TestTapsAreChecked(t *testing.T) {
	matrix := func(rows, cols int) kernels.Tensor { return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols} }
	for _, c := range []struct {
		call func()
		want string
	}{
		{func() { kernels.Unfold(nil, matrix(2, 9), matrix(5, 3), make([]int32, 5)) }, "kernels: Unfold: dst [2 9], x [5 3], 5 indices"},
		{func() { kernels.Unfold(nil, matrix(2, 8), matrix(5, 3), make([]int32, 6)) }, "kernels: Unfold: dst [2 8], x [5 3], 6 indices"},
		{func() { kernels.Unfold(nil, matrix(2, 0), matrix(5, 0), nil) }, "kernels: Unfold: dst [2 0], x [5 0], 0 indices"},
		{func() { kernels.Unfold(nil, matrix(1, 6), matrix(5, 3), []int32{-1, 5}) }, "kernels: Unfold: index 1 is 5, want -1 up to 5"},
		{func() { kernels.Unfold(nil, matrix(1, 6), matrix(0, 3), []int32{0, -1}) }, "kernels: Unfold: index 0 is 0, want -1 up to 0"},
		{func() { kernels.GatherConv(nil, matrix(2, 3), matrix(5, 4), matrix(9, 4), make([]int32, 18)) },
			"kernels: GatherConv: dst [2 3], x [5 4], filter [9 4], 18 indices"},
		{func() { kernels.GatherConv(nil, matrix(2, 4), matrix(5, 4), matrix(9, 4), make([]int32, 17)) },
			"kernels: GatherConv: dst [2 4], x [5 4], filter [9 4], 17 indices"},
		{func() { kernels.GatherConv(nil, matrix(2, 4), matrix(5, 4), matrix(9, 3), make([]int32, 18)) },
			"kernels: GatherConv: x [5 4], filter [9 3], dilation 1"},
		{func() { kernels.GatherConv(nil, matrix(1, 4), matrix(5, 4), matrix(1, 4), []int32{-2}) },
			"kernels: GatherConv: index 0 is -2, want -1 up to 5"},
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); got != c.want {
					t.Errorf("panic %q, want %q", got, c.want)
				}
			}()
			c.call()
		}()
	}
}
