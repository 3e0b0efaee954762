package main

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/kernels/cpu"
)

var small = checkpoint.Model{Width: 64, Heads: 2, FFN: 96, Experts: 4, TopExperts: 2, ExpertFFN: 32, Vocab: 130, ConvWidth: 5}

var quick = rule{time.Microsecond, 1}

// TestProductsAreRight times every product of a small model once, which compares
// it with float64 sums, and wants all of them to have a rate.
func TestProductsAreRight(t *testing.T) {
	dev, err := cpu.Open(cpu.Options{Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	all := products(small, 1<<14)
	names := map[string]int{}
	for _, p := range all {
		if names[p.Name]++; p.Name[0] == '5' {
			continue // 512³ is slow in pure Go
		}
		got, err := timeProduct(dev, p, limits{}, quick, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		if !(got.GFLOPS > 0 && got.Read > 0 && got.Seconds > 0) || got.OfPeak != 0 {
			t.Errorf("%+v", got)
		}
	}
	if len(names) != 10 || names["vocabulary"] < 3*len(modelRows) {
		t.Errorf("products %v", names)
	}
}

// TestAWrongProductIsFound wants the comparison to fail for other weights.
func TestAWrongProductIsFound(t *testing.T) {
	dev, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, kind := range dtypes {
		p := product{Name: "p", DType: kind.String(), M: 2, N: 5, K: 64, Groups: 1, Top: 1, Copies: 1}
		m, err := newMultiplier(dev, p, rand.New(rand.NewPCG(1, 2)))
		if err != nil {
			t.Fatal(err)
		}
		if err := m.check(); err != nil {
			t.Fatal(err)
		}
		m.source = randomMatrix(p, rand.New(rand.NewPCG(3, 4)))
		if m.check() == nil {
			t.Errorf("%v: other weights passed", kind)
		}
	}
}

func TestOperationsRun(t *testing.T) {
	dev, err := cpu.Open(cpu.Options{Threads: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, p := range operations(dev, small, rand.New(rand.NewPCG(1, 2))) {
		if o := timeOperation(p, limits{}, quick); !(o.Seconds > 0 && o.Moved > 0) {
			t.Errorf("%+v", o)
		}
	}
}

// TestReadingPicksItsBuffer wants the smallest buffer that is large enough.
func TestReadingPicksItsBuffer(t *testing.T) {
	l := limits{Reads: []reading{{16, 3}, {32, 2}, {64, 1}}}
	for bytes, want := range map[int]float64{1: 3, 16: 3, 17: 2, 64: 1, 1000: 1} {
		if got := l.read(bytes); got != want {
			t.Errorf("%d bytes: %v, want %v", bytes, got, want)
		}
	}
	if got := (limits{}).read(5); got != 0 {
		t.Errorf("no readings: %v", got)
	}
}
