package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// recorder is a device that keeps what it is given to pack and to write.
type recorder struct {
	kernels.Device
	packs int
	fail  bool
}

type hostMemory struct{ values []float32 }

func (m *hostMemory) Len() int { return len(m.values) }

func (d *recorder) Alloc(rows, cols int) (kernels.Tensor, error) {
	if d.fail {
		return kernels.Tensor{}, errors.New("out of memory")
	}
	return kernels.Tensor{Rows: rows, Cols: cols, Stride: cols, Mem: &hostMemory{make([]float32, rows*cols)}}, nil
}

func (d *recorder) Write(t kernels.Tensor, src []float32) { copy(t.Mem.(*hostMemory).values, src) }

func (d *recorder) Pack(m kernels.Matrix, groups int) (kernels.Weight, error) {
	if d.fail {
		return kernels.Weight{}, errors.New("out of memory")
	}
	d.packs++
	return kernels.Weight{Groups: groups, Out: m.Rows / groups, In: m.Cols, DType: m.DType, Packed: m}, nil
}

type dense struct {
	Up kernels.Weight `mm:"up"`
}

type experts struct {
	Up   kernels.Weight `mm:"up"` // a stack
	Gate kernels.Weight `mm:"gate"`
}

// either is embedded: one of the two is nil.
type either struct {
	FFN *dense   `mm:"ffn"`
	MoE *experts `mm:"moe"`
}

type block struct {
	Norm   kernels.Tensor `mm:"norm"`
	Filter kernels.Tensor `mm:"depthwise"`
	either
	notes string
}

type network struct {
	Embed  *kernels.Weight `mm:"embed"`
	Logits kernels.Weight  `mm:"embed"` // tied
	Mixer  struct {
		Blocks []block        `mm:""`
		Norm   kernels.Tensor `mm:"norm"`
	} `mm:"mixer.encoder"`
	Untagged kernels.Weight
}

func newNetwork() *network {
	embed := kernels.Weight{Groups: 1, Out: 4, In: 2}
	n := &network{Embed: &embed, Logits: embed}
	gain, filter := kernels.Tensor{Rows: 1, Cols: 2}, kernels.Tensor{Rows: 3, Cols: 2}
	n.Mixer.Norm = gain
	n.Mixer.Blocks = []block{
		{Norm: gain, Filter: filter, either: either{FFN: &dense{kernels.Weight{Groups: 1, Out: 3, In: 2}}}},
		{Norm: gain, Filter: filter, either: either{MoE: &experts{
			Up: kernels.Weight{Groups: 2, Out: 1, In: 2}, Gate: kernels.Weight{Groups: 1, Out: 2, In: 2}}}},
	}
	return n
}

func networkTensors() []namedTensor {
	return []namedTensor{
		{Name: "embed", Shape: []int{4, 2}, DType: kernels.I8, I8: []int8{1, 2, 3, 4, 5, 6, 7, -8}},
		{Name: "embed.scale", Shape: []int{4}, F32: []float32{1, 2, 3, 0}},
		{Name: "mixer.encoder.0.norm", Shape: []int{2}, F32: []float32{0.5, 2}},
		{Name: "mixer.encoder.0.depthwise", Shape: []int{3, 2}, F32: []float32{1, 2, 3, 4, 5, 6}},
		{Name: "mixer.encoder.0.ffn.up", Shape: []int{3, 2}, DType: kernels.BF16, BF16: []uint16{1, 2, 3, 4, 5, 6}},
		{Name: "mixer.encoder.1.norm", Shape: []int{2}, DType: kernels.BF16, BF16: []uint16{0x3f80, 0xc000}},
		{Name: "mixer.encoder.1.depthwise", Shape: []int{3, 2}, F32: []float32{1, 2, 3, 4, 5, 6}},
		{Name: "mixer.encoder.1.moe.up", Shape: []int{2, 1, 2}, DType: kernels.I8, I8: []int8{1, 2, 3, 4}},
		{Name: "mixer.encoder.1.moe.up.scale", Shape: []int{2}, F32: []float32{1, 2}},
		{Name: "mixer.encoder.1.moe.gate", Shape: []int{2, 2}, F32: []float32{1, 2, 3, 4}},
		{Name: "mixer.encoder.norm", Shape: []int{2}, F32: []float32{1, 1}},
	}
}

func checkpointOf(t *testing.T, list []namedTensor) *Checkpoint {
	t.Helper()
	found, err := readSafetensors(written(t, list...))
	if err != nil {
		t.Fatal(err)
	}
	return &Checkpoint{Config: Config{Name: "base"}, tensors: found}
}

