// Command serve asks one model from many goroutines at once, requests of all
// tasks mixed, and the same requests in one batch and one by one: how much
// faster, how late the last answers come, and whether every answer is the one
// that it is alone, to the bit. Then it asks many short requests and watches the
// memory. Requests come from standard input, a JSON object a line, and files are
// read beforehand; one JSON object is printed.
//
//	{"task": "translate", "to": "de", "text": "Good night."}
//	{"task": "parse", "words": ["It", "works", "."]}
//	{"task": "transcribe", "audio": "a.wav"}
//	{"task": "classify", "image": "x.png"}
package main

import (
	"bufio"
	"bytes"
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
	Batch      service `json:"batch"`    // by one RunBatch
	Ratio      float64 `json:"ratio"`    // of the requests a second together and one by one
	Batched    float64 `json:"batched"`  // the same in one batch
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
	requests, err := read(os.Stdin)
	if err != nil {
		return err
	}
	m, err := open(*model, *threads)
	if err != nil {
		return err
	}
	defer m.Close()
	r, err := compare(context.Background(), m, requests, *goroutines, *rounds)
	if err != nil {
		return err
	}
	if *short > 0 {
		if r.Soak, err = watch(context.Background(), m, shortest(requests), *goroutines, *short); err != nil {
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

// request is a line; files are held in memory.
type request struct {
	Task, To, Text string
	Words          []string
	Audio, Image   string // paths
	file           []byte
}

// input is the request as the model takes it, with a reader of its own.
func (r request) input() mm.Input {
	in := mm.Input{Task: r.Task, To: r.To, Text: r.Text, Words: r.Words}
	if r.Audio != "" {
		in.Audio = bytes.NewReader(r.file)
	}
	if r.Image != "" {
		in.Image = bytes.NewReader(r.file)
	}
	return in
}

// read reads the requests and their files.
func read(in io.Reader) ([]request, error) {
	var requests []request
	lines := json.NewDecoder(bufio.NewReader(in))
	for {
		var r request
		err := lines.Decode(&r)
		if errors.Is(err, io.EOF) {
			break
		}
		if path := r.Audio + r.Image; err == nil && path != "" {
			r.file, err = os.ReadFile(path)
		}
		if err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	if len(requests) == 0 {
		return nil, errors.New("standard input has no requests, want a JSON object a line")
	}
	return requests, nil
}
