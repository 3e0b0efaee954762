package mm

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/internal/token"
)

// call is one Input on its way: an input of several sentences becomes several
// requests.
type call struct {
	task    *task
	start   time.Time
	parts   []part
	notices []string
}

// part is one request and what is needed to read its output.
type part struct {
	*request
	words []string // of a tree
	joins bool     // the tree goes on where the one before was cut
}

// wholeTokens is the longest text that is translated in one piece. Longer ones
// are split at sentence ends: the model learned mostly from single sentences.
const wholeTokens = 64

// prepare checks an input and turns it into requests.
func (m *Model) prepare(ctx context.Context, in Input) (*call, error) {
	c := &call{start: time.Now()}
	if m.engine.isClosing() { // also where nothing will have to be submitted
		return nil, ErrClosed
	}
	if err := m.checkInput(in); err != nil {
		return nil, err
	}
	var err error
	if c.task, err = m.find(in); err != nil {
		return nil, err
	}
	switch c.task.Output {
	case "sequence":
		err = m.prepareText(ctx, c, in)
	case "tree":
		err = m.prepareTrees(ctx, c, in)
	}
	if err != nil {
		return nil, fmt.Errorf("mm: %s: %w", in.Task, err)
	}
	return c, nil
}

func (m *Model) prepareText(ctx context.Context, c *call, in Input) error {
	if len(in.Words) > 0 {
		return fmt.Errorf("takes a text, got %d words", len(in.Words))
	}
	ids, err := m.tok.Encode(in.Text)
	if err != nil || len(ids) == 0 {
		return err
	}
	limit := max(m.ckpt.Config.Model.MaxPositions/2-1, 1)
	if len(ids) <= min(wholeTokens, limit) {
		m.addText(ctx, c, in, ids)
		return nil
	}
	for _, sentence := range token.Sentences(token.Normalize(in.Text)) {
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
			m.addText(ctx, c, in, ids)
		}
	}
	return nil
}

// count is the number of tokens of a text that Encode has accepted before.
func (m *Model) count(text string) int {
	ids, _ := m.tok.Encode(text)
	return len(ids)
}

func (m *Model) addText(ctx context.Context, c *call, in Input, ids []int32) {
	if len(ids) == 0 {
		return
	}
	vocabulary := m.ckpt.Config.Vocabulary
	// Twice the source and some: translations are hardly ever longer.
	limit := min(2*(len(ids)+1)+16, m.ckpt.Config.Model.MaxPositions)
	m.add(ctx, c, in, ids, nil, sequence.Text{Limit: vocabulary.End + 1}, limit)
}

// add makes the request for one source; maxTokens is the task's own limit.
func (m *Model) add(ctx context.Context, c *call, in Input, ids []int32, words []string, g sequence.Grammar, maxTokens int) {
	for _, asked := range []int{m.opts.maxTokens, in.MaxTokens} {
		if asked > 0 && words == nil { // a tree that is cut is none
			maxTokens = min(asked, m.ckpt.Config.Model.MaxPositions)
		}
	}
	beam := m.opts.beam
	if in.Beam > 0 {
		beam = in.Beam
	}
	r := &request{
		ctx: ctx, width: beam, length: maxTokens, done: make(chan struct{}),
		slots:  make([]int32, 0, maxTokens),
		source: append([]int32{c.task.command}, ids...),
		search: sequence.New(sequence.Options{
			Command: c.task.command, End: m.ckpt.Config.Vocabulary.End,
			Beam: beam, MaxTokens: maxTokens, LengthPenalty: m.opts.penalty,
		}, g),
	}
	c.parts = append(c.parts, part{request: r, words: words})
}

// output reads the finished parts of c.
func (m *Model) output(c *call) (Output, error) {
	out := Output{Task: c.task.Name, Notices: c.notices}
	var texts []string
	logp, decisions := 0.0, 0
	for _, p := range c.parts {
		best, err := p.best()
		if err != nil {
			return Output{}, m.runError(c, err)
		}
		text, err := m.read(p, best, &out)
		if err != nil {
			return Output{}, m.runError(c, err)
		}
		if text != "" {
			texts = append(texts, text)
		}
		logp += best.Logp
		decisions += best.Decisions()
		out.Elapsed = max(out.Elapsed, p.ended.Sub(c.start))
	}
	for _, root := range out.Trees {
		texts = append(texts, root.PTB())
	}
	if decisions > 0 {
		out.Score = logp / float64(decisions)
	}
	out.Text = strings.Join(texts, " ")
	return out, nil
}

// best is the output of a request that is done.
func (r *request) best() (*sequence.Hypothesis, error) {
	h := r.search.Best()
	if math.IsNaN(h.Logp) || math.IsInf(h.Logp, 0) {
		return nil, fmt.Errorf("the network's scores are no numbers: its weights are damaged")
	}
	return h, nil
}

// read returns the text of one part and adds the rest of what it gave, trees too,
// to out.
func (m *Model) read(p part, best *sequence.Hypothesis, out *Output) (string, error) {
	out.Tokens += len(best.Tokens)
	if p.words != nil {
		root, err := m.symbols.Build(best.Tokens, p.words)
		if err != nil {
			return "", err
		}
		if p.joins {
			last := out.Trees[len(out.Trees)-1]
			last.Children = append(last.Children, root.Children...)
		} else {
			out.Trees = append(out.Trees, root)
		}
		return "", nil
	}
	if p.search.Cut() {
		out.Notices = append(out.Notices, fmt.Sprintf("the output was cut at %d tokens", len(best.Tokens)))
	}
	return m.tok.Decode(best.Tokens), nil
}