func TestBind(t *testing.T) {
	n, dev := newNetwork(), &recorder{}
	if err := checkpointOf(t, networkTensors()).Bind(dev, n); err != nil {
		t.Fatal(err)
	}
	if dev.packs != 4 { // embed once for both of its fields
		t.Errorf("%d weights packed, want 4", dev.packs)
	}
	embed := n.Logits.Packed.(kernels.Matrix)
	if n.Embed.Packed.(kernels.Matrix).Rows != 4 || !slices.Equal(embed.I8, []int8{1, 2, 3, 4, 5, 6, 7, -8}) || !slices.Equal(embed.Scales, []float32{1, 2, 3, 0}) {
		t.Errorf("embed %+v", embed)
	}
	up := n.Mixer.Blocks[1].MoE.Up
	if m := up.Packed.(kernels.Matrix); up.Groups != 2 || m.Rows != 2 || m.Cols != 2 || !slices.Equal(m.Scales, []float32{1, 2}) {
		t.Errorf("moe.up %+v", up)
	}
	if m := n.Mixer.Blocks[0].FFN.Up.Packed.(kernels.Matrix); !slices.Equal(m.BF16, []uint16{1, 2, 3, 4, 5, 6}) {
		t.Errorf("ffn.up %+v", m)
	}
	for i, want := range [][]float32{{0.5, 2}, {1, -2}} {
		if got := n.Mixer.Blocks[i].Norm.Mem.(*hostMemory).values; !slices.Equal(got, want) {
			t.Errorf("block %d: norm %v, want %v", i, got, want)
		}
	}
	if f := n.Mixer.Blocks[1].Filter; f.Rows != 3 || f.Mem.(*hostMemory).values[5] != 6 {
		t.Errorf("filter %+v", f)
	}
}

func TestBindRejects(t *testing.T) {
	nan := networkTensors()[1]
	nan.F32 = []float32{1, float32(-1), 1, 1}
	for _, c := range []struct {
		name, tensor string
		put          *namedTensor // in its place; nil: taken away
		want         string
	}{
		{"missing", "mixer.encoder.0.ffn.up", nil, `mm: load base: tensor "mixer.encoder.0.ffn.up": missing, want shape [3 2]`},
		{"transposed", "mixer.encoder.0.ffn.up", &namedTensor{Name: "mixer.encoder.0.ffn.up", Shape: []int{2, 3}, F32: make([]float32, 6)},
			`mm: load base: tensor "mixer.encoder.0.ffn.up": shape [2 3], want [3 2]`},
		{"flat stack", "mixer.encoder.1.moe.up", &namedTensor{Name: "mixer.encoder.1.moe.up", Shape: []int{2, 2}, DType: kernels.I8, I8: make([]int8, 4)},
			`tensor "mixer.encoder.1.moe.up": shape [2 2], want [2 1 2]`},
		{"row as a matrix", "mixer.encoder.norm", &namedTensor{Name: "mixer.encoder.norm", Shape: []int{1, 2}, F32: make([]float32, 2)},
			`tensor "mixer.encoder.norm": shape [1 2], want [2]`},
		{"i8 gain", "mixer.encoder.norm", &namedTensor{Name: "mixer.encoder.norm", Shape: []int{2}, DType: kernels.I8, I8: make([]int8, 2)},
			`tensor "mixer.encoder.norm": i8, want f32 or bf16`},
		{"no scales", "embed.scale", nil, `tensor "embed": i8 without "embed.scale", want it with shape [4]`},
		{"few scales", "embed.scale", &namedTensor{Name: "embed.scale", Shape: []int{2}, F32: make([]float32, 2)},
			`tensor "embed": scales are f32 of shape [2], want f32 of [4]`},
		{"bf16 scales", "embed.scale", &namedTensor{Name: "embed.scale", Shape: []int{4}, DType: kernels.BF16, BF16: make([]uint16, 4)},
			`tensor "embed": scales are bf16`},
		{"negative scale", "embed.scale", &nan, `tensor "embed": scale of row 1 is -1`},
		{"scales of an f32 tensor", "embed", &namedTensor{Name: "embed", Shape: []int{4, 2}, F32: make([]float32, 8)},
			`mm: load base: the model has no place for tensor "embed.scale"`},
	} {
		var list []namedTensor
		for _, n := range networkTensors() {
			if n.Name != c.tensor {
				list = append(list, n)
			} else if c.put != nil {
				list = append(list, *c.put)
			}
		}
		dev := &recorder{}
		err := checkpointOf(t, list).Bind(dev, newNetwork())
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
		if dev.packs != 0 {
			t.Errorf("%s: %d weights packed before the error", c.name, dev.packs)
		}
	}
}

