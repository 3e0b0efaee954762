package mixer

import "github.com/mm-runtime/mm/kernels"

// Cache holds what decode steps need of earlier rows. A slot is one output row
// (outputs) or one encoded row (memory); whoever owns the cache hands out slots,
// and a hypothesis is the list of its slots, so hypotheses share their past.
type Cache struct {
	dev    kernels.Device
	convs  []kernels.Tensor // (slots, D): inputs of the causal convolutions
	merge  kernels.Tensor   // (slots, 2D)
	attn   []kernels.Tensor // (slots, 2D): keys and values
	memory []kernels.Tensor // (memory slots, 2D): keys and values
}

// NewCache makes a cache without slots; Grow gives it some.
func (m *Mixer) NewCache(dev kernels.Device) *Cache {
	n := len(m.Decoder.Blocks)
	return &Cache{dev: dev, convs: make([]kernels.Tensor, 2+n), attn: make([]kernels.Tensor, n), memory: make([]kernels.Tensor, 1+n)}
}

// Grow makes room for outputs output slots and memory memory slots, keeping
// what is stored. On an error the cache is as before or larger, never smaller.
func (m *Mixer) Grow(c *Cache, outputs, memory int) error {
	D := m.dims.Width
	for i := range c.convs {
		if err := grow(c.dev, &c.convs[i], outputs, D); err != nil {
			return err
		}
	}
	if err := grow(c.dev, &c.merge, outputs, 2*D); err != nil {
		return err
	}
	for i := range c.attn {
		if err := grow(c.dev, &c.attn[i], outputs, 2*D); err != nil {
			return err
		}
	}
	for i := range c.memory {
		if err := grow(c.dev, &c.memory[i], memory, 2*D); err != nil {
			return err
		}
	}
	return nil
}

func grow(dev kernels.Device, t *kernels.Tensor, rows, cols int) error {
	if t.Rows >= rows {
		return nil
	}
	wider, err := dev.Alloc(rows, cols)
	if err != nil {
		return err
	}
	if t.Rows > 0 {
		kernels.Copy(dev, wider.Slice(0, t.Rows), *t)
		dev.Free(*t)
	}
	*t = wider
	return nil
}

// Bytes is the memory that the cache holds.
func (c *Cache) Bytes() int64 {
	n := c.merge.Rows * c.merge.Cols
	for _, list := range [][]kernels.Tensor{c.convs, c.attn, c.memory} {
		for _, t := range list {
			n += t.Rows * t.Cols
		}
	}
	return 4 * int64(n)
}
