package checkpoint

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

// Floats is a tensor of float32 values, row-major.
type Floats struct {
	Shape  []int
	Values []float32
}

// WriteFloats writes tensors by name as a safetensors file; the same tensors make the
// same bytes.
func WriteFloats(w io.Writer, all map[string]Floats) error {
	var list []namedTensor
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, namedTensor{Name: name, Shape: all[name].Shape, DType: kernels.F32, F32: all[name].Values})
	}
	return writeSafetensors(w, list)
}

// ReadFloats reads a whole safetensors file whose tensors are all float32. The values
// may lie in file, which must not change.
func ReadFloats(file []byte) (map[string]Floats, error) {
	t, err := readSafetensors(file)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Floats, len(t.names))
	for name, e := range t.byName {
		if e.dtype != kernels.F32 {
			return nil, fmt.Errorf("tensor %q: %v, want f32", name, e.dtype)
		}
		all[name] = Floats{e.shape, inPlace[float32](e.data)}
	}
	return all, nil
}

// Floats returns the values that every tensor stands for, whatever it is stored as;
// scales are not listed.
func (c *Checkpoint) Floats() map[string]Floats {
	all := make(map[string]Floats, len(c.tensors.names))
	for name, e := range c.tensors.byName {
		switch {
		case c.tensors.isScale(name):
		case e.dtype == kernels.F32:
			all[name] = Floats{e.shape, inPlace[float32](e.data)}
		case e.dtype == kernels.BF16:
			all[name] = Floats{e.shape, widened(inPlace[uint16](e.data))}
		default:
			scales := inPlace[float32](c.tensors.byName[name+scaleSuffix].data)
			values := make([]float32, len(e.data))
			cols := len(e.data) / len(scales)
			for i, v := range codes(e.data) {
				values[i] = float32(v) * scales[i/cols]
			}
			all[name] = Floats{e.shape, values}
		}
	}
	return all
}
