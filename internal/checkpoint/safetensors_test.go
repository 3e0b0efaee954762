package checkpoint

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
)

// file puts a header and bytes together as they are, right or wrong.
func file(header, data string) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header+data...)
}

func written(t testing.TB, list ...namedTensor) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := writeSafetensors(&out, list); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSafetensorsRoundTrip(t *testing.T) {
	list := []namedTensor{
		{Name: "codes", Shape: []int{3, 1}, DType: kernels.I8, I8: []int8{-127, 0, 127}},
		{Name: "codes.scale", Shape: []int{3}, DType: kernels.F32, F32: []float32{1, 2, 3}},
		{Name: "half", Shape: []int{1}, DType: kernels.BF16, BF16: []uint16{0x3f80}},
		{Name: "a \"quoted\" näme", Shape: []int{2, 2}, DType: kernels.F32, F32: []float32{1, -2, float32(math.Inf(1)), 0.1}},
		{Name: "scalar", Shape: []int{}, DType: kernels.F32, F32: []float32{7}},
	}
	data := written(t, list...)
	aligned := make([]byte, len(data)+1)
	for shift := range 2 { // as it lies, and with every float misaligned
		at := aligned[shift : shift+len(data)]
		copy(at, data)
		got, err := readSafetensors(at)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.names) != len(list) {
			t.Errorf("tensors %q, want %d", got.names, len(list))
		}
		for _, want := range list {
			e := got.byName[want.Name]
			if e.dtype != want.DType || !slices.Equal(e.shape, want.Shape) {
				t.Errorf("%s: %v of %v, want %v of %v", want.Name, e.dtype, e.shape, want.DType, want.Shape)
			}
			switch e.dtype {
			case kernels.F32:
				if !slices.Equal(inPlace[float32](e.data), want.F32) {
					t.Errorf("%s: %v, want %v", want.Name, inPlace[float32](e.data), want.F32)
				}
			case kernels.BF16:
				if !slices.Equal(inPlace[uint16](e.data), want.BF16) {
					t.Errorf("%s: %v, want %v", want.Name, inPlace[uint16](e.data), want.BF16)
				}
			case kernels.I8:
				if !slices.Equal(codes(e.data), want.I8) {
					t.Errorf("%s: %v, want %v", want.Name, codes(e.data), want.I8)
				}
			}
		}
	}
}

