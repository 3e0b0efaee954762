package main

import (
	"fmt"
	"math/rand/v2"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/kernels"
)

// operation is what is not a product with weights: attention, convolutions, the
// choice of the next token.
type operation struct {
	Name    string  `json:"name"`
	Rows    int     `json:"rows"`
	Seconds float64 `json:"seconds"`
	GFLOPS  float64 `json:"gflop_s"` // additions and multiplications
	OfPeak  float64 `json:"of_peak"` // of f32
	Moved   float64 `json:"moved_gb_s"`
	OfRead  float64 `json:"of_read"` // of reading as many bytes and nothing else
}

// prepared is an operation that is ready to run.
type prepared struct {
	name         string
	rows         int
	flops, bytes float64 // of one call: arithmetic, memory read and written at least once
	run          func()
}

// operations prepares all of them at a model's sizes.
func operations(dev kernels.Device, c checkpoint.Model, rng *rand.Rand) []prepared {
	m := maker{dev, rng, nil}
	var all []prepared
	for _, length := range []int{16, 64, 256} {
		all = append(all, m.attention(c, 512, length))
	}
	for _, rows := range []int{1, 32, 256} {
		for _, length := range []int{16, 64} {
			all = append(all, m.pathAttention(c, rows, length))
		}
	}
	all = append(all, m.conv(c, 512, 16))
	for _, rows := range []int{1, 32, 256} {
		all = append(all, m.pathConv(c, rows), m.topK(c, rows))
	}
	if m.err != nil {
		panic(m.err)
	}
	return all
}

// maker makes operands; the first failure stays in err.
type maker struct {
	dev kernels.Device
	rng *rand.Rand
	err error
}

func (m *maker) tensor(rows, cols int) kernels.Tensor {
	t, err := m.dev.Alloc(rows, cols)
	if err != nil {
		m.err = err
		return t
	}
	m.dev.Write(t, normal(rows*cols, m.rng))
	return t
}

// attention is the trunk's: segments of length rows that see themselves.
func (m *maker) attention(c checkpoint.Model, rows, length int) prepared {
	q, k, v, dst := m.tensor(rows, c.Width), m.tensor(rows, c.Width), m.tensor(rows, c.Width), m.tensor(rows, c.Width)
	segs := kernels.Segments{0}
	for at := length; at <= rows; at += length {
		segs = append(segs, int32(at))
	}
	return prepared{
		name: fmt.Sprintf("attention, segments of %d", length), rows: rows,
		flops: 4 * float64(rows*length*c.Width), bytes: 4 * 4 * float64(rows*c.Width),
		run: func() { kernels.Attention(m.dev, dst, q, k, v, c.Heads, segs, segs) },
	}
}

// paths give each of rows hypotheses length cached rows of its own.
func paths(rows, length int) kernels.Paths {
	var p kernels.Paths
	for r := range rows {
		p.Start, p.Count = append(p.Start, int32(r*length)), append(p.Count, int32(length))
		for i := range length {
			p.Slots = append(p.Slots, int32(i*rows+r)) // as steps hand them out
		}
	}
	return p
}

// pathAttention is a decode step's.
func (m *maker) pathAttention(c checkpoint.Model, rows, length int) prepared {
	q, dst, cache := m.tensor(rows, c.Width), m.tensor(rows, c.Width), m.tensor(rows*length, 2*c.Width)
	k, v := cache.Columns(0, c.Width), cache.Columns(c.Width, 2*c.Width)
	p := paths(rows, length)
	return prepared{
		name: fmt.Sprintf("attention of a step, %d cached", length), rows: rows,
		flops: 4 * float64(rows*length*c.Width), bytes: 4 * float64(rows*c.Width*(2+2*length)),
		run: func() { kernels.PathAttention(m.dev, dst, q, k, v, c.Heads, p) },
	}
}

func (m *maker) conv(c checkpoint.Model, rows, length int) prepared {
	x, dst, filter := m.tensor(rows, c.Width), m.tensor(rows, c.Width), m.tensor(c.ConvWidth, c.Width)
	segs := kernels.Segments{0}
	for at := length; at <= rows; at += length {
		segs = append(segs, int32(at))
	}
	return prepared{
		name: fmt.Sprintf("depthwise convolution, segments of %d", length), rows: rows,
		flops: 2 * float64(c.ConvWidth*rows*c.Width), bytes: 4 * 2 * float64(rows*c.Width),
		run: func() { kernels.DepthwiseConv(m.dev, dst, x, filter, 1, segs) },
	}
}

func (m *maker) pathConv(c checkpoint.Model, rows int) prepared {
	const length = 16
	dst, cache, filter := m.tensor(rows, c.Width), m.tensor(rows*length, c.Width), m.tensor(c.ConvWidth, c.Width)
	p := paths(rows, length)
	return prepared{
		name: "convolution of a step", rows: rows,
		flops: 2 * float64(c.ConvWidth*rows*c.Width), bytes: 4 * float64(rows*c.Width*(1+c.ConvWidth)),
		run: func() { kernels.PathConv(m.dev, dst, cache, filter, 1, p) },
	}
}

// topK is log-softmax over the vocabulary and its best.
func (m *maker) topK(c checkpoint.Model, rows int) prepared {
	logits := m.tensor(rows, c.Vocab)
	allowed := make([]kernels.Allowed, rows)
	for i := range allowed {
		allowed[i].Limit = int32(c.Vocab)
	}
	var found kernels.Candidates
	found.Resize(rows, 1)
	return prepared{
		name: "softmax and best of the vocabulary", rows: rows,
		bytes: 4 * float64(rows*c.Vocab),
		run:   func() { kernels.TopK(m.dev, found, logits, allowed) },
	}
}

func timeOperation(p prepared, l limits, r rule) operation {
	o := operation{Name: p.name, Rows: p.rows, Seconds: r.seconds(p.run)}
	o.GFLOPS, o.Moved = p.flops/o.Seconds/1e9, p.bytes/o.Seconds/1e9
	if peak := l.Peak["f32"]; peak > 0 {
		o.OfPeak = o.GFLOPS / peak
	}
	if read := l.read(int(p.bytes)); read > 0 {
		o.OfRead = o.Moved / read
	}
	return o
}
