package checkpoint

import (
	"bytes"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

func TestFloats(t *testing.T) {
	want := map[string]Floats{"b": {[]int{2, 1}, []float32{1, -2}}, "a": {[]int{3}, []float32{0.5, 0, 4}}}
	var file, again bytes.Buffer
	if err := WriteFloats(&file, want); err != nil {
		t.Fatal(err)
	}
	if err := WriteFloats(&again, maps.Clone(want)); err != nil || !bytes.Equal(file.Bytes(), again.Bytes()) {
		t.Errorf("error %v, or other bytes of the same tensors", err)
	}
	got, err := ReadFloats(file.Bytes())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %v, error %v, want %v", got, err, want)
	}
	for n := range file.Len() {
		if _, err := ReadFloats(file.Bytes()[:n]); err == nil {
			t.Errorf("the first %d bytes of %d are read", n, file.Len())
		}
	}
	if err := WriteFloats(&again, map[string]Floats{"a": {[]int{2}, []float32{1}}}); err == nil {
		t.Error("a tensor of one value is written as two")
	}
	half := written(t, namedTensor{Name: "h", Shape: []int{1}, DType: kernels.BF16, BF16: []uint16{0x3f80}})
	if _, err := ReadFloats(half); err == nil || !strings.Contains(err.Error(), `tensor "h": bf16, want f32`) {
		t.Errorf("error %v", err)
	}
}

// TestValues wants the numbers that stored ones stand for.
func TestValues(t *testing.T) {
	c := checkpointOf(t, []namedTensor{
		{Name: "i", Shape: []int{2, 2}, DType: kernels.I8, I8: []int8{1, -2, 3, 4}},
		{Name: "i.scale", Shape: []int{2}, F32: []float32{0.5, 2}},
		{Name: "h", Shape: []int{1}, DType: kernels.BF16, BF16: []uint16{0x3f80}},
		{Name: "f", Shape: []int{1}, F32: []float32{7}},
	})
	all := c.Floats()
	if names := slices.Sorted(maps.Keys(all)); !slices.Equal(names, []string{"f", "h", "i"}) {
		t.Errorf("tensors %q", names)
	}
	got := slices.Concat(all["i"].Values, all["h"].Values, all["f"].Values)
	if want := []float32{0.5, -1, 6, 8, 1, 7}; !slices.Equal(got, want) || !slices.Equal(all["i"].Shape, []int{2, 2}) {
		t.Errorf("values %v, want %v", got, want)
	}
}
