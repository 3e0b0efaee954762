package mm

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/mm-runtime/mm/decoders/boxes"
	"github.com/mm-runtime/mm/decoders/classes"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
)

// defaultThreshold is the least score of a box where Input has none.
const defaultThreshold = 0.3

// head makes an output of a segment's memory at once, without a search. Tasks may
// share one.
type head struct {
	name    string
	classes *classes.Head    // or
	boxes   *boxes.Head      // or
	taps    []Tap            // rows pooled as they pass
	bias    []float32        // of the boxes
	network *classes.Network // over the taps' features; nil where those are wanted themselves
	added   *Head            // whose network it is
}

// heads lists those of a network by name; "" has none.
func (net *network) heads(dev kernels.Device) map[string]*head {
	found := map[string]*head{}
	for name, h := range net.Classes {
		found[name] = &head{name: name, classes: h}
	}
	for name, h := range net.Boxes {
		bias := make([]float32, h.Bias.Cols)
		dev.Read(bias, h.Bias)
		found[name] = &head{name: name, boxes: h, bias: bias}
	}
	return found
}

// answer runs the head over the memory (ΣT, D) of requests and hands each its own
// values: the logits of the labels, or those of every cell.
func (h *head) answer(s *nn.Scope, memory kernels.Tensor, segs kernels.Segments, requests []*request) {
	var out kernels.Tensor
	if h.classes != nil {
		out = h.classes.Logits(s, memory, segs)
	} else {
		out = h.boxes.Forward(s, memory)
	}
	values := make([]float32, out.Rows*out.Cols)
	s.Dev.Read(values, out)
	for i, r := range requests {
		lo, hi := i, i+1
		if h.boxes != nil {
			lo, hi = int(segs[i])+1, int(segs[i+1]) // the command is no cell
		}
		r.values = values[lo*out.Cols : hi*out.Cols]
	}
}

var errNotNumbers = errors.New("the network's scores are no numbers: its weights are damaged")

func areNumbers(values []float32) error {
	for _, v := range values {
		if d := v - v; d != 0 { // also of an infinity
			return errNotNumbers
		}
	}
	return nil
}

// readHead adds what a head said of one request to a.
func (a *answer) readHead(c *call, p part) error {
	if err := areNumbers(p.values); err != nil {
		return err
	}
	h := c.task.head
	switch {
	case h.taps != nil:
		a.addFeatures(h.taps, p)
	case h.classes != nil:
		a.readClasses(c.task.Labels, p.values)
	default:
		a.readBoxes(c, h.bias, p)
	}
	return nil
}

func (a *answer) readClasses(labels []string, logits []float32) {
	probs := classes.Softmax(logits)
	for _, i := range classes.Ranked(probs) {
		a.Classes = append(a.Classes, Class{labels[i], probs[i]})
	}
	a.texts = append(a.texts, a.Classes[0].Label)
	a.logp += math.Log(a.Classes[0].Prob)
	a.decisions++
}

// readBoxes leaves out boxes that lie wholly on what is not the picture.
func (a *answer) readBoxes(c *call, bias []float32, p part) {
	threshold := c.in.Threshold
	if threshold == 0 {
		threshold = defaultThreshold
	}
	a.Boxes = []Box{}
	for _, b := range boxes.Decode(p.values, bias, c.task.canvas.Width, threshold) {
		at := p.view.Back(picture.Box{X0: b.X0, Y0: b.Y0, X1: b.X1, Y1: b.Y1})
		if at.X0 < at.X1 && at.Y0 < at.Y1 {
			a.Boxes = append(a.Boxes, Box{c.task.Labels[b.Label], b.Score, at.X0, at.Y0, at.X1, at.Y1})
		}
	}
	lines := make([]string, len(a.Boxes))
	for i, b := range a.Boxes {
		lines[i] = b.String()
	}
	a.texts = append(a.texts, strings.Join(lines, "\n"))
}

// String is the box on one line: label, score and edges with tabs between them.
func (b Box) String() string {
	return fmt.Sprintf("%s\t%.3f\t%.1f\t%.1f\t%.1f\t%.1f", b.Label, b.Score, b.X0, b.Y0, b.X1, b.Y1)
}
