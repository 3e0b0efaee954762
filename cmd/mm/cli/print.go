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

// result is an answered line.
type result struct {
	line
	mm.Output
	err error
}

// printer writes results in order and remembers whether one failed.
type printer struct {
	o      *runOptions
	out    *bufio.Writer
	err    io.Writer
	lines  bool // inputs are lines: errors name their numbers
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
	if r.err == nil {
		r.err = r.line.err
	}
	if r.err != nil {
		p.failed = true
		p.complain(r)
	}
	for _, n := range r.Notices {
		p.note(r, n)
	}
	if err := p.write(r); err != nil {
		return fmt.Errorf("write results: %w", err)
	}
	if p.bar != nil {
		p.bar.Add(r.bytes)
	}
	if len(p.out.AvailableBuffer()) == 0 || p.o.json {
		return p.out.Flush()
	}
	return nil
}

func (p *printer) write(r result) error {
	if p.o.json {
		o := object{Task: r.Task, Input: r.text, Output: r.Text, Score: r.Score, Tokens: r.Tokens,
			MS: float64(r.Elapsed.Microseconds()) / 1000, Notices: r.Notices}
		if r.err != nil {
			o.Error = r.err.Error()
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

func (p *printer) complain(r result) {
	text := message(r.err)
	if p.lines {
		text = fmt.Sprintf("mm: line %d: %s", r.number, strings.TrimPrefix(text, "mm: "))
	}
	fmt.Fprintln(p.err, text)
}

func (p *printer) note(r result, notice string) {
	if p.lines {
		notice = fmt.Sprintf("line %d: %s", r.number, notice)
	}
	fmt.Fprintln(p.err, "mm: note: "+notice)
}

// barBytes is the smallest file that is worth a progress bar.
const barBytes = 4 << 10

// newBar returns a progress bar over a file that standard input comes from, if a
// person can see it: none in a pipe.
func newBar(stdin io.Reader, stderr io.Writer) *progressbar.ProgressBar {
	f, ok := stdin.(*os.File)
	if !ok || !isTerminal(stderr) {
		return nil
	}
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() || info.Size() < barBytes {
		return nil
	}
	return progressbar.NewOptions64(info.Size(), progressbar.OptionSetWriter(stderr),
		progressbar.OptionShowBytes(true), progressbar.OptionClearOnFinish())
}
