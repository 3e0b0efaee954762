package checkpoint

import (
	"fmt"
	"reflect"

	"github.com/mm-runtime/mm/kernels"
)

// BindWords fills root, a pointer to a struct, with the tables of words.safetensors:
// fields tagged `mm:"name"` that are slices of uint8, uint16, uint32 or float32, as the
// tensor of that name has them. The values lie in the Checkpoint, which must outlive
// their use. Every field's tensor must be there, and every tensor must have a field.
func (c *Checkpoint) BindWords(root any) error {
	if err := c.bindWords(reflect.ValueOf(root).Elem()); err != nil {
		return loadError(c.Config.Name, fmt.Errorf("%s: %w", wordsFile, err))
	}
	return nil
}

func (c *Checkpoint) bindWords(root reflect.Value) error {
	used := map[string]bool{}
	for i := range root.NumField() {
		name := root.Type().Field(i).Tag.Get("mm")
		if err := c.words.fillTable(name, root.Field(i).Addr().Interface()); err != nil {
			return fmt.Errorf("tensor %q: %w", name, err)
		}
		used[name] = true
	}
	return c.words.checkUnused(used)
}

// fillTable lets field, a pointer to a slice, have the values of a tensor.
func (t *tensors) fillTable(name string, field any) error {
	e, ok := t.byName[name]
	if !ok {
		return fmt.Errorf("missing")
	}
	want := kernels.F32
	switch field := field.(type) {
	case *[]uint8:
		want, *field = u8, inPlace[uint8](e.data)
	case *[]uint16:
		want, *field = u16, inPlace[uint16](e.data)
	case *[]uint32:
		want, *field = u32, inPlace[uint32](e.data)
	case *[]float32:
		*field = inPlace[float32](e.data)
	default:
		return fmt.Errorf("no table can be %T", field)
	}
	if e.dtype != want || len(e.shape) != 1 {
		return fmt.Errorf("%s of shape %v, want %s of one dimension", dtypes[e.dtype].name, e.shape, dtypes[want].name)
	}
	return nil
}
