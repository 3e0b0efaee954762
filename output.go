package mm

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/decoders/tree"
)

// Output is one answer.
type Output struct {
	Task string
	// Text is the answer as text: the translation or transcript, the trees in Penn
	// Treebank brackets, the best label, or the boxes, one a line.
	Text string
	// Trees are the parsed sentences (parse), one each.
	Trees []*tree.Node
	// Classes are all labels, the best first (classify, digits, commands).
	Classes []Class
	// Boxes are the objects found, the best first (detect).
	Boxes []Box
	// Segments are the stretches of a sound in which something was said
	// (transcribe).
	Segments []Segment
	// Score is the mean log-probability of the tokens that the model chose, ends
	// included and the words of trees left out, or that of the best label; 0 for
	// an empty input and for boxes.
	Score float64
	// Tokens is the number of tokens that the model wrote.
	Tokens int
	// Elapsed is the time from the call to the answer.
	Elapsed time.Duration
	// Notices say what a caller might not expect, such as a sentence that had to
	// be cut because it is longer than the model's positions.
	Notices []string

	features [][]float32 // of Embed
}

// Class is a label and its probability.
type Class struct {
	Label string  `json:"label"`
	Prob  float64 `json:"prob"`
}

// Box is an object in a picture: what it is, how sure the model is, from 0 to 1,
// and its left, top, right and bottom edge in pixels of the picture as it is
// seen, turned upright.
type Box struct {
	Label string  `json:"label"`
	Score float64 `json:"score"`
	X0    float64 `json:"x0"`
	Y0    float64 `json:"y0"`
	X1    float64 `json:"x1"`
	Y1    float64 `json:"y1"`
}

// Segment is a stretch of a sound and what was said in it.
type Segment struct {
	Start, End time.Duration
	Text       string
}

// answer gathers the output of a call, one part after another.
type answer struct {
	Output
	texts     []string
	logp      float64 // of all decisions
	decisions int
	// What the features are made of so far.
	pooledRows  float64
	pooledParts int
}

// read adds a part that is done.
func (m *Model) read(a *answer, c *call, p part) error {
	a.Elapsed = max(a.Elapsed, p.ended.Sub(c.start))
	if c.task.head != nil {
		return a.readHead(c, p)
	}
	best, err := p.best()
	if err != nil {
		return err
	}
	a.logp += best.Logp
	a.decisions += best.Decisions()
	a.Tokens += len(best.Tokens)
	if p.words != nil {
		return m.readTree(a, p, best)
	}
	text := m.tok.Decode(best.Tokens)
	if c.task.Input == "audio" {
		a.addSegment(p, text)
	}
	if text != "" {
		a.texts = append(a.texts, text)
	}
	if p.search.Cut() {
		a.Notices = append(a.Notices, p.cutNotice(len(best.Tokens)))
	}
	return nil
}

// best is the output of a request that is done.
func (r *request) best() (*sequence.Hypothesis, error) {
	h := r.search.Best()
	if math.IsNaN(h.Logp) || math.IsInf(h.Logp, 0) {
		return nil, errNotNumbers
	}
	return h, nil
}

func (m *Model) readTree(a *answer, p part, best *sequence.Hypothesis) error {
	root, err := m.symbols.Build(best.Tokens, p.words)
	if err != nil {
		return err
	}
	if p.joins {
		last := a.Trees[len(a.Trees)-1]
		last.Children = append(last.Children, root.Children...)
	} else {
		a.Trees = append(a.Trees, root)
	}
	return nil
}

func (a *answer) addSegment(p part, text string) {
	if text != "" {
		a.Segments = append(a.Segments, Segment{p.start, p.end, text})
	}
}

func (p part) cutNotice(tokens int) string {
	if p.start > 0 {
		return fmt.Sprintf("the output for the segment at %v was cut at %d tokens", p.start, tokens)
	}
	return fmt.Sprintf("the output was cut at %d tokens", tokens)
}

// output is the answer of a call whose parts have been read.
func (a *answer) output(c *call) (Output, error) {
	if h := c.task.head; h != nil && h.network != nil && a.features != nil {
		logits := h.network.Logits(slices.Concat(a.features...))
		if err := areNumbers(logits); err != nil {
			return Output{}, err
		}
		a.features = nil
		a.readClasses(c.task.Labels, logits)
	}
	a.Task = c.task.Name
	a.Notices = append(c.notices, a.Notices...)
	for _, root := range a.Trees {
		a.texts = append(a.texts, root.PTB())
	}
	if a.decisions > 0 {
		a.Score = a.logp / float64(a.decisions)
	}
	a.Text = strings.Join(a.texts, " ")
	return a.Output, nil
}
