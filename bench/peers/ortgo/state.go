package main

import (
	"fmt"
	"strings"

	ort "github.com/yalue/onnxruntime_go"
)

// few is for how many rows fetching the experts' weights pays.
const few = 8

// array is a tensor over memory of this program, batch first; more of its kind come in
// pairs, of which a step reads one and writes the other.
type array[T ort.TensorData] struct {
	shape  ort.Shape
	data   []T
	tensor *ort.Tensor[T]
}

func newArray[T ort.TensorData](data []T, shape ...int64) (*array[T], error) {
	a := &array[T]{shape: shape, data: data}
	if data == nil {
		a.data = make([]T, a.shape.FlattenedSize())
	}
	var err error
	a.tensor, err = ort.NewTensor(a.shape, a.data)
	return a, err
}

// keep is a copy of some of the rows.
func (a *array[T]) keep(rows []int) (*array[T], error) {
	each := len(a.data) / int(a.shape[0])
	data := make([]T, 0, each*len(rows))
	for _, r := range rows {
		data = append(data, a.data[r*each:(r+1)*each]...)
	}
	shape := append(ort.Shape{int64(len(rows))}, a.shape[1:]...)
	a.tensor.Destroy()
	return newArray(data, shape...)
}

// state is a batch of outputs in the middle of decoding.
type state struct {
	reads, writes map[string]*array[float32] // what a step does not write stands in reads alone
	tokens        [2]*array[int64]
	filled, total *array[int32]
	at            int
}

// start encodes a batch: the state in front of the first step.
func (t *translator) start(sources [][]int32, room int) (*state, error) {
	rows, longest := int64(len(sources)), 0
	for _, s := range sources {
		longest = max(longest, len(s))
	}
	width := int64(longest)
	ids, err := newArray[int64](nil, rows, width)
	if err != nil {
		return nil, err
	}
	mask, err := newArray[float32](nil, rows, width, 1)
	if err != nil {
		return nil, err
	}
	unseen, err := newArray[float32](nil, rows, 1, 1, width)
	if err != nil {
		return nil, err
	}
	s := &state{reads: map[string]*array[float32]{"unseen": unseen}, writes: map[string]*array[float32]{}}
	for i := range s.tokens {
		if s.tokens[i], err = newArray[int64](nil, rows, 1); err != nil {
			return nil, err
		}
	}
	for i, source := range sources {
		for j := range longest {
			if at := i*longest + j; j < len(source) {
				ids.data[at], mask.data[at] = int64(source[j]), 1
			} else {
				unseen.data[at] = -1e4
			}
		}
		s.tokens[0].data[i] = int64(source[0])
	}
	if s.filled, err = newArray[int32](nil, rows); err != nil {
		return nil, err
	}
	if s.total, err = newArray[int32](nil, 1); err != nil {
		return nil, err
	}
	memory := make([]ort.Value, t.outputs)
	if err := t.trunk.Run([]ort.Value{ids.tensor, mask.tensor}, memory); err != nil {
		return nil, err
	}
	ids.tensor.Destroy()
	mask.tensor.Destroy()
	return s, s.prepare(t.inputs, memory, rows, int64(room))
}

