package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/mm-runtime/mm"
)

// request is work to time: inputs, of which so many at a time form a batch.
type request struct {
	Task      string     `json:"task"` // translate, parse, transcribe, classify, or memory for what the process holds
	To        string     `json:"to"`
	Batch     int        `json:"batch"`
	MaxTokens int        `json:"max_tokens"` // of each output, 0 for the default
	Texts     []string   `json:"texts"`      // to translate
	Words     [][]string `json:"words"`      // to parse
	Files     []string   `json:"files"`      // to transcribe, greedily, or to classify
}

// answer has the outputs in order, with the tokens that the model wrote, ends
// left out, or the memory held.
type answer struct {
	Seconds  float64  `json:"seconds"`
	Texts    []string `json:"texts"`
	Tokens   []int    `json:"tokens"`
	Resident int64    `json:"resident"` // bytes now
	Peak     int64    `json:"peak"`     // bytes at most since the last request for memory
	Error    string   `json:"error,omitempty"`
}

func (r request) inputs() ([]mm.Input, error) {
	var inputs []mm.Input
	switch r.Task {
	case "translate":
		for _, text := range r.Texts {
			inputs = append(inputs, mm.Input{Task: r.Task, To: r.To, Text: text, MaxTokens: r.MaxTokens})
		}
	case "parse":
		for _, words := range r.Words {
			inputs = append(inputs, mm.Input{Task: r.Task, Words: words})
		}
	case "transcribe", "classify":
		for _, name := range r.Files {
			data, err := os.ReadFile(name)
			if err != nil {
				return nil, err
			}
			in := mm.Input{Task: r.Task}
			if r.Task == "classify" {
				in.Image = bytes.NewReader(data)
			} else {
				in.Audio, in.Beam = bytes.NewReader(data), 1
			}
			inputs = append(inputs, in)
		}
	default:
		return nil, fmt.Errorf("task %q, want translate, parse, transcribe, classify or memory", r.Task)
	}
	if len(inputs) == 0 || r.Batch < 1 {
		return nil, fmt.Errorf("%d inputs in batches of %d, want at least 1 of each", len(inputs), r.Batch)
	}
	return inputs, nil
}

func (r request) answer(ctx context.Context, m *mm.Model) (answer, error) {
	if r.Task == "memory" {
		return held()
	}
	inputs, err := r.inputs()
	if err != nil {
		return answer{}, err
	}
	results := make([]mm.Result, 0, len(inputs))
	start := time.Now()
	for group := range slices.Chunk(inputs, r.Batch) {
		results = append(results, runGroup(ctx, m, group)...)
	}
	a := answer{Seconds: time.Since(start).Seconds()}
	for _, out := range results {
		if out.Err != nil {
			return answer{}, out.Err
		}
		a.Texts, a.Tokens = append(a.Texts, out.Text), append(a.Tokens, out.Tokens)
	}
	return a, nil
}

func runGroup(ctx context.Context, m *mm.Model, group []mm.Input) []mm.Result {
	if len(group) > 1 {
		return m.RunBatch(ctx, group)
	}
	out, err := m.Run(ctx, group[0])
	return []mm.Result{{Output: out, Err: err}}
}
