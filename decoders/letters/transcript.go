package letters

import (
	"cmp"
	"math"
	"slices"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/kernels"
)

const (
	// Candidates is how many tokens may come next at most. A search should look at so
	// many more than it would otherwise: the network's first may not be what is heard.
	Candidates = 32
	// faint is the probability of being heard below which a token may not come next.
	faint = 1e-4
)

// Transcript is the grammar of what is said in a sound: a text made of tokens that
// are heard, whose decisions are weighed by how well.
type Transcript struct {
	*sequence.Text
	sound *Sound
	said  prefix
	usual saying   // the same text, where there are Words
	begun bool     // said is there
	next  []heard  // tokens that may follow, by id; nil before they were looked for
	ids   []int32  // of next
	stack []prefix // scratch: the first letter of the token that is looked at, the first two, …
}

// heard is a token that may come next.
type heard struct {
	token int32
	log   float64 // weighed log-probabilities that the text goes on with it
}

// NewTranscript lets text write what is heard in sound.
func NewTranscript(text *sequence.Text, sound *Sound) *Transcript {
	return &Transcript{Text: text, sound: sound}
}

// Allowed is the tokens that are heard next, the end among them where the sound may
// be over.
func (g *Transcript) Allowed() kernels.Allowed {
	if len(g.next) == 0 {
		g.listen()
	}
	return kernels.Allowed{IDs: g.ids, Limit: g.Limit} // else rare spellings would seem likely
}

// listen finds the tokens that may come next.
func (g *Transcript) listen() {
	if !g.begun {
		g.sound.begin(&g.said)
		g.stack, g.begun = make([]prefix, g.sound.spelling.longest), true
		if w := g.sound.Words; w != nil {
			g.usual = w.start()
		}
	}
	g.next = g.next[:0]
	g.walk(0, 0, &g.said, g.usual, 1, 0)
	if p := g.sound.ended(&g.said); p >= faint || len(g.next) == 0 {
		usual := 0.0
		if w := g.sound.Words; w != nil {
			usual = w.end(g.usual)
		}
		g.add(g.sound.end, max(p, math.SmallestNonzeroFloat64), usual)
	}
	slices.SortFunc(g.next, func(a, b heard) int { return cmp.Or(cmp.Compare(b.log, a.log), cmp.Compare(a.token, b.token)) })
	g.next = g.next[:min(len(g.next), Candidates)]
	slices.SortFunc(g.next, func(a, b heard) int { return cmp.Compare(a.token, b.token) })
	g.ids = g.ids[:0]
	for _, h := range g.next {
		g.ids = append(g.ids, h.token)
	}
}

// walk adds the tokens below a node, whose letters are the prefix p, were heard with
// prob and are usual with a log-probability.
func (g *Transcript) walk(at int32, depth int, p *prefix, said saying, prob, usual float64) {
	for _, child := range g.sound.spelling.nodes[at].children {
		n := &g.sound.spelling.nodes[child]
		now := prob * g.sound.chance(p, n.letter)
		if now < faint {
			continue // most do not
		}
		g.sound.extend(&g.stack[depth], p, n.letter)
		after, log := g.sound.follow(said, n.letter)
		if n.token >= 0 {
			g.add(n.token, now, usual+log)
		}
		g.walk(child, depth+1, &g.stack[depth], after, now, usual+log)
	}
}

// add lets a token come next that was heard with prob.
func (g *Transcript) add(token int32, prob, usual float64) {
	g.next = append(g.next, heard{token, g.sound.Share*math.Log(min(prob, 1)) + g.sound.Usual*usual})
}

// Weigh mixes the network's log-probability of a token with that of hearing it and
// that of saying it.
func (g *Transcript) Weigh(token int32, log float64) float64 {
	at, ok := slices.BinarySearchFunc(g.next, token, func(h heard, token int32) int { return cmp.Compare(h.token, token) })
	if !ok {
		return math.Inf(-1)
	}
	return (1-g.sound.Share)*log + g.next[at].log
}

// Accept takes an allowed token and forces nothing.
func (g *Transcript) Accept(token int32) []int32 {
	g.next = g.next[:0]
	for _, letter := range g.sound.spelling.letters[token] {
		g.sound.extend(&g.stack[0], &g.said, letter)
		g.said, g.stack[0] = g.stack[0], g.said
		g.usual, _ = g.sound.follow(g.usual, letter)
	}
	return nil
}

// Clone returns a copy with scratch of its own.
func (g *Transcript) Clone(old sequence.Grammar) sequence.Grammar {
	c, ok := old.(*Transcript)
	if !ok {
		c = &Transcript{Text: g.Text, sound: g.sound, stack: make([]prefix, len(g.stack))}
	}
	c.said.copy(&g.said)
	c.usual, c.begun, c.next = g.usual, g.begun, append(c.next[:0], g.next...)
	c.ids = append(c.ids[:0], g.ids...)
	return c
}
