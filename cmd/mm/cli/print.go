package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/mm-runtime/mm"
)

// result is an answered line; its err, if any, is the line's or the model's.
type result struct {
	line
	mm.Output
}

// printer writes results in order and remembers whether one failed.
type printer struct {
	o      *runOptions
	task   string
	out    *bufio.Writer
	err    io.Writer
	unit   string // what errors count: lines, inputs, nothing if there is just one
	bar    *progressbar.ProgressBar
	failed bool
}

// object is what --json prints for each input.
type object struct {
	Task    string   `json:"task"`
	Input   string   `json:"input"`
	Output  string   `json:"output"`
	Score   float64  `json:"score"`
	Tokens  int      `json:"tokens"`
	MS      float64  `json:"ms"`
	Notices []string `json:"notices,omitempty"`
	Error   string   `json:"error,omitempty"`
}

// print writes one result. A failed input keeps its line, empty, so that line n
// of the output always answers line n of the input.
func (p *printer) print(r result) error {
	if r.err != nil {
		p.failed = true
		p.say(r, message(r.err))
	}
	for _, n := range r.Notices {
		p.say(r, "mm: note: "+n)
	}
	if err := p.write(r); err != nil {
		return writeError(err)
	}
	if p.bar != nil {
		p.bar.Add(r.bytes)
	}
	return nil
}

func (p *printer) flush() error {
	if err := p.out.Flush(); err != nil {
		return writeError(err)
	}
	return nil
}

func writeError(err error) error { return fmt.Errorf("write results: %w", err) }

func (p *printer) write(r result) error {
	if p.o.json {
		o := object{Task: p.task, Input: r.text, Output: r.Text, Score: r.Score, Tokens: r.Tokens,
			MS: float64(r.Elapsed.Microseconds()) / 1000, Notices: r.Notices}
		if r.err != nil {
			o.Error = strings.TrimPrefix(r.err.Error(), "mm: ")
		}
		encoder := json.NewEncoder(p.out)
		encoder.SetEscapeHTML(false)
		return encoder.Encode(o)
	}
	text := r.Text
	if p.o.format == "tree" && len(r.Trees) > 0 {
		drawn := make([]string, len(r.Trees))
		for i, t := range r.Trees {
			drawn[i] = t.Draw()
		}
		text = strings.Join(drawn, "\n")
	}
	_, err := fmt.Fprintln(p.out, text)
	return err
}

// say prints a message about one input and, where there are several, its number.
func (p *printer) say(r result, text string) {
	p.clear()
	if p.unit != "" {
		text = fmt.Sprintf("mm: %s %d: %s", p.unit, r.number, strings.TrimPrefix(text, "mm: "))
	}
	fmt.Fprintln(p.err, text)
}

// clear takes the progress bar off the terminal; the next result draws it again.
func (p *printer) clear() {
	if p.bar != nil {
		p.bar.Clear()
	}
}

// barBytes is the smallest file that is worth a progress bar.
const barBytes = 4 << 10

// newBar returns a progress bar over the file that standard input comes from, if
// a person can see it and nothing else is written there: none in a pipe.
func newBar(stdin io.Reader, stdout, stderr io.Writer) *progressbar.ProgressBar {
	f, ok := stdin.(*os.File)
	if !ok || !isTerminal(stderr) || isTerminal(stdout) {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < barBytes {
		return nil
	}
	return progressbar.NewOptions64(info.Size(), progressbar.OptionSetWriter(stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
}
