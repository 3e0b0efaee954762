// Command kernels times the products and the other operations of a model on the
// CPU device, beside what the machine can do: multiplications in registers, and
// reading memory. It prints one JSON object.
//
//	go run ./bench/kernels --model models/base --threads 2
//	go run ./bench/kernels --model models/base --list   # the plain products, for other libraries
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/kernels/cpu"
)

// report is what is printed.
type report struct {
	Device     string      `json:"device"`
	Threads    int         `json:"threads"`
	Limits     limits      `json:"limits"`
	Products   []timed     `json:"products"`
	Operations []operation `json:"operations"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "kernels:", err)
		os.Exit(1)
	}
}

func run() error {
	model := flag.String("model", "models/base", "model directory, for the sizes")
	threads := flag.Int("threads", 1, "CPU threads")
	rotate := flag.Int("rotate", 12<<20, "bytes of weights that calls of few rows go through")
	sample := flag.Duration("sample", 20*time.Millisecond, "length of a sample")
	samples := flag.Int("samples", 5, "samples, of which the median counts")
	every := flag.Int("every", 1, "time only every n-th product and operation")
	list := flag.Bool("list", false, "print the plain products instead: dtype M N K copies, a line each")
	flag.Parse()
	if *threads < 1 || *threads > cpu.MaxThreads || *samples < 1 || *every < 1 || *rotate < 0 {
		return fmt.Errorf("threads %d, samples %d, every %d, rotate %d: want 1 to %d threads, at least 1 sample, every and 0 bytes",
			*threads, *samples, *every, *rotate, cpu.MaxThreads)
	}
	ckpt, err := checkpoint.Open(*model)
	if err != nil {
		return err
	}
	defer ckpt.Close()
	all := thinned(products(ckpt.Config.Model, *rotate), *every)
	if *list {
		for _, p := range all {
			if p.Groups == 1 {
				fmt.Println(p.DType, p.M, p.N, p.K, p.Copies)
			}
		}
		return nil
	}
	r, err := measure(ckpt.Config.Model, all, *threads, *every, rule{*sample, *samples})
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func measure(c checkpoint.Model, all []product, threads, every int, by rule) (report, error) {
	dev, err := cpu.Open(cpu.Options{Threads: threads})
	if err != nil {
		return report{}, err
	}
	defer dev.Close()
	rng := rand.New(rand.NewPCG(1, 2))
	r := report{Device: dev.Name(), Threads: threads, Limits: measureLimits(threads, by)}
	for _, p := range all {
		t, err := timeProduct(dev, p, r.Limits, by, rng)
		if err != nil {
			return report{}, err
		}
		r.Products = append(r.Products, t)
	}
	for _, p := range thinned(operations(dev, c, rng), every) {
		r.Operations = append(r.Operations, timeOperation(p, r.Limits, by))
	}
	return r, nil
}

// thinned is every n-th of all.
func thinned[T any](all []T, n int) []T {
	var kept []T
	for i := 0; i < len(all); i += n {
		kept = append(kept, all[i])
	}
	return kept
}
