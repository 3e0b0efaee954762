package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/mm-runtime/mm/kernels"
)

const (
	maxHeader = 16 << 20
	maxDims   = 8
)

// tensors is a safetensors file (github.com/huggingface/safetensors): 8 bytes of
// header length, a JSON header with each tensor's type, shape and range of
// bytes, then the bytes of all tensors without a gap, little-endian.
type tensors struct {
	names  []string // in order of their bytes
	byName map[string]entry
}

// entry is one tensor of a file; data lies in the file's bytes.
type entry struct {
	dtype kernels.DType
	shape []int
	data  []byte
}

func (e entry) elements() int { return len(e.data) / dtypes[e.dtype].size }

// Element types that only tables have.
const (
	u8 = kernels.I8 + 1 + iota
	u16
	u32
)

// dtypes are the element types that are read, those of weights first.
var dtypes = [...]struct {
	name string
	size int
}{kernels.F32: {"F32", 4}, kernels.BF16: {"BF16", 2}, kernels.I8: {"I8", 1}, u8: {"U8", 1}, u16: {"U16", 2}, u32: {"U32", 4}}

func dtypeNamed(name string) (kernels.DType, bool) {
	for i, d := range dtypes {
		if d.name == name {
			return kernels.DType(i), true
		}
	}
	return 0, false
}

// header is what the JSON says of a tensor.
type header struct {
	DType   string  `json:"dtype"`
	Shape   []int64 `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

// readSafetensors reads the header of a whole file. It allocates no more than a
// small multiple of the header, which must lie inside the file; the tensors'
// values are not touched.
func readSafetensors(file []byte) (*tensors, error) {
	if len(file) < 8 {
		return nil, fmt.Errorf("%d bytes, want at least 8", len(file))
	}
	length := binary.LittleEndian.Uint64(file)
	if length > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, want at most %d", length, maxHeader)
	}
	if length > uint64(len(file)-8) {
		return nil, fmt.Errorf("header of %d bytes in a file of %d: truncated", length, len(file))
	}
	var all map[string]json.RawMessage
	if err := decodeStrict(file[8:8+length], &all); err != nil {
		return nil, fmt.Errorf("header: %w", err)
	}
	if raw, ok := all["__metadata__"]; ok {
		var metadata map[string]string
		if err := json.Unmarshal(raw, &metadata); err != nil {
			return nil, fmt.Errorf("header: __metadata__: %w", err)
		}
		delete(all, "__metadata__")
	}
	data := file[8+length:]
	t := &tensors{byName: make(map[string]entry, len(all))}
	starts := make(map[string]int64, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		e, start, err := readEntry(all[name], data)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		t.byName[name], starts[name] = e, start
		t.names = append(t.names, name)
	}
	return t, t.checkOrder(starts, int64(len(data)))
}

// readEntry reads one tensor's header and finds its bytes.
func readEntry(raw json.RawMessage, data []byte) (e entry, start int64, err error) {
	var h header
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil {
		return e, 0, err
	}
	dtype, ok := dtypeNamed(h.DType)
	if !ok {
		return e, 0, fmt.Errorf("dtype %q, want F32, BF16, I8, U8, U16 or U32", h.DType)
	}
	if len(h.Offsets) != 2 {
		return e, 0, fmt.Errorf("data_offsets %v, want two", h.Offsets)
	}
	lo, hi := h.Offsets[0], h.Offsets[1]
	if lo < 0 || hi < lo || hi > int64(len(data)) {
		return e, 0, fmt.Errorf("data_offsets %v, want a range within 0 to %d", h.Offsets, len(data))
	}
	size, err := bytesOf(h.Shape, dtype)
	if err != nil {
		return e, 0, err
	}
	if size != hi-lo {
		return e, 0, fmt.Errorf("%d bytes, want %d for %s of shape %v", hi-lo, size, h.DType, h.Shape)
	}
	shape := make([]int, len(h.Shape))
	for i, n := range h.Shape {
		shape[i] = int(n)
	}
	return entry{dtype: dtype, shape: shape, data: data[lo:hi:hi]}, lo, nil
}

// bytesOf is the size of a tensor; it does not overflow.
func bytesOf(shape []int64, dtype kernels.DType) (int64, error) {
	if shape == nil {
		return 0, fmt.Errorf("no shape")
	}
	if len(shape) > maxDims {
		return 0, fmt.Errorf("%d dimensions, want at most %d", len(shape), maxDims)
	}
	size := int64(dtypes[dtype].size)
	for _, n := range shape {
		if n < 1 {
			return 0, fmt.Errorf("shape %v, want positive dimensions", shape)
		}
		if size > math.MaxInt/n {
			return 0, fmt.Errorf("shape %v is more than memory can hold", shape)
		}
		size *= n
	}
	return size, nil
}

// checkOrder sorts the names by their bytes and wants the ranges to follow each
// other without overlap or gap from the first byte to the last.
func (t *tensors) checkOrder(starts map[string]int64, size int64) error {
	slices.SortStableFunc(t.names, func(a, b string) int {
		switch {
		case starts[a] < starts[b]:
			return -1
		case starts[a] > starts[b]:
			return 1
		}
		return 0
	})
	var end int64
	previous := "the header"
	for _, name := range t.names {
		if start := starts[name]; start < end {
			return fmt.Errorf("tensor %q: starts at %d inside %q, which ends at %d", name, start, previous, end)
		} else if start > end {
			return fmt.Errorf("tensor %q: starts at %d, want %d right after %s", name, start, end, previous)
		}
		end = starts[name] + int64(len(t.byName[name].data))
		previous = name
	}
	if end != size {
		return fmt.Errorf("%d bytes of tensors, want %d, which the header describes", size, end)
	}
	return nil
}
