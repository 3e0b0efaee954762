package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

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

// writeSRT writes SubRip subtitles.
func writeSRT(w io.Writer, r result) error {
	for i, s := range r.Segments {
		_, err := fmt.Fprintf(w, "%d\n%s --> %s\n%s\n\n", i+1, stamp(s.Start, ","), stamp(s.End, ","), oneLine(s.Text))
		if err != nil {
			return err
		}
	}
	return nil
}

// inCue escapes what would be markup in a cue of WebVTT.
var inCue = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// writeVTT writes WebVTT subtitles (www.w3.org/TR/webvtt1).
func writeVTT(w io.Writer, r result) error {
	_, err := fmt.Fprint(w, "WEBVTT\n\n")
	for _, s := range r.Segments {
		if err != nil {
			break
		}
		_, err = fmt.Fprintf(w, "%s --> %s\n%s\n\n", stamp(s.Start, "."), stamp(s.End, "."), inCue.Replace(oneLine(s.Text)))
	}
	return err
}

// oneLine is a text without line breaks, which would end a subtitle.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// stamp is a time as subtitles have it.
func stamp(at time.Duration, point string) string {
	ms := at.Round(time.Millisecond).Milliseconds()
	return fmt.Sprintf("%02d:%02d:%02d%s%03d", ms/3600000, ms/60000%60, ms/1000%60, point, ms%1000)
}

// classForm writes the best labels: in a pipe the best one alone, or as many as are
// asked for with their probabilities; on a terminal with bars.
func classForm(top int, terminal, several bool) form {
	if top == 0 && !terminal {
		return writeText
	}
	if top == 0 {
		top = 5
	}
	return func(w io.Writer, r result) error {
		classes := r.Classes[:min(top, len(r.Classes))]
		var b strings.Builder
		if terminal {
			if several {
				b.WriteString(r.text + ":\n")
			}
			writeBars(&b, classes)
		} else {
			for _, c := range classes {
				fmt.Fprintf(&b, "%s%s\t%.4f\n", nameOf(r, several), c.Label, c.Prob)
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	}
}

// boxForm writes the boxes, one a line.
func boxForm(several bool) form {
	return func(w io.Writer, r result) error {
		for _, b := range r.Boxes {
			if _, err := fmt.Fprintln(w, nameOf(r, several)+b.String()); err != nil {
				return err
			}
		}
		return nil
	}
}

// nameOf is what stands in front of an answer of several lines.
func nameOf(r result, several bool) string {
	if !several {
		return ""
	}
	return r.text + "\t"
}

// writeBars draws probabilities.
func writeBars(w io.Writer, classes []mm.Class) {
	const width = 40
	eighths := []rune(" ▏▎▍▌▋▊▉█")
	label := 0
	for _, c := range classes {
		label = max(label, len([]rune(c.Label)))
	}
	for _, c := range classes {
		part := int(c.Prob*width*8 + 0.5)
		bar := strings.Repeat("█", part/8)
		if part%8 > 0 {
			bar += string(eighths[part%8])
		}
		fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("%-*s %5.1f%% %s", label, c.Label, 100*c.Prob, bar), " "))
	}
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
