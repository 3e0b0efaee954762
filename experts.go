package mm

import (
	"fmt"
	"strings"
	"sync"

	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/mixer"
)

// ExpertUse says how often the rows of a task went to each expert of a block.
type ExpertUse struct {
	Task  string // with its target language: "translate de"
	Block string // "encoder 1"
	Rows  int64
	// Counts are of each expert. Every row goes to several, so they add up to a
	// multiple of Rows.
	Counts []int64
}

// WithExpertCounts lets the model count which experts its rows go to, for
// ExpertUses. It makes the model a little slower.
func WithExpertCounts() Option {
	return func(o *options) error {
		o.countExperts = true
		return nil
	}
}

// ExpertUses are the counts of a model WithExpertCounts since it was loaded, by
// task and block in the checkpoint's order; of tasks that ran nothing there are
// none.
func (m *Model) ExpertUses() []ExpertUse {
	c := m.engine.experts
	if c == nil {
		return nil
	}
	c.mutex.Lock()
	defer c.mutex.Unlock()
	var uses []ExpertUse
	for i := range m.tasks {
		t := &m.tasks[i]
		for _, l := range c.layers {
			if u := c.uses[useKey{t, l}]; u != nil {
				uses = append(uses, ExpertUse{strings.TrimSpace(t.Name + " " + t.To), c.blocks[l], u.rows, append([]int64(nil), u.counts...)})
			}
		}
	}
	return uses
}

// expertCounts counts which experts rows go to.
type expertCounts struct {
	dev    kernels.Device
	top    int
	layers []*nn.Experts
	blocks map[*nn.Experts]string
	owners []*task   // of the rows of the pass that runs
	logits []float32 // of one layer

	mutex sync.Mutex
	uses  map[useKey]*use
}

type useKey struct {
	task  *task
	layer *nn.Experts
}

type use struct {
	rows   int64
	counts []int64
}

func newExpertCounts(dev kernels.Device, mix *mixer.Mixer, top int) *expertCounts {
	c := &expertCounts{dev: dev, top: top, blocks: map[*nn.Experts]string{}, uses: map[useKey]*use{}}
	add := func(l *nn.Experts, part string, block int) {
		if l != nil {
			c.layers = append(c.layers, l)
			c.blocks[l] = fmt.Sprintf("%s %d", part, block)
		}
	}
	for i := range mix.Encoder.Blocks {
		add(mix.Encoder.Blocks[i].MoE, "encoder", i)
	}
	for i := range mix.Decoder.Blocks {
		add(mix.Decoder.Blocks[i].MoE, "decoder", i)
	}
	return c
}

// own notes whose the next row of the pass is. A model that does not count has no
// counts, which note nothing.
func (c *expertCounts) own(t *task) {
	if c != nil {
		c.owners = append(c.owners, t.checkpoints())
	}
}

func (c *expertCounts) reset() {
	if c != nil {
		c.owners = c.owners[:0]
	}
}

// count takes a layer's gates (T, E). The chosen ones are as in kernels.Route: the
// largest, the lower expert among equals.
func (c *expertCounts) count(l *nn.Experts, gates kernels.Tensor) {
	experts := gates.Cols
	if n := gates.Rows * experts; cap(c.logits) < n {
		c.logits = make([]float32, n)
	}
	c.logits = c.logits[:gates.Rows*experts]
	c.dev.Read(c.logits, gates)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	chosen := make([]bool, experts)
	for row, owner := range c.owners {
		u := c.uses[useKey{owner, l}]
		if u == nil {
			u = &use{counts: make([]int64, experts)}
			c.uses[useKey{owner, l}] = u
		}
		u.rows++
		clear(chosen)
		for range c.top {
			best := -1
			for e, v := range c.logits[row*experts : (row+1)*experts] {
				if !chosen[e] && (best < 0 || v > c.logits[row*experts+best]) {
					best = e
				}
			}
			chosen[best] = true
			u.counts[best]++
		}
	}
}
