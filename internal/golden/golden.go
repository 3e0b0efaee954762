// Package golden reads the values that train/golden.py wrote from the PyTorch
// reference and says how far others are from them. Only tests import it.
package golden

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
)

// File is a golden file. It is trusted, unlike a checkpoint, and has int32
// tensors, which checkpoints have not: so it has this small reader of its own.
type File struct {
	entries map[string]entry
	data    []byte
}

// entry is a tensor's header in the safetensors format.
type entry struct {
	DType   string `json:"dtype"`
	Shape   []int  `json:"shape"`
	Offsets [2]int `json:"data_offsets"`
}

// Open reads a golden file.
func Open(path string) (*File, error) {
	file, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("golden values (train/golden.py makes them): %w", err)
	}
	if len(file) < 8 || uint64(len(file)-8) < binary.LittleEndian.Uint64(file) {
		return nil, fmt.Errorf("golden values %s: %d bytes: truncated", path, len(file))
	}
	end := 8 + int(binary.LittleEndian.Uint64(file))
	f := &File{data: file[end:]}
	if err := json.Unmarshal(file[8:end], &f.entries); err != nil {
		return nil, fmt.Errorf("golden values %s: header: %w", path, err)
	}
	delete(f.entries, "__metadata__")
	return f, nil
}

// Names lists the tensors of float32 values, sorted.
func (f *File) Names() []string {
	var names []string
	for name, e := range f.entries {
		if e.DType == "F32" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Floats returns a float32 tensor, row-major, and its columns: 1 for a vector.
// It panics where there is none, as Ints does: the file and the test that reads
// it belong together.
func (f *File) Floats(name string) (values []float32, cols int) {
	words, shape := f.words(name, "F32")
	values = make([]float32, len(words))
	for i, w := range words {
		values[i] = math.Float32frombits(w)
	}
	if len(shape) < 2 {
		return values, 1
	}
	return values, shape[len(shape)-1]
}

// Ints returns an int32 tensor.
func (f *File) Ints(name string) []int32 {
	words, _ := f.words(name, "I32")
	values := make([]int32, len(words))
	for i, w := range words {
		values[i] = int32(w)
	}
	return values
}

// Split cuts the ids of a side, "src" or "tgt", into its segments.
func (f *File) Split(side string) [][]int32 {
	ids, offsets := f.Ints(side), f.Ints(side+".offsets")
	segments := make([][]int32, len(offsets)-1)
	for i := range segments {
		segments[i] = ids[offsets[i]:offsets[i+1]:offsets[i+1]]
	}
	return segments
}

func (f *File) words(name, dtype string) ([]uint32, []int) {
	e, ok := f.entries[name]
	if !ok || e.DType != dtype {
		panic(fmt.Sprintf("golden: tensor %q: type %q, want %s", name, e.DType, dtype))
	}
	data := f.data[e.Offsets[0]:e.Offsets[1]]
	words := make([]uint32, len(data)/4)
	for i := range words {
		words[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return words, e.Shape
}

// Error is the relative error of got: of the worst row, ‖got - want‖ / ‖want‖. A
// row that is not a number, or rows that are too few, count as infinitely wrong.
func Error(got, want []float32, cols int) float64 {
	if len(got) != len(want) || len(want) == 0 || len(want)%cols != 0 {
		return math.Inf(1)
	}
	worst := 0.0
	for at := 0; at < len(want); at += cols {
		var apart, norm float64
		for i := at; i < at+cols; i++ {
			d := float64(got[i]) - float64(want[i])
			apart += d * d
			norm += float64(want[i]) * float64(want[i])
		}
		e := math.Sqrt(apart / norm)
		if math.IsNaN(e) {
			return math.Inf(1)
		}
		worst = max(worst, e)
	}
	return worst
}