// prepare makes the past of convolutions and attentions, all zeros, beside the memory.
func (s *state) prepare(inputs []ort.InputOutputInfo, memory []ort.Value, rows, room int64) error {
	seen := 0
	for _, in := range inputs {
		var err error
		switch kind, _, _ := strings.Cut(in.Name, "."); kind {
		case "key", "value": // in the order of the trunk's outputs
			tensor := memory[seen].(*ort.Tensor[float32])
			s.reads[in.Name] = &array[float32]{shape: tensor.GetShape(), data: tensor.GetData(), tensor: tensor}
			seen++
		case "conv":
			if s.reads[in.Name], err = newArray[float32](nil, rows, in.Dimensions[1], in.Dimensions[2]); err == nil {
				s.writes[in.Name], err = newArray[float32](nil, rows, in.Dimensions[1], in.Dimensions[2])
			}
		case "keys", "values": // written in place
			s.reads[in.Name], err = newArray[float32](nil, rows, in.Dimensions[1], room, in.Dimensions[3])
			s.writes[in.Name] = s.reads[in.Name]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keep goes on with these rows of the batch only.
func (s *state) keep(rows []int) error {
	var err error
	for name, a := range s.reads {
		w := s.writes[name]
		if s.reads[name], err = a.keep(rows); err != nil {
			return err
		}
		if w == a {
			s.writes[name] = s.reads[name]
		} else if w != nil {
			if s.writes[name], err = w.keep(rows); err != nil {
				return err
			}
		}
	}
	for i, a := range s.tokens {
		if s.tokens[i], err = a.keep(rows); err != nil {
			return err
		}
	}
	s.filled, err = s.filled.keep(rows)
	return err
}

func (s *state) destroy() {
	for name, a := range s.reads {
		if w := s.writes[name]; w != nil && w != a {
			w.tensor.Destroy()
		}
		a.tensor.Destroy()
	}
	for _, a := range s.tokens {
		a.tensor.Destroy()
	}
	s.filled.tensor.Destroy()
	s.total.tensor.Destroy()
}

// bind is the binding of the steps whose number is even, or odd: what they read, and
// beside it what they write.
func (s *state) bind(session *ort.DynamicAdvancedSession, odd int) (*ort.IoBinding, error) {
	b, err := session.CreateIoBinding()
	if err != nil {
		return nil, err
	}
	put := func(bind func(string, ort.Value) error, name string, v ort.Value) {
		if e := bind(name, v); e != nil && err == nil {
			err = fmt.Errorf("%s: %w", name, e)
		}
	}
	put(b.BindInput, "token", s.tokens[odd].tensor)
	put(b.BindOutput, "next", s.tokens[1-odd].tensor)
	put(b.BindInput, "filled", s.filled.tensor)
	put(b.BindInput, "total", s.total.tensor)
	for name, read := range s.reads {
		write := s.writes[name]
		if odd == 1 && write != nil {
			read, write = write, read
		}
		put(b.BindInput, name, read.tensor)
		if write != nil {
			put(b.BindOutput, name+".next", write.tensor)
		}
	}
	return b, err
}

// greedy returns the token ids of each output; the batch shrinks when a quarter of it has
// ended. Limits are the reference's.
func (t *translator) greedy(sources [][]int32, most int) ([][]int32, error) {
	out, live, ended := make([][]int32, len(sources)), make([]int, len(sources)), make([]bool, len(sources))
	limits, room := make([]int, len(sources)), 0
	for i, s := range sources {
		if limits[i] = min(t.positions, 3*len(s)/2+16); most > 0 {
			limits[i] = min(limits[i], most)
		}
		live[i], room = i, max(room, limits[i])
	}
	s, err := t.start(sources, (room+15)/16*16)
	if err != nil {
		return nil, err
	}
	defer s.destroy()
	for {
		if live, err = t.advance(s, live, func(i int, token int32) bool {
			if ended[i] {
				return false
			}
			if token != t.end {
				out[i] = append(out[i], token)
			}
			ended[i] = token == t.end || len(out[i]) == limits[i]
			return !ended[i]
		}); err != nil || len(live) == 0 {
			return out, err
		}
	}
}

// advance makes steps until a quarter of the outputs that are live have ended, and returns
// the others; add takes an output's next token and says whether it goes on.
func (t *translator) advance(s *state, live []int, add func(i int, token int32) bool) ([]int, error) {
	session := t.many
	if len(live) <= few {
		session = t.few
	}
	var steps [2]*ort.IoBinding
	for odd := range steps {
		b, err := s.bind(session, odd)
		if err != nil {
			return nil, err
		}
		defer b.Destroy()
		steps[odd] = b
	}
	for {
		for i := range s.filled.data {
			s.filled.data[i] = int32(s.at)
		}
		s.total.data[0] = int32(s.at + 1)
		if err := session.RunWithBinding(steps[s.at%2]); err != nil {
			return nil, err
		}
		s.at++
		var rows, stay []int
		for row, i := range live {
			if add(i, int32(s.tokens[s.at%2].data[row])) {
				rows, stay = append(rows, row), append(stay, i)
			}
		}
		if len(stay) == 0 {
			return nil, nil
		}
		if 4*len(stay) <= 3*len(live) {
			return stay, s.keep(rows)
		}
	}
}
