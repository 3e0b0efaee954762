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

// result is an answered item; its err, if any, is the line's or the model's.
type result struct {
	item
	mm.Output
}

// printer writes results in order and remembers whether one failed.
type printer struct {
	form   form // nil: JSON objects
	out    *bufio.Writer
	err    io.Writer
	unit   string // what errors count: lines, inputs, nothing if there is just one
	bar    *progressbar.ProgressBar
	failed bool
}

// object is what --json and --jobs print for each input.
type object struct {
	ID       json.RawMessage `json:"id,omitempty"`
	Task     string          `json:"task"`
	Input    string          `json:"input"`
	Output   string          `json:"output"`
	Classes  []mm.Class      `json:"classes,omitempty"`
	Boxes    []mm.Box        `json:"boxes,omitzero"`
	Segments []segment       `json:"segments,omitempty"`
	Score    float64         `json:"score"`
	Tokens   int             `json:"tokens"`
	MS       float64         `json:"ms"`
	Notices  []string        `json:"notices,omitempty"`
	Error    string          `json:"error,omitempty"`
}

// segment is an mm.Segment with its times in seconds.
type segment struct {
	Start float64 `json:"start"`
	End   float64 `json:"end"`
	Text  string  `json:"text"`
}

func segments(of []mm.Segment) []segment {
	out := make([]segment, len(of))
	for i, s := range of {
		out[i] = segment{s.Start.Seconds(), s.End.Seconds(), s.Text}
	}
	return out
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
	switch {
	case p.form == nil:
		o := object{ID: r.id, Task: r.input.Task, Input: r.text, Output: r.Text, Classes: r.Classes, Boxes: r.Boxes,
			Segments: segments(r.Segments), Score: r.Score, Tokens: r.Tokens,
			MS: float64(r.Elapsed.Microseconds()) / 1000, Notices: r.Notices}
		if r.err != nil {
			o.Error = strings.TrimPrefix(r.err.Error(), "mm: ")
		}
		return writeJSON(p.out, o)
	case r.err != nil:
		return p.out.WriteByte('\n')
	}
	return p.form(p.out, r)
}

// writeJSON writes a value on a line, with < and & as they are.
func writeJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
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

// newBar returns a progress bar over the file that lines come from, if a person
// can see it and nothing else is written there: none in a pipe.
func newBar(lines io.Reader, stdout, stderr io.Writer) *progressbar.ProgressBar {
	f, ok := lines.(*os.File)
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
