// Command decode times greedy translation of the lines of standard input: one
// at a time, then all in one batch, and the start from nothing to the first
// translation. It prints one JSON object.
//
//	go run ./bench/decode --to de < sentences.txt
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/models/base"
)

// report is what is printed. Tokens count the output's, without the end.
type report struct {
	Device       string  `json:"device"`
	Sentences    int     `json:"sentences"`
	Tokens       int     `json:"tokens"`
	StartMS      float64 `json:"start_ms"`        // load and first translation
	SingleTokens float64 `json:"single_tok_s"`    // one sentence at a time, median of runs
	BatchTokens  float64 `json:"batch_tok_s"`     // all in one batch, median of runs
	Same         bool    `json:"same_in_a_batch"` // every translation equal in both
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "decode:", err)
		os.Exit(1)
	}
}

func run() error {
	to := flag.String("to", "de", "target language")
	model := flag.String("model", "", "model directory (default: the embedded one)")
	threads := flag.Int("threads", 0, "CPU threads, 0 for all")
	runs := flag.Int("runs", 3, "timed runs of each kind")
	single := flag.Int("single", 100, "sentences of the one-at-a-time run")
	flag.Parse()
	if *runs < 1 || *single < 1 {
		return fmt.Errorf("%d runs and %d single sentences, want at least 1 of each", *runs, *single)
	}
	inputs, err := read(*to)
	if err != nil {
		return err
	}
	start := time.Now()
	m, err := open(*model, *threads)
	if err != nil {
		return err
	}
	defer m.Close()
	ctx := context.Background()
	if _, err := m.Run(ctx, inputs[0]); err != nil {
		return err
	}
	r := report{Device: m.Info().Device, Sentences: len(inputs), StartMS: ms(time.Since(start)), Same: true}

	few := inputs[:min(*single, len(inputs))]
	alone := make([]string, len(few))
	if r.SingleTokens, _, err = rate(*runs, func() (int, error) {
		return oneByOne(ctx, m, few, alone)
	}); err != nil {
		return err
	}
	var together []mm.Result
	r.BatchTokens, r.Tokens, err = rate(*runs, func() (int, error) {
		together = m.RunBatch(ctx, inputs)
		return count(together)
	})
	if err != nil {
		return err
	}
	for i, text := range alone {
		r.Same = r.Same && text == together[i].Text
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func open(path string, threads int) (*mm.Model, error) {
	if path != "" {
		return mm.Open(path, mm.WithThreads(threads))
	}
	return mm.Load(base.FS, mm.WithThreads(threads))
}

func read(to string) ([]mm.Input, error) {
	var inputs []mm.Input
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		inputs = append(inputs, mm.Input{Task: "translate", To: to, Text: lines.Text()})
	}
	if len(inputs) == 0 && lines.Err() == nil {
		return nil, fmt.Errorf("standard input has no lines, want sentences")
	}
	return inputs, lines.Err()
}

// rate runs work once to warm up and then several times; it returns the median
// of tokens a second, and the tokens of a run.
func rate(runs int, work func() (int, error)) (float64, int, error) {
	var rates []float64
	var tokens int
	for i := range runs + 1 {
		start := time.Now()
		n, err := work()
		if err != nil {
			return 0, 0, err
		}
		if tokens = n; i > 0 {
			rates = append(rates, float64(n)/time.Since(start).Seconds())
		}
	}
	slices.Sort(rates)
	return rates[len(rates)/2], tokens, nil
}

func oneByOne(ctx context.Context, m *mm.Model, inputs []mm.Input, texts []string) (int, error) {
	tokens := 0
	for i, in := range inputs {
		out, err := m.Run(ctx, in)
		if err != nil {
			return 0, err
		}
		texts[i] = out.Text
		tokens += out.Tokens
	}
	return tokens, nil
}

func count(results []mm.Result) (int, error) {
	tokens := 0
	for _, r := range results {
		if r.Err != nil {
			return 0, r.Err
		}
		tokens += r.Tokens
	}
	return tokens, nil
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
