package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/mm-runtime/mm"
)

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
