// Command serve asks one model from many goroutines at once, requests of all
// tasks mixed, and the same requests one by one: how much faster, how late the
// last answers come, and whether every answer is the one that it is alone, to the
// bit. Then it asks many short requests and watches the memory. Requests come
// from standard input, a JSON object a line; one JSON object is printed.
//
//	{"task": "translate", "to": "de", "text": "Good night."}
//	{"task": "parse", "words": ["It", "works", "."]}
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/models/base"
)

// report is what is printed.
type report struct {
	Device     string  `json:"device"`
	Requests   int     `json:"requests"`
	Goroutines int     `json:"goroutines"`
	Rounds     int     `json:"rounds"`
	Alone      service `json:"alone"`    // one by one
	Together   service `json:"together"` // by all goroutines
	Ratio      float64 `json:"ratio"`    // of their requests a second
	Different  int     `json:"different"`
	Soak       *soak   `json:"soak,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	model := flag.String("model", "", "model directory (default: the embedded one)")
	threads := flag.Int("threads", 0, "CPU threads, 0 for all")
	goroutines := flag.Int("goroutines", 64, "that ask at once")
	rounds := flag.Int("rounds", 3, "of all requests one by one and together, of which the median counts")
	short := flag.Int("soak", 100_000, "short requests during which memory is watched, 0 for none")
	flag.Parse()
	if *goroutines < 1 || *rounds < 1 || *short < 0 {
		return fmt.Errorf("%d goroutines, %d rounds, soak %d: want at least 1, 1 and 0", *goroutines, *rounds, *short)
	}
	inputs, err := read(os.Stdin)
	if err != nil {
		return err
	}
	m, err := open(*model, *threads)
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := compare(context.Background(), m, inputs, *goroutines, *rounds)
	if err != nil {
		return err
	}
	if *short > 0 {
		if r.Soak, err = watch(context.Background(), m, shortest(inputs), *goroutines, *short); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(r)
}

func open(path string, threads int) (*mm.Model, error) {
	if path != "" {
		return mm.Open(path, mm.WithThreads(threads))
	}
	return mm.Load(base.FS, mm.WithThreads(threads))
}

// read reads the requests.
func read(in io.Reader) ([]mm.Input, error) {
	var inputs []mm.Input
	lines := json.NewDecoder(bufio.NewReader(in))
	for {
		var line struct {
			Task, To, Text string
			Words          []string
		}
		if err := lines.Decode(&line); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		inputs = append(inputs, mm.Input{Task: line.Task, To: line.To, Text: line.Text, Words: line.Words})
	}
	if len(inputs) == 0 {
		return nil, errors.New("standard input has no requests, want a JSON object a line")
	}
	return inputs, nil
}
