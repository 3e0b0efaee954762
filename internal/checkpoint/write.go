package checkpoint

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

// namedTensor is a tensor to write: its values stand in the one of the data
// fields that DType says, row-major. The scales of an I8 tensor are a tensor of
// their own, named NAME.scale.
type namedTensor struct {
	Name  string
	Shape []int
	DType kernels.DType
	F32   []float32
	BF16  []uint16
	I8    []int8
}

// writeSafetensors writes a file that readers of the safetensors format accept:
// widest elements first, so that every tensor is aligned to its element size,
// and then in the order given.
func writeSafetensors(w io.Writer, list []namedTensor) error {
	ordered := slices.Clone(list)
	slices.SortStableFunc(ordered, func(a, b namedTensor) int {
		return dtypes[b.DType].size - dtypes[a.DType].size
	})
	described := make(map[string]header, len(list))
	var at int64
	for _, t := range ordered {
		h, err := t.header(at)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if _, ok := described[t.Name]; ok || t.Name == "" || t.Name == "__metadata__" {
			return fmt.Errorf("tensor %q: the name is taken or reserved", t.Name)
		}
		described[t.Name], at = h, h.Offsets[1]
	}
	text, err := json.Marshal(described)
	if err != nil {
		return err
	}
	for len(text)%8 != 0 {
		text = append(text, ' ')
	}
	out := bufio.NewWriter(w)
	if err := binary.Write(out, binary.LittleEndian, uint64(len(text))); err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		return err
	}
	for _, t := range ordered {
		if err := binary.Write(out, binary.LittleEndian, t.values()); err != nil {
			return err
		}
	}
	return out.Flush()
}

// header describes t as standing at byte offset at.
func (t namedTensor) header(at int64) (header, error) {
	if t.DType > kernels.I8 {
		return header{}, fmt.Errorf("%v, want f32, bf16 or i8", t.DType)
	}
	shape := make([]int64, len(t.Shape))
	for i, n := range t.Shape {
		shape[i] = int64(n)
	}
	size, err := bytesOf(shape, t.DType)
	if err != nil {
		return header{}, err
	}
	counts := map[kernels.DType]int{kernels.F32: len(t.F32), kernels.BF16: len(t.BF16), kernels.I8: len(t.I8)}
	want := size / int64(dtypes[t.DType].size)
	for _, dtype := range slices.Sorted(maps.Keys(counts)) {
		n := int64(counts[dtype])
		if dtype == t.DType && n != want {
			return header{}, fmt.Errorf("%d %v values, want %d for shape %v", n, dtype, want, t.Shape)
		}
		if dtype != t.DType && n != 0 {
			return header{}, fmt.Errorf("%d %v values in a tensor of %v", n, dtype, t.DType)
		}
	}
	return header{DType: dtypes[t.DType].name, Shape: shape, Offsets: []int64{at, at + size}}, nil
}

func (t namedTensor) values() any {
	switch t.DType {
	case kernels.BF16:
		return t.BF16
	case kernels.I8:
		return t.I8
	}
	return t.F32
}
