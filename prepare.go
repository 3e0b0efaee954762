package mm

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mm-runtime/mm/decoders/letters"
	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/internal/token"
)

// call is one Input on its way: an input of several sentences, or a sound longer
// than the model's window, becomes several requests.
type call struct {
	in         Input
	task       *task
	start      time.Time
	parts      []part // of a text, all of them
	media      media  // makes those of a sound or picture
	notices    []string
	*following // of a sound or picture
}

// part is one request and what is needed to read its output.
type part struct {
	*request
	words      []string      // of a tree
	joins      bool          // the tree goes on where the one before was cut
	start, end time.Duration // of a sound's segment
	view       picture.View  // from the canvas to the picture
}

// next takes the next part out; io.EOF says that there is none.
func (c *call) next(ctx context.Context) (part, error) {
	if c.media != nil {
		return c.media.next(ctx)
	}
	if len(c.parts) == 0 {
		return part{}, io.EOF
	}
	p := c.parts[0]
	c.parts = c.parts[1:]
	return p, nil
}

// prepare checks an input and turns a text into requests. Sounds and pictures are
// read later, as their requests are wanted.
func (m *Model) prepare(ctx context.Context, in Input) (*call, error) {
	t, err := m.check(in)
	if err != nil {
		return nil, err
	}
	return m.prepareTask(ctx, in, t)
}

// prepareTask is prepare for a task that takes the input.
func (m *Model) prepareTask(ctx context.Context, in Input, t *task) (*call, error) {
	c := &call{in: in, task: t, start: time.Now()}
	if m.engine.isClosing() { // also where nothing will have to be submitted
		return nil, ErrClosed
	}
	var err error
	switch {
	case c.task.Input == "audio" && in.Audio != nil:
		c.media = &soundFile{m: m, c: c}
	case c.task.Input == "image" && in.Image != nil:
		c.media = &pictureFile{m: m, c: c}
	case c.task.Input != "text":
		err = fmt.Errorf("no %s given", strings.TrimPrefix(kinds[c.task.Input], "a "))
	case c.task.Output == "tree":
		err = m.prepareTrees(ctx, c)
	default:
		err = m.prepareText(ctx, c)
	}
	if err != nil {
		return nil, fmt.Errorf("mm: %s: %w", in.Task, err)
	}
	return c, nil
}

// check finds the task that in asks for and wants in to fit it.
func (m *Model) check(in Input) (*task, error) {
	if err := m.checkInput(in); err != nil {
		return nil, fmt.Errorf("mm: %s: %w", in.Task, err)
	}
	t, err := m.find(in)
	if err != nil {
		return nil, err
	}
	if err := t.checkKind(in); err != nil {
		return nil, fmt.Errorf("mm: %s: %w", in.Task, err)
	}
	return t, nil
}

// wholeTokens is the longest text that is translated in one piece. Longer ones
// are split at sentence ends: the model learned mostly from single sentences.
const wholeTokens = 64

func (m *Model) prepareText(ctx context.Context, c *call) error {
	ids, err := m.tok.Encode(c.in.Text)
	if err != nil || len(ids) == 0 {
		return err
	}
	limit := max(m.ckpt.Config.Model.MaxPositions/2-1, 1)
	if len(ids) <= min(wholeTokens, limit) {
		m.addText(ctx, c, ids)
		return nil
	}
	for _, sentence := range token.Sentences(token.Normalize(c.in.Text)) {
		ids, err := m.tok.Encode(sentence)
		if err != nil {
			return err
		}
		if len(ids) > limit {
			c.notices = append(c.notices, fmt.Sprintf("a sentence of %d tokens was cut into pieces of at most %d", len(ids), limit))
		}
		for _, chunk := range token.Chunks(sentence, limit, m.count) {
			if ids, err = m.tok.Encode(chunk); err != nil {
				return err
			}
			m.addText(ctx, c, ids)
		}
	}
	return nil
}

// count is the number of tokens of a text that Encode has accepted before.
func (m *Model) count(text string) int {
	ids, _ := m.tok.Encode(text)
	return len(ids)
}

func (m *Model) addText(ctx context.Context, c *call, ids []int32) {
	if len(ids) == 0 {
		return
	}
	r := newRequest(ctx, c.task, ids...)
	if c.task.writes() {
		// Half more than the source and some: of 29,000 human translations 8 are longer.
		m.write(r, c.in, min(3*(len(ids)+1)/2+16, m.ckpt.Config.Model.MaxPositions))
	}
	c.parts = append(c.parts, part{request: r})
}

// newRequest is a request for a task whose source is ids, or what is yet to be
// put behind the command.
func newRequest(ctx context.Context, t *task, ids ...int32) *request {
	return &request{
		ctx: ctx, task: t, done: make(chan struct{}),
		tokens: append([]int32{t.command}, ids...), rows: 1 + len(ids),
	}
}

// write lets r write a text. maxTokens is the task's own limit.
func (m *Model) write(r *request, in Input, maxTokens int) {
	for _, asked := range []int{m.opts.maxTokens, in.MaxTokens} {
		if asked > 0 {
			maxTokens = min(asked, m.ckpt.Config.Model.MaxPositions)
		}
	}
	end := m.ckpt.Config.Vocabulary.End
	text := &sequence.Text{Limit: end + 1, Repeats: sequence.NewRepeats(m.spelling, r.tokens[1:])}
	if h := r.task.hearing; h != nil {
		r.sound = letters.NewSound(h.spelling, end, h.weights)
		m.search(r, in, letters.NewTranscript(text, r.sound), maxTokens)
		return
	}
	m.search(r, in, text, maxTokens)
}

// search lets r search for an output of at most maxTokens under a grammar.
func (m *Model) search(r *request, in Input, g sequence.Grammar, maxTokens int) {
	r.width, r.length = cmp.Or(in.Beam, m.opts.beam, r.task.beam, 1), maxTokens
	r.slots = make([]int32, 0, r.width*maxTokens)
	wider := 0
	if r.sound != nil {
		wider = letters.Candidates
	}
	r.search = sequence.New(sequence.Options{
		Command: r.task.command, End: m.ckpt.Config.Vocabulary.End,
		Beam: r.width, MaxTokens: maxTokens, LengthPenalty: m.opts.penalty, Wider: wider,
	}, g)
}