// TestBindMaps binds two kinds of heads under one tag by their names.
func TestBindMaps(t *testing.T) {
	type heads struct {
		Classes map[string]*dense   `mm:"decoders"`
		Boxes   map[string]*experts `mm:"decoders"`
		None    map[string]*dense   `mm:"decoders"`
	}
	matrix := kernels.Weight{Groups: 1, Out: 1, In: 2}
	n := heads{
		Classes: map[string]*dense{"digits": {matrix}, "cifar10": {matrix}, "nil": nil},
		Boxes:   map[string]*experts{"bccd": {matrix, matrix}},
	}
	var list []namedTensor
	for i, name := range []string{"digits.up", "cifar10.up", "bccd.up", "bccd.gate"} {
		list = append(list, namedTensor{Name: "decoders." + name, Shape: []int{1, 2}, F32: []float32{float32(i), 1}})
	}
	if err := checkpointOf(t, list).Bind(&recorder{}, &n); err != nil {
		t.Fatal(err)
	}
	for i, w := range []kernels.Weight{n.Classes["digits"].Up, n.Classes["cifar10"].Up, n.Boxes["bccd"].Up, n.Boxes["bccd"].Gate} {
		if got := w.Packed.(kernels.Matrix).F32[0]; got != float32(i) {
			t.Errorf("weight %d starts with %v", i, got)
		}
	}
	err := checkpointOf(t, list[:2]).Bind(&recorder{}, &n)
	if err == nil || !strings.Contains(err.Error(), `tensor "decoders.bccd.up": missing, want shape [1 2]`) {
		t.Errorf("without the weights of a head: error %v", err)
	}
}

func TestBindUnused(t *testing.T) {
	list := networkTensors()
	for i := range 7 {
		list = append(list, namedTensor{Name: fmt.Sprint("spare.", i), Shape: []int{1}, F32: []float32{1}})
	}
	err := checkpointOf(t, list).Bind(&recorder{}, newNetwork())
	want := `the model has no place for tensor "spare.0", "spare.1", "spare.2", "spare.3", "spare.4" and 2 more`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}

func TestBindRoots(t *testing.T) {
	c := checkpointOf(t, nil)
	type hidden struct {
		w kernels.Weight `mm:"w"`
	}
	type number struct {
		N int `mm:"n"`
	}
	type empty struct {
		W kernels.Weight `mm:"w"`
	}
	type values struct {
		Heads map[string]dense `mm:"heads"`
	}
	type numbered struct {
		Heads map[int]*dense `mm:"heads"`
	}
	for _, r := range []struct {
		root any
		want string
	}{
		{nil, "bind: <nil>, want a pointer to a struct"},
		{network{}, "want a pointer to a struct"},
		{(*network)(nil), "want a pointer to a struct"},
		{&hidden{w: kernels.Weight{}}, "hidden.w has a tag but is not exported"},
		{&values{}, "bind: heads is a map[string]checkpoint.dense, want a map of strings to pointers"},
		{&numbered{}, "bind: heads is a map[int]*checkpoint.dense, want a map of strings to pointers"},
		{&number{}, "bind: n is a int, want a kernels.Weight"},
		{&empty{}, `tensor "w": declared with shape [0 0 0], want positive dimensions`},
	} {
		if err := c.Bind(&recorder{}, r.root); err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%T: error %v, want one with %q", r.root, err, r.want)
		}
	}
	err := checkpointOf(t, networkTensors()).Bind(&recorder{fail: true}, newNetwork())
	if err == nil || !strings.Contains(err.Error(), `tensor "embed": out of memory`) {
		t.Errorf("a device without memory: error %v", err)
	}
}

// TestPackRows wants the values and scales of the rows asked for.
func TestPackRows(t *testing.T) {
	c, dev := checkpointOf(t, networkTensors()), &recorder{}
	w, err := c.PackRows(dev, "embed", 1, 3)
	if err != nil {
		t.Fatal(err)
	}
	m := w.Packed.(kernels.Matrix)
	if w.Out != 2 || w.In != 2 || !slices.Equal(m.I8, []int8{3, 4, 5, 6}) || !slices.Equal(m.Scales, []float32{2, 3}) {
		t.Errorf("rows 1:3 are %+v, want 3 4, 5 6 with scales 2, 3", m)
	}
	dev.fail = true
	if _, err := c.PackRows(dev, "embed", 1, 3); err == nil || !strings.Contains(err.Error(), `tensor "embed": out of memory`) {
		t.Errorf("error %v, want the tensor's name and the cause", err)
	}
}
