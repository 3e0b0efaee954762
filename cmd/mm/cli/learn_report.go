package cli

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/learn"
)

// writeHead says what a head is and how good.
func writeHead(out io.Writer, l *learn.Learned) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "head\t%s, %d classes, over inputs of %s\n", l.Name, len(l.Labels), strings.TrimSpace(l.Task+" "+l.To))
	for i, c := range l.Metrics.Candidates[:min(3, len(l.Metrics.Candidates))] {
		name := ""
		if i == 0 {
			name = "features"
		}
		fmt.Fprintf(w, "%s\t%s: %s by cross-validation\n", name, tapNames(c.Taps), percent(c.Accuracy))
	}
	if l.Metrics.Epochs == 0 {
		fmt.Fprintf(w, "network\ta regression\n")
	} else {
		fmt.Fprintf(w, "network\t%d hidden units, of epoch %d\n", l.Metrics.Hidden, l.Metrics.Epochs)
	}
	fmt.Fprintf(w, "examples\t%d learned from, %d kept in memory, %d for the test\n", l.Metrics.Examples, l.Memory.Len(), l.Metrics.Tested)
	if l.Metrics.Tested > 0 {
		right := int(math.Round(l.Metrics.Accuracy * float64(l.Metrics.Tested)))
		fmt.Fprintf(w, "accuracy\t%s ± %s\n", percent(l.Metrics.Accuracy), percent(interval(right, l.Metrics.Tested)))
	} else {
		fmt.Fprintf(w, "accuracy\tnot measured: no class has enough examples to hold one out\n")
	}
	if l.Shots != [2]float64{} {
		fmt.Fprintf(w, "few-shot\t%s: imprinted classes %s, predicted ones %s\n", l.Shot, percent(l.Shots[0]), percent(l.Shots[1]))
	} else {
		fmt.Fprintf(w, "few-shot\t%s\n", l.Shot)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if l.Metrics.Tested == 0 {
		return nil
	}
	if err := writeCurve(out, l.Metrics.Curve); err != nil {
		return err
	}
	return writeConfusion(out, l.Labels, l.Confusion)
}

func tapNames(taps []mm.Tap) string {
	names := make([]string, len(taps))
	for i, t := range taps {
		names[i] = fmt.Sprintf("layer %d %s", t.Layer, t.Pooling)
	}
	return strings.Join(names, " and ")
}

func percent(v float64) string {
	if math.IsNaN(v) {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*v)
}

func writeCurve(out io.Writer, curve []learn.Point) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "\nEXAMPLES A CLASS\tACCURACY\t\n")
	for _, p := range curve {
		n := "all"
		if p.Examples > 0 {
			n = fmt.Sprint(p.Examples)
		}
		fmt.Fprintf(w, "%s\t%s\t\n", n, percent(p.Accuracy))
	}
	return w.Flush()
}

// tableLabels is how many labels a table of confusions may have.
const tableLabels = 12

// writeConfusion writes the answers to each class: as a table, or, of many classes,
// the most frequent mistakes.
func writeConfusion(out io.Writer, labels []string, counts [][]int) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	if len(labels) <= tableLabels {
		fmt.Fprintf(w, "\nTRUE, ANSWERED\t%s\t\n", strings.Join(labels, "\t"))
		for i, row := range counts {
			fmt.Fprintf(w, "%s\t", labels[i])
			for _, n := range row {
				fmt.Fprintf(w, "%d\t", n)
			}
			fmt.Fprintln(w)
		}
		return w.Flush()
	}
	type mistake struct{ count, of, as int }
	var mistakes []mistake
	for i, row := range counts {
		for j, n := range row {
			if i != j && n > 0 {
				mistakes = append(mistakes, mistake{n, i, j})
			}
		}
	}
	slices.SortStableFunc(mistakes, func(a, b mistake) int { return cmp.Compare(b.count, a.count) })
	fmt.Fprint(w, "\nTIMES\tTRUE\tANSWERED\t\n")
	for _, m := range mistakes[:min(tableLabels, len(mistakes))] {
		fmt.Fprintf(w, "%d\t%s\t%s\t\n", m.count, labels[m.of], labels[m.as])
	}
	return w.Flush()
}

// writeExtension says what became of the old classes.
func writeExtension(out io.Writer, e *learn.Extension) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "CLASS\tBEFORE\tAFTER\tEXAMPLES\t\n")
	for _, c := range e.ByClass {
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t\n", c.Label, percent(c.Before), percent(c.After), c.Held)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "old classes %s → %s, new classes %s\n", percent(e.OldBefore), percent(e.OldAfter), percent(e.New))
	_, err := fmt.Fprintf(out, "learned from %d old and %d new examples, 1 to %.1f\n", e.OldExamples, e.NewExamples,
		float64(e.NewExamples)/float64(max(1, e.OldExamples)))
	if err == nil && e.FromMemory {
		_, err = fmt.Fprintln(out, "no old examples were held out: the old accuracy is that on the memory")
	}
	return err
}
