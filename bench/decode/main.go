// Command decode is mm as one of the workers that bench/run.py compares: it
// answers requests from standard input, a JSON object a line, and says how long
// each took. bench/peers/worker.py has the others', and the protocol.
//
//	echo '{"task": "translate", "to": "de", "batch": 1, "texts": ["Good night."]}' | go run ./bench/decode
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

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "decode:", err)
		os.Exit(1)
	}
}

func run() error {
	model := flag.String("model", "", "model directory (default: the embedded one)")
	threads := flag.Int("threads", 0, "CPU threads, 0 for all")
	flag.Parse()
	m, err := open(*model, *threads)
	if err != nil {
		return err
	}
	defer m.Close()
	return serve(m, os.Stdin, os.Stdout)
}

func open(path string, threads int) (*mm.Model, error) {
	if path != "" {
		return mm.Open(path, mm.WithThreads(threads))
	}
	return mm.Load(base.FS, mm.WithThreads(threads))
}

// serve answers requests until there are no more. What goes wrong with one is
// its answer.
func serve(m *mm.Model, in io.Reader, out io.Writer) error {
	requests, answers := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	if err := answers.Encode(map[string]string{"ready": m.Info().Device}); err != nil {
		return err
	}
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := r.answer(context.Background(), m)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}
