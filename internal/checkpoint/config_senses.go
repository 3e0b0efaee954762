package checkpoint

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// What internal/media and the encoders of sounds and pictures work with.
const (
	melBands    = 80 // of every log-mel frame
	audioStride = 4  // frames that become one row
	imageStages = 3
	imageStride = 8 // pixels of a row's side: each stage halves both
	maxCanvas   = 1024
)

// Bounds of a head's labels.
const (
	maxLabels     = 1 << 16
	maxLabelBytes = 256
	maxLetters    = 128
	maxWords      = 16 // weight of the words
)

var fits = []string{"crop", "squeeze", "letterbox"}

func (m Model) checkAudio() error {
	a := m.Audio
	switch {
	case a == nil:
		return nil
	case a.Bands != melBands:
		return fmt.Errorf("model.audio.bands: %d, want %d", a.Bands, melBands)
	case a.Window < audioStride || a.Window > 1<<16 || a.Window%audioStride != 0:
		return fmt.Errorf("model.audio.window: %d, want %d to %d, a multiple of %d", a.Window, audioStride, 1<<16, audioStride)
	case a.Blocks < 0 || a.Blocks > 64:
		return fmt.Errorf("model.audio.blocks: %d, want 0 to 64", a.Blocks)
	case a.Blocks > 0 && (a.Expand < 1 || a.Expand > 16):
		return fmt.Errorf("model.audio.expand: %d, want 1 to 16", a.Expand)
	}
	return nil
}

func (m Model) checkImage() error {
	p := m.Image
	if p == nil {
		return nil
	}
	if m.Width%4 != 0 {
		return fmt.Errorf("model.width: %d, want a multiple of 4 for model.image", m.Width)
	}
	for _, f := range []struct {
		name        string
		values      []int
		least, most int
	}{{"channels", p.Channels, 1, 1 << 14}, {"blocks", p.Blocks, 0, 64}} {
		if len(f.values) != imageStages {
			return fmt.Errorf("model.image.%s: %v, want %d", f.name, f.values, imageStages)
		}
		for i, v := range f.values {
			if v < f.least || v > f.most {
				return fmt.Errorf("model.image.%s[%d]: %d, want %d to %d", f.name, i, v, f.least, f.most)
			}
		}
	}
	if last := p.Channels[imageStages-1]; last != m.Width {
		return fmt.Errorf("model.image.channels: %v, want the last to be model.width, %d", p.Channels, m.Width)
	}
	if p.Expand < 1 || p.Expand > 16 {
		return fmt.Errorf("model.image.expand: %d, want 1 to 16", p.Expand)
	}
	return nil
}

func (t Task) checkCanvas() error {
	if t.Input != "image" {
		if t.Canvas != nil || t.Fit != "" {
			return fmt.Errorf("canvas: %v, fit: %q, want neither for input %q", t.Canvas, t.Fit, t.Input)
		}
		return nil
	}
	if len(t.Canvas) != 2 {
		return fmt.Errorf("canvas: %v, want a width and a height", t.Canvas)
	}
	for _, side := range t.Canvas {
		if side < imageStride || side > maxCanvas || side%imageStride != 0 {
			return fmt.Errorf("canvas: %v, want multiples of %d up to %d", t.Canvas, imageStride, maxCanvas)
		}
	}
	if !slices.Contains(fits, t.Fit) {
		return fmt.Errorf("fit: %q, want %s", t.Fit, strings.Join(fits, " or "))
	}
	return nil
}

// checkHead wants a head and its labels where the output is made of them.
func (t Task) checkHead() error {
	if t.Letters != "" || t.Share != 0 || t.Words != 0 {
		return t.checkLetters()
	}
	if t.Output != "classes" && t.Output != "boxes" {
		if t.Head != "" || t.Labels != nil {
			return fmt.Errorf("head: %q, %d labels, want neither for output %q", t.Head, len(t.Labels), t.Output)
		}
		return nil
	}
	if !isName(t.Head) {
		return fmt.Errorf("head: %q, want lower-case letters, digits and hyphens", t.Head)
	}
	if len(t.Labels) < 1 || len(t.Labels) > maxLabels {
		return fmt.Errorf("labels: %d, want 1 to %d", len(t.Labels), maxLabels)
	}
	seen := make(map[string]int, len(t.Labels))
	for i, label := range t.Labels {
		hidden := func(r rune) bool { return !unicode.IsPrint(r) } // would come out on terminals
		if label == "" || len(label) > maxLabelBytes || strings.ContainsFunc(label, hidden) {
			return fmt.Errorf("labels[%d]: %q, want 1 to %d bytes of printable text", i, label, maxLabelBytes)
		}
		if other, ok := seen[label]; ok {
			return fmt.Errorf("labels[%d]: %q, want another: labels[%d] is the same", i, label, other)
		}
		seen[label] = i
	}
	return nil
}

// checkLetters wants a head of letters beside the search for a text.
func (t Task) checkLetters() error {
	switch {
	case t.Input != "audio" || t.Output != "sequence":
		return fmt.Errorf("letters: %q, want none for input %q and output %q", t.Letters, t.Input, t.Output)
	case !isName(t.Head):
		return fmt.Errorf("head: %q, want lower-case letters, digits and hyphens", t.Head)
	case t.Labels != nil:
		return fmt.Errorf("labels: %d, want none beside letters", len(t.Labels))
	case len(t.Letters) < 1 || len(t.Letters) > maxLetters:
		return fmt.Errorf("letters: %q, want 1 to %d", t.Letters, maxLetters)
	case !(t.Share > 0 && t.Share < 1):
		return fmt.Errorf("share: %v, want more than 0 and less than 1", t.Share)
	case !(t.Words >= 0 && t.Words <= maxWords):
		return fmt.Errorf("words: %v, want 0 to %d", t.Words, maxWords)
	}
	for i := range len(t.Letters) {
		if strings.IndexByte(t.Letters[:i], t.Letters[i]) >= 0 {
			return fmt.Errorf("letters: %q, want each once", t.Letters)
		}
	}
	return nil
}

// sharesHead reports whether one set of weights can serve both tasks.
func (t Task) sharesHead(other Task) bool {
	return t.Output == other.Output && slices.Equal(t.Labels, other.Labels) && t.Letters == other.Letters
}

// rows is how many rows the encoder makes of the longest input, the command's
// among them.
func (t Task) rows(m Model) int {
	switch t.Input {
	case "audio":
		return 1 + m.Audio.Window/audioStride
	case "image":
		return 1 + t.Canvas[0]/imageStride*(t.Canvas[1]/imageStride)
	}
	return m.MaxPositions
}

// Positions is how many rows the longest segment of any task has.
func (c Config) Positions() int {
	longest := c.Model.MaxPositions
	for _, t := range c.Tasks {
		longest = max(longest, t.rows(c.Model))
	}
	return longest
}

// checkPositions wants segments that a table of positions can cover.
func (c Config) checkPositions() error {
	most := c.Model.mostPositions()
	for i, t := range c.Tasks {
		if n := t.rows(c.Model); n > most {
			return fmt.Errorf("tasks[%d]: %s inputs of %d rows, want at most %d for heads of %d columns",
				i, t.Input, n, most, c.Model.Width/c.Model.Heads)
		}
	}
	return nil
}

// needsWords reports whether a task reads words.safetensors.
func (c Config) needsWords() bool {
	return slices.ContainsFunc(c.Tasks, func(t Task) bool { return t.Words > 0 })
}
