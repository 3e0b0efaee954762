package letters

import (
	"math"

	"github.com/mm-runtime/mm/decoders/sequence"
)

// unheard is the log-probability of what the sound does not say: low, but such that
// hypotheses of which all say something else are still compared by the network.
const unheard = -30

// Candidates is how many tokens a search should look at beyond those that it would
// without a Sound: the one that is heard may not be among the network's first.
const Candidates = 16

// Transcript is the grammar of what is said in a sound: a text whose decisions
// are weighed by what is heard.
type Transcript struct {
	*sequence.Text
	sound *Sound
	heard prefix
	begun bool // heard is there
	lost  bool // the sound says something else; only the network counts now
	// two are scratch, in turn the prefix with some letters more.
	two [2]prefix
}

// NewTranscript weighs the decisions of text by sound.
func NewTranscript(text *sequence.Text, sound *Sound) *Transcript {
	return &Transcript{Text: text, sound: sound}
}

// Weigh mixes the network's log-probability of a decision with that of hearing it,
// given the ones before.
func (g *Transcript) Weigh(token int32, log float64) float64 {
	heard := float64(unheard)
	if p, _ := g.hear(token); p > 0 {
		heard = max(heard, math.Log(p))
	}
	return (1-g.sound.share)*log + g.sound.share*heard
}

// begin hears the beginning of the sound, unless that has been.
func (g *Transcript) begin() {
	if !g.begun {
		g.heard, g.begun = g.sound.begin(), true
		g.two = [2]prefix{g.sound.room(), g.sound.room()}
	}
}

// hear returns the probability of hearing token next, and the prefix with it.
func (g *Transcript) hear(token int32) (float64, prefix) {
	g.begin()
	switch {
	case g.lost:
		return 1, prefix{}
	case token == g.sound.end:
		return g.heard.ended(), prefix{}
	}
	spelled := g.sound.spelling.of(token)
	if len(spelled) == 0 {
		return 0, prefix{}
	}
	p, now := 1.0, g.heard
	for i, letter := range spelled {
		dst := &g.two[i%2]
		if p *= g.sound.extend(dst, now, letter); p == 0 {
			return 0, prefix{}
		}
		now = *dst
	}
	return p, now
}

// Accept forces nothing.
func (g *Transcript) Accept(token int32) []int32 {
	p, now := g.hear(token)
	if p == 0 {
		g.lost = true
	} else if !g.lost {
		g.heard.copy(now)
	}
	return nil
}

// Clone returns a copy with scratch of its own.
func (g *Transcript) Clone(old sequence.Grammar) sequence.Grammar {
	c, ok := old.(*Transcript)
	if !ok {
		c = &Transcript{Text: g.Text, sound: g.sound}
	}
	c.lost = g.lost
	if g.begun {
		c.begin()
		c.heard.copy(g.heard)
	}
	return c
}
