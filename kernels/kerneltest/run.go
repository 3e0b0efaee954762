// Package kerneltest is the suite that every kernels.Device passes: each operation
// against float64 loops, at odd sizes and on strided views; each row's result the
// same to the bit in whatever company; no allocation after the first call.
package kerneltest

import (
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// Run runs the suite. open makes a fresh device for one test, or skips the test
// with the reason; the suite closes it.
func Run(t *testing.T, open func(t testing.TB) kernels.Device) {
	run(t, open, []test{
		{"Memory", testMemory},
		{"Embed", testEmbed},
		{"MatMul", testMatMul},
		{"NotFinite", testNotFinite},
		{"Pack", testPack},
		{"RMSNorm", testRMSNorm},
		{"Copy", testCopy},
		{"Add", testAdd},
		{"Concat", testConcat},
		{"SiLU", testSiLU},
		{"SwiGLU", testSwiGLU},
		{"Rope", testRope},
		{"StoreRows", testStoreRows},
		{"DepthwiseConv", testDepthwiseConv},
		{"PathConv", testPathConv},
		{"Unfold", testUnfold},
		{"GatherConv", testGatherConv},
		{"Attention", testAttention},
		{"PathAttention", testPathAttention},
		{"Routing", testRouting},
		{"TopK", testTopK},
		{"TopKEdges", testTopKEdges},
		{"Chain", testChain},
		{"Company", testCompany},
		{"Allocations", testAllocations},
	})
}

// RunChains runs the part of it that a device may do in more than one way.
func RunChains(t *testing.T, open func(t testing.TB) kernels.Device) {
	run(t, open, []test{{"Chain", testChain}})
}

// test is a part of the suite.
type test struct {
	name string
	run  func(s *suite)
}

func run(t *testing.T, open func(t testing.TB) kernels.Device, tests []test) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			d := open(t)
			t.Cleanup(func() {
				if err := d.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test.run(newSuite(t, d))
		})
	}
}

// The odd sizes: nothing, one, below, at and above the widths of vectors and tiles.
func rowCounts() []int { return []int{0, 1, 2, 7, 33} }
func colCounts() []int { return []int{1, 3, 31, 64, 256, 257} }

// eachShape calls f with every pair of a row and a column count.
func eachShape(f func(rows, cols int)) {
	for _, rows := range rowCounts() {
		for _, cols := range colCounts() {
			f(rows, cols)
		}
	}
}
