package mixer_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/nn"
	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/mixer"
)

const tinyDir = "testdata/tiny"

// tinyShape is testdata/tiny/config.json's.
var tinyShape = mixer.Shape{
	Dims:        nn.Dims{Width: 32, Heads: 2, FFN: 48, Experts: 4, TopExperts: 2, ExpertFFN: 16, ConvWidth: 5, Eps: 1e-6},
	Encoder:     []mixer.BlockShape{{Dilation: 1}, {Dilation: 4, Experts: true}},
	Decoder:     []mixer.BlockShape{{Dilation: 2, Experts: true}, {Dilation: 1}},
	IODilations: [2]int{1, 4},
	MergeWidth:  3,
	Positions:   256,
	RopeBase:    10000,
}

// model is the tiny model of train/golden.py on a device.
type model struct {
	Embed kernels.Weight `mm:"embed"`
	Mixer *mixer.Mixer   `mm:"mixer"`
	scope *nn.Scope
}

// segment is a source and the decoder's inputs, both with a command in front.
type segment struct{ src, tgt []int32 }

func openTiny(t testing.TB, path string, threads int) *model {
	t.Helper()
	dev, err := cpu.Open(cpu.Options{Path: path, Threads: threads})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dev.Close() })
	ckpt, err := checkpoint.Open(tinyDir)
	if err != nil {
		t.Fatal(err)
	}
	m := &model{Embed: nn.Linear(ckpt.Config.Model.Vocab, tinyShape.Width), scope: nn.NewScope(dev)}
	if m.Mixer, err = mixer.New(dev, tinyShape); err != nil {
		t.Fatal(err)
	}
	if err := ckpt.Bind(dev, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// trace holds the rows of all segments at every boundary of the model.
type trace map[string][]float32

// put stores the rows of x as rows at of a boundary with total rows.
func (m *model) put(to trace, name string, x kernels.Tensor, at []int, total int) {
	if to[name] == nil {
		to[name] = make([]float32, total*x.Cols)
	}
	row := make([]float32, x.Cols)
	for r, i := range at {
		m.scope.Dev.Read(row, x.Slice(r, r+1))
		copy(to[name][i*x.Cols:], row)
	}
}

func (m *model) embed(ids []int32) kernels.Tensor {
	x := m.scope.Take(len(ids), m.Mixer.Width())
	kernels.Embed(m.scope.Dev, x, m.Embed, ids, float32(math.Sqrt(float64(m.Mixer.Width()))))
	return x
}

// run encodes the segments packed in one batch, decodes their outputs chunk rows
// of each at a time, and returns what it saw. The cache grows with the steps and
// is never larger than they need.
func (m *model) run(t testing.TB, segments []segment, chunk int) trace {
	t.Helper()
	defer m.scope.Reset()
	out, cache := trace{}, m.Mixer.NewCache(m.scope.Dev)
	memory := m.encode(t, out, cache, segments)
	m.decode(t, out, cache, segments, memory, chunk)
	return out
}

// encode runs the trunk and remembers the memory, whose slots it lists by
// segment: the last row has slot 0.
func (m *model) encode(t testing.TB, out trace, cache *mixer.Cache, segments []segment) kernels.Paths {
	t.Helper()
	var ids, positions, slots []int32
	var at []int
	var memory kernels.Paths
	segs := kernels.Segments{0}
	for _, s := range segments {
		memory.Start = append(memory.Start, int32(len(ids)))
		memory.Count = append(memory.Count, int32(len(s.src)))
		for i, id := range s.src {
			at, ids, positions = append(at, len(ids)), append(ids, id), append(positions, int32(i))
		}
		segs = append(segs, int32(len(ids)))
	}
	for i := range ids {
		slots = append(slots, int32(len(ids)-1-i))
	}
	memory.Slots = slots
	if err := m.Mixer.Grow(cache, 0, len(ids)); err != nil {
		t.Fatal(err)
	}
	x := m.embed(ids)
	m.Mixer.Encode(m.scope, x, positions, segs, func(block int, x kernels.Tensor) {
		m.put(out, fmt.Sprintf("encoder.%d", block), x, at, len(ids))
	})
	m.put(out, "memory", x, at, len(ids))
	m.Mixer.Remember(m.scope, cache, x, slots)
	return memory
}

func (m *model) decode(t testing.TB, out trace, cache *mixer.Cache, segments []segment, memory kernels.Paths, chunk int) {
	t.Helper()
	total, longest := 0, 0
	first := make([]int, len(segments)) // row of each output's first token
	for i, s := range segments {
		first[i] = total
		total, longest = total+len(s.tgt), max(longest, len(s.tgt))
	}
	paths := make([][]int32, len(segments))
	used := int32(0)
	for lo := 0; lo < longest; lo += chunk {
		b := mixer.Batch{Memory: kernels.Paths{Slots: memory.Slots}}
		var ids []int32
		var at []int
		for i, s := range segments {
			start := int32(len(b.Paths.Slots))
			for p := lo; p < min(lo+chunk, len(s.tgt)); p++ {
				paths[i] = append(paths[i], used)
				at, ids = append(at, first[i]+p), append(ids, s.tgt[p])
				b.Positions, b.Slots = append(b.Positions, int32(p)), append(b.Slots, used)
				b.Paths.Start, b.Paths.Count = append(b.Paths.Start, start), append(b.Paths.Count, int32(p+1))
				b.Memory.Start, b.Memory.Count = append(b.Memory.Start, memory.Start[i]), append(b.Memory.Count, memory.Count[i])
				used++
			}
			b.Paths.Slots = append(b.Paths.Slots, paths[i]...)
		}
		if err := m.Mixer.Grow(cache, int(used), 0); err != nil {
			t.Fatal(err)
		}
		m.step(out, cache, m.embed(ids), b, at, total)
	}
}

// step runs one decode step whose rows are the rows at of total.
func (m *model) step(out trace, cache *mixer.Cache, y kernels.Tensor, b mixer.Batch, at []int, total int) {
	x := m.Mixer.Step(m.scope, cache, y, b, func(block int, x kernels.Tensor) {
		name := "decoder.io"
		if block >= 0 {
			name = fmt.Sprintf("decoder.%d", block)
		}
		m.put(out, name, x, at, total)
	})
	h := m.Mixer.Predict(m.scope, x)
	m.put(out, "decoder.norm", h, at, total)
	m.put(out, "logits", nn.Project(m.scope, h, m.Embed), at, total)
}
