// Command ortgo is ONNX Runtime as a Go program uses it, by onnxruntime_go, as one of
// the workers that bench/run.py compares: the graphs of onnx_export.py, the loop and the
// protocol of onnx_peer.py and worker.py. It is a module of its own, so that mm's has
// nothing of it; setup.sh builds it.
//
//	ortgo --library libonnxruntime.so --model ../../../models/base --graphs FOLDER --threads 1
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/mm-runtime/mm/internal/token"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "ortgo:", err)
		os.Exit(1)
	}
}

func run() error {
	library := flag.String("library", "", "libonnxruntime.so")
	model := flag.String("model", "", "exported model directory")
	graphs := flag.String("graphs", "", "folder of its graphs")
	threads := flag.Int("threads", 1, "of an operation")
	flag.Parse()
	ort.SetSharedLibraryPath(*library)
	if err := ort.InitializeEnvironment(); err != nil {
		return err
	}
	t, err := newTranslator(*model, *graphs, *threads)
	if err != nil {
		return err
	}
	return serve(t, os.Stdin, os.Stdout)
}

type request struct {
	Task      string   `json:"task"`
	To        string   `json:"to"`
	Batch     int      `json:"batch"`
	MaxTokens int      `json:"max_tokens"`
	Texts     []string `json:"texts"`
}

type answer struct {
	Seconds  float64  `json:"seconds"`
	Texts    []string `json:"texts"`
	Tokens   []int    `json:"tokens"`
	Resident int64    `json:"resident"`
	Peak     int64    `json:"peak"`
	Error    string   `json:"error,omitempty"`
}

func serve(t *translator, in io.Reader, out io.Writer) error {
	requests, answers := json.NewDecoder(bufio.NewReader(in)), json.NewEncoder(out)
	name := "ONNX Runtime " + ort.GetVersion() + ", float32 with a KV cache, in Go"
	if err := answers.Encode(map[string]string{"ready": name}); err != nil {
		return err
	}
	for {
		var r request
		if err := requests.Decode(&r); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		a, err := t.answer(r)
		if err != nil {
			a = answer{Error: err.Error()}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
}

func (t *translator) answer(r request) (answer, error) {
	if r.Task == "memory" {
		return held()
	}
	command, ok := t.commands["<to-"+r.To+">"]
	if r.Task != "translate" || !ok || r.Batch < 1 {
		return answer{}, fmt.Errorf("task %q to %q in batches of %d, want translate", r.Task, r.To, r.Batch)
	}
	start := time.Now()
	sources, order := make([][]int32, len(r.Texts)), make([]int, len(r.Texts))
	for i, text := range r.Texts {
		ids, err := t.tok.Encode(text)
		if err != nil {
			return answer{}, err
		}
		sources[i], order[i] = append([]int32{command}, ids...), i
	}
	slices.SortStableFunc(order, func(a, b int) int { return len(sources[a]) - len(sources[b]) })
	a := answer{Texts: make([]string, len(r.Texts)), Tokens: make([]int, len(r.Texts))}
	for group := range slices.Chunk(order, r.Batch) {
		some := make([][]int32, len(group))
		for i, at := range group {
			some[i] = sources[at]
		}
		outputs, err := t.greedy(some, r.MaxTokens)
		if err != nil {
			return answer{}, err
		}
		for i, at := range group {
			a.Texts[at], a.Tokens[at] = t.tok.Decode(outputs[i]), len(outputs[i])
		}
	}
	a.Seconds = time.Since(start).Seconds()
	return a, nil
}

// held is what this process holds; the peak starts anew.
func held() (answer, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return answer{}, err
	}
	size := func(key string) int64 {
		_, after, _ := strings.Cut(string(status), key+":")
		n, _ := strconv.ParseInt(strings.Fields(after)[0], 10, 64)
		return n << 10
	}
	return answer{Resident: size("VmRSS"), Peak: size("VmHWM")}, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)
}

// translator is the three sessions of a model: the trunk, and a step of few rows or many.
type translator struct {
	trunk, few, many *ort.DynamicAdvancedSession
	outputs          int                   // of the trunk
	inputs           []ort.InputOutputInfo // of a step
	tok              *token.Tokenizer
	commands         map[string]int32
	end              int32
	positions        int
}

func newTranslator(model, graphs string, threads int) (*translator, error) {
	var config struct {
		Model struct {
			MaxPositions int `json:"max_positions"`
		}
		Vocabulary token.Vocabulary
	}
	data, err := os.ReadFile(filepath.Join(model, "config.json"))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &config); err != nil {
		return nil, err
	}
	table, err := os.ReadFile(filepath.Join(model, "tokenizer.tiktoken"))
	if err != nil {
		return nil, err
	}
	t := &translator{commands: config.Vocabulary.Commands, end: config.Vocabulary.End, positions: config.Model.MaxPositions}
	if t.tok, err = token.Load(table, config.Vocabulary); err != nil {
		return nil, err
	}
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, err
	}
	defer options.Destroy()
	if err := errors.Join(options.SetIntraOpNumThreads(threads), options.SetInterOpNumThreads(1)); err != nil {
		return nil, err
	}
	for name, to := range map[string]**ort.DynamicAdvancedSession{"trunk": &t.trunk, "few": &t.few, "many": &t.many} {
		file := filepath.Join(graphs, name+".onnx")
		inputs, outputs, err := ort.GetInputOutputInfo(file)
		if err != nil {
			return nil, err
		}
		if *to, err = ort.NewDynamicAdvancedSession(file, names(inputs), names(outputs), options); err != nil {
			return nil, err
		}
		if name == "trunk" {
			t.outputs = len(outputs)
		} else {
			t.inputs = inputs
		}
	}
	return t, nil
}

func names(infos []ort.InputOutputInfo) []string {
	names := make([]string, len(infos))
	for i, info := range infos {
		names[i] = info.Name
	}
	return names
}
