package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/decoders/tree"
)

// form writes one answer for people or for another program.
type form func(w io.Writer, r result) error

// Formats that --format may name, the first being the default.
var (
	treeFormats   = []string{"ptb", "tree", "json"}
	speechFormats = []string{"text", "srt", "vtt", "json"}
	formats       = []string{"ptb", "tree", "text", "srt", "vtt", "json"} // any of them
)

// formatsOf lists those of a task; none for most.
func formatsOf(t mm.Task) []string {
	switch {
	case t.Output == "tree":
		return treeFormats
	case t.Output == "sequence" && t.Input == "audio":
		return speechFormats
	}
	return nil
}

// formOf is the form of a task's answers in a format of it, or in the default.
func formOf(t mm.Task, format string) form {
	switch {
	case t.Output == "tree" && format == "tree":
		return writeDrawn
	case t.Output == "tree" && format == "json":
		return func(w io.Writer, r result) error { return writeJSON(w, append([]*tree.Node{}, r.Trees...)) }
	case format == "json":
		return func(w io.Writer, r result) error {
			return writeJSON(w, struct {
				Text     string    `json:"text"`
				Segments []segment `json:"segments"`
			}{r.Text, segments(r.Segments)})
		}
	case format == "srt":
		return writeSRT
	case format == "vtt":
		return writeVTT
	}
	return writeText
}

func writeText(w io.Writer, r result) error {
	_, err := fmt.Fprintln(w, r.Text)
	return err
}

func writeDrawn(w io.Writer, r result) error {
	drawn := make([]string, len(r.Trees))
	for i, t := range r.Trees {
		drawn[i] = t.Draw()
	}
	_, err := fmt.Fprintln(w, strings.Join(drawn, "\n"))
	return err
}

// checkFormat wants a format that a task has.
func checkFormat(t mm.Task, format string) error {
	has := formatsOf(t)
	switch {
	case format == "" || slices.Contains(has, format):
		return nil
	case has == nil:
		return fmt.Errorf("%s: --format %s is for tasks that write trees or listen, this one's output is %s", t.Name, format, t.Output)
	}
	return fmt.Errorf("%s: --format %s: want %s", t.Name, format, strings.Join(has, ", "))
}
