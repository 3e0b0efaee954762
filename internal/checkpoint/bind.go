package checkpoint

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mm-runtime/mm/kernels"
)

// Bind fills the weights of root, a pointer to a struct, on a device. Fields are
// bound by tag:
//
//	type Attention struct {
//		Norm kernels.Tensor `mm:"norm"`
//		QKV  kernels.Weight `mm:"qkv"`
//	}
//
// Tags of nested structs, pointers, slices and maps are joined by dots, a slice
// adding its index and a map, of names to pointers, its key:
// `mixer.encoder.3.attn.qkv`. An empty tag adds nothing. Nil pointers and untagged
// fields are passed over. A Weight or Tensor declares its shape
// before it is bound: Groups, Out and In, or Rows and Cols. Two fields of one
// name share a Weight.
//
// Every declared tensor must be in the file with that shape, and every tensor of
// the file must be declared. All of that is checked before anything is packed.
// The device may go on reading the Checkpoint, which must outlive it.
func (c *Checkpoint) Bind(dev kernels.Device, root any) error {
	if err := c.bind(dev, root); err != nil {
		return loadError(c.Config.Name, err)
	}
	return nil
}

func (c *Checkpoint) bind(dev kernels.Device, root any) error {
	leaves, err := findLeaves(root)
	if err != nil {
		return err
	}
	used := map[string]bool{}
	for _, l := range leaves {
		if err := c.tensors.check(l); err != nil {
			return fmt.Errorf("tensor %q: %w", l.name, err)
		}
		used[l.name] = true
		if c.tensors.byName[l.name].dtype == kernels.I8 {
			used[l.name+scaleSuffix] = true
		}
	}
	if err := c.tensors.checkUnused(used); err != nil {
		return err
	}
	packed := map[string]kernels.Weight{}
	for _, l := range leaves {
		if err := c.tensors.fill(dev, l, packed); err != nil {
			return fmt.Errorf("tensor %q: %w", l.name, err)
		}
	}
	return nil
}

// check wants the tensor of a leaf: there, of its shape and of a type it takes.
func (t *tensors) check(l leaf) error {
	want := l.shape()
	if slices.Min(want) < 1 {
		return fmt.Errorf("declared with shape %v, want positive dimensions", want)
	}
	e, ok := t.byName[l.name]
	if !ok {
		return fmt.Errorf("missing, want shape %v", want)
	}
	if !slices.Equal(e.shape, want) {
		return fmt.Errorf("shape %v, want %v", e.shape, want)
	}
	if e.dtype > kernels.I8 {
		return fmt.Errorf("%s, want F32, BF16 or I8", dtypes[e.dtype].name)
	}
	if e.dtype != kernels.I8 {
		return nil
	}
	if l.tensor != nil {
		return fmt.Errorf("%v, want f32 or bf16: only matrices may be i8", e.dtype)
	}
	scale, ok := t.byName[l.name+scaleSuffix]
	rows := l.weight.Groups * l.weight.Out
	if !ok {
		return fmt.Errorf("i8 without %q, want it with shape [%d]", l.name+scaleSuffix, rows)
	}
	if scale.dtype != kernels.F32 || !slices.Equal(scale.shape, []int{rows}) {
		return fmt.Errorf("scales are %v of shape %v, want f32 of [%d]", scale.dtype, scale.shape, rows)
	}
	for row, s := range inPlace[float32](scale.data) {
		if !(s >= 0 && s <= math.MaxFloat32) {
			return fmt.Errorf("scale of row %d is %v, want a finite number that is not negative", row, s)
		}
	}
	return nil
}

// checkUnused wants every tensor of the file to have been declared.
func (t *tensors) checkUnused(used map[string]bool) error {
	const show = 5
	var unused []string
	for _, name := range t.names {
		if !used[name] {
			unused = append(unused, fmt.Sprintf("%q", name))
		}
	}
	if len(unused) == 0 {
		return nil
	}
	more := ""
	if n := len(unused) - show; n > 0 {
		unused, more = unused[:show], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("the model has no place for tensor %s%s", strings.Join(unused, ", "), more)
}

// fill hands the values of a checked leaf to the device.
func (t *tensors) fill(dev kernels.Device, l leaf, packed map[string]kernels.Weight) error {
	e := t.byName[l.name]
	if l.tensor != nil {
		values := inPlace[float32](e.data)
		if e.dtype == kernels.BF16 {
			values = widened(inPlace[uint16](e.data))
		}
		made, err := dev.Alloc(l.tensor.Rows, l.tensor.Cols)
		if err != nil {
			return err
		}
		dev.Write(made, values)
		*l.tensor = made
		return nil
	}
	if w, ok := packed[l.name]; ok {
		*l.weight = w
		return nil
	}
	w, err := dev.Pack(t.matrix(l.name, 0, l.weight.Groups*l.weight.Out), l.weight.Groups)
	if err != nil {
		return err
	}
	*l.weight, packed[l.name] = w, w
	return nil
}

// matrix is the rows lo up to hi of a tensor.
func (t *tensors) matrix(name string, lo, hi int) kernels.Matrix {
	e := t.byName[name]
	cols := e.shape[len(e.shape)-1]
	m := kernels.Matrix{Rows: hi - lo, Cols: cols, DType: e.dtype}
	switch e.dtype {
	case kernels.F32:
		m.F32 = inPlace[float32](e.data)[lo*cols : hi*cols]
	case kernels.BF16:
		m.BF16 = inPlace[uint16](e.data)[lo*cols : hi*cols]
	case kernels.I8:
		m.I8 = codes(e.data)[lo*cols : hi*cols]
		m.Scales = inPlace[float32](t.byName[name+scaleSuffix].data)[lo:hi]
	}
	return m
}

// PackRows packs the rows lo up to hi of a matrix that Bind has bound, for products
// that want no others.
func (c *Checkpoint) PackRows(dev kernels.Device, name string, lo, hi int) (kernels.Weight, error) {
	w, err := dev.Pack(c.tensors.matrix(name, lo, hi), 1)
	if err != nil {
		return w, loadError(c.Config.Name, fmt.Errorf("tensor %q: %w", name, err))
	}
	return w, nil
}
