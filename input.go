package mm

import (
	"fmt"
	"io"
	"strings"
)

// Input is one request. Which of Text, Words, Audio and Image it has depends on
// the task.
type Input struct {
	Task string // a name that Tasks lists: "translate", "transcribe"
	Text string
	// Words replaces Text for tasks over words (parse): already split.
	Words []string
	// Audio is a sound file: WAV, FLAC, MP3 or Ogg Vorbis. PCM makes one of
	// samples. It is read from its start and must not be used until the call
	// returns. One that is an io.ReadSeeker may last for hours; another is read
	// into memory and may have 64 MiB.
	Audio io.Reader
	// Image is an image file: JPEG, PNG, GIF, WebP or BMP.
	Image io.Reader
	// To and From are languages (translate). From may be empty: the model finds
	// out by itself.
	To, From string
	// Beam is the number of hypotheses kept; 0 means WithBeam's or the task's own.
	Beam int
	// MaxTokens limits a text; 0 means the model's default. Trees are never cut.
	// Of a sound in several segments, each may have so many.
	MaxTokens int
	// Threshold is the least score of a box, from 0 to 1; 0 means 0.3.
	Threshold float64
}

// checkInput looks at what does not depend on the task.
func (m *Model) checkInput(in Input) error {
	size := len(in.Text)
	for _, w := range in.Words {
		size += len(w) + 1
	}
	if size > m.opts.maxInput {
		return fmt.Errorf("input of %d bytes, want at most %d (WithMaxInput or --max-input raise it)", size, m.opts.maxInput)
	}
	if in.Text != "" && len(in.Words) > 0 {
		return fmt.Errorf("both a text and %d words given, want one of them", len(in.Words))
	}
	if in.Beam != 0 {
		if err := checkBeam(in.Beam); err != nil {
			return err
		}
	}
	if in.MaxTokens < 0 {
		return fmt.Errorf("max tokens %d: want at least 1, or 0 for the default", in.MaxTokens)
	}
	if !(in.Threshold >= 0 && in.Threshold <= 1) {
		return fmt.Errorf("threshold %v: want 0 to 1", in.Threshold)
	}
	return nil
}

// kinds are what an input may be, as errors call it.
var kinds = map[string]string{"text": "a text", "audio": "a sound", "image": "a picture"}

// given lists the kinds that in has.
func (in Input) given() []string {
	var given []string
	if in.Text != "" {
		given = append(given, kinds["text"])
	}
	if len(in.Words) > 0 {
		given = append(given, fmt.Sprintf("%d words", len(in.Words)))
	}
	if in.Audio != nil {
		given = append(given, kinds["audio"])
	}
	if in.Image != nil {
		given = append(given, kinds["image"])
	}
	return given
}

// checkKind wants what the task takes and nothing beside it. That there is nothing
// at all is for prepare to see.
func (t *task) checkKind(in Input) error {
	want, given := kinds[t.Input], in.given()
	if len(given) > 1 {
		return fmt.Errorf("takes %s alone, got %s", want, strings.Join(given, " and "))
	}
	if len(given) == 1 && given[0] != want && !(t.Output == "tree" && len(in.Words) > 0) {
		return fmt.Errorf("takes %s, got %s", want, given[0])
	}
	switch {
	case in.Beam > 1 && !t.writes():
		return fmt.Errorf("beam %d is for tasks that write texts or trees, this one's output is %s", in.Beam, t.Output)
	case in.MaxTokens > 0 && !t.writes():
		return fmt.Errorf("max tokens %d is for tasks that write texts, this one's output is %s", in.MaxTokens, t.Output)
	case in.Threshold > 0 && t.Output != "boxes":
		return fmt.Errorf("threshold %v is for tasks that find boxes, this one's output is %s", in.Threshold, t.Output)
	}
	return nil
}