func TestReadSafetensorsRejects(t *testing.T) {
	huge := binary.LittleEndian.AppendUint64(nil, 1<<63)
	for _, c := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "0 bytes, want at least 8"},
		{"seven bytes", make([]byte, 7), "7 bytes, want at least 8"},
		{"huge header", huge, "header of 9223372036854775808 bytes, want at most 16777216"},
		{"header beyond the limit", binary.LittleEndian.AppendUint64(nil, maxHeader+1), "want at most 16777216"},
		{"header beyond the file", file(`{}`, "")[:9], "header of 2 bytes in a file of 9: truncated"},
		{"not JSON", file(`{"a":`, ""), "header: unexpected"},
		{"not an object", file(`[1]`, ""), "header: json"},
		{"not UTF-8", file("{\"\xff\":1}", ""), "header: not UTF-8"},
		{"two values", file(`{} {}`, ""), "more after the JSON value"},
		{"deep", file(strings.Repeat("[", 100), ""), "more than 16 levels"},
		{"duplicate", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, "xx"), `key "a" a second time`},
		{"duplicate field", file(`{"a":{"dtype":"I8","dtype":"F32","shape":[1],"data_offsets":[0,1]}}`, "x"), `key "dtype" a second time`},
		{"unknown dtype", file(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, "x"), `tensor "a": dtype "F8", want F32, BF16, I8, U8, U16 or U32`},
		{"unknown field", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1],"x":1}}`, "x"), `tensor "a": json: unknown field "x"`},
		{"one offset", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0]}}`, "x"), `data_offsets [0], want two`},
		{"no shape", file(`{"a":{"dtype":"I8","data_offsets":[0,1]}}`, "x"), "no shape"},
		{"negative offset", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[-1,0]}}`, "x"), "data_offsets [-1 0], want a range within 0 to 1"},
		{"backward offsets", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[1,0]}}`, "x"), "data_offsets [1 0]"},
		{"offset beyond the file", file(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]}}`, "x"), "data_offsets [0 2], want a range within 0 to 1"},
		{"offset beyond int64", file(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,99999999999999999999]}}`, "x"), "cannot unmarshal"},
		{"fraction", file(`{"a":{"dtype":"I8","shape":[1.5],"data_offsets":[0,1]}}`, "x"), "cannot unmarshal"},
		{"shape and bytes", file(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,3]}}`, "xxx"), "3 bytes, want 4 for F32 of shape [1]"},
		{"zero dimension", file(`{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}`, ""), "shape [0], want positive dimensions"},
		{"negative dimension", file(`{"a":{"dtype":"F32","shape":[-1,-4],"data_offsets":[0,0]}}`, ""), "want positive dimensions"},
		{"overflowing shape", file(`{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}`, ""), "more than memory can hold"},
		{"many dimensions", file(`{"a":{"dtype":"I8","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,1]}}`, "x"), "9 dimensions, want at most 8"},
		{"overlap", file(`{"a":{"dtype":"I8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"I8","shape":[2],"data_offsets":[1,3]}}`, "xxx"), `tensor "b": starts at 1 inside "a", which ends at 2`},
		{"gap", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I8","shape":[1],"data_offsets":[2,3]}}`, "xxx"), `tensor "b": starts at 2, want 1 right after a`},
		{"gap at the start", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[1,2]}}`, "xx"), `tensor "a": starts at 1, want 0 right after the header`},
		{"more bytes", file(`{"a":{"dtype":"I8","shape":[1],"data_offsets":[0,1]}}`, "xx"), "2 bytes of tensors, want 1"},
		{"metadata", file(`{"__metadata__":{"a":1}}`, ""), "header: __metadata__"},
	} {
		_, err := readSafetensors(c.file)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := readSafetensors(file(`{"__metadata__":{"format":"pt"}}   `, "")); err != nil {
		t.Errorf("metadata and padding: %v", err)
	}
}

func TestWriteRejects(t *testing.T) {
	for _, c := range []struct {
		name string
		list []namedTensor
		want string
	}{
		{"too few values", []namedTensor{{Name: "a", Shape: []int{2}, F32: []float32{1}}}, `tensor "a": 1 f32 values, want 2 for shape [2]`},
		{"other values", []namedTensor{{Name: "a", Shape: []int{1}, F32: []float32{1}, I8: []int8{1}}}, `tensor "a": 1 i8 values in a tensor of f32`},
		{"dtype", []namedTensor{{Name: "a", Shape: []int{1}, DType: 9}}, `tensor "a": dtype(9)`},
		{"shape", []namedTensor{{Name: "a", Shape: []int{0}}}, "want positive dimensions"},
		{"no name", []namedTensor{{Shape: []int{1}, F32: []float32{1}}}, "the name is taken or reserved"},
		{"twice", []namedTensor{{Name: "a", Shape: []int{1}, F32: []float32{1}}, {Name: "a", Shape: []int{1}, F32: []float32{1}}}, "the name is taken or reserved"},
	} {
		err := writeSafetensors(&bytes.Buffer{}, c.list)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	full, err := os.Create(filepath.Join(t.TempDir(), "closed"))
	if err != nil {
		t.Fatal(err)
	}
	full.Close()
	if err := writeSafetensors(full, nil); err == nil {
		t.Error("writing to a closed file: no error")
	}
}

func FuzzSafetensors(f *testing.F) {
	f.Add(written(f, namedTensor{Name: "a", Shape: []int{2}, DType: kernels.I8, I8: []int8{1, 2}},
		namedTensor{Name: "a.scale", Shape: []int{2}, F32: []float32{1, 2}},
		namedTensor{Name: "b", Shape: []int{1}, DType: kernels.BF16, BF16: []uint16{3}}))
	f.Add(file(`{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}`, "xxxx"))
	f.Add(file(`{"__metadata__":{"a":"b"}}`, ""))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := readSafetensors(data)
		if err != nil {
			return
		}
		total := 0
		for _, name := range got.names {
			e := got.byName[name]
			n := 1
			for _, d := range e.shape {
				n *= d
			}
			if n != e.elements() {
				t.Fatalf("tensor %q: %d elements in shape %v", name, e.elements(), e.shape)
			}
			total += len(e.data)
		}
		if total > len(data)-8 {
			t.Fatalf("%d bytes of tensors in a file of %d", total, len(data))
		}
	})
}
