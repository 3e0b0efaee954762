package main

import (
	"bytes"
	"math"
	"os"
	"slices"
	"strings"
	"unicode"

	"github.com/mm-runtime/mm/internal/media/audio"
	"github.com/mm-runtime/mm/internal/media/picture"
	"github.com/mm-runtime/mm/learn"
)

// raw makes the features that need no model: TF-IDF of words and pairs of words, mean
// log-mel of sounds, pixels of pictures. What they are scaled by comes from train.
type raw struct {
	modality     string
	numbers      map[string]int32 // of terms, the most frequent first
	idf          []float32
	shift, scale []float32
}

const (
	termsMost = 20000
	side      = 16 // of pictures: 32 would be four times the time
)

// newRaw looks at the training examples.
func newRaw(modality string, train []learn.Example) (*raw, error) {
	r := &raw{modality: modality}
	if modality == "text" {
		r.count(train)
		return r, nil
	}
	dense, err := r.dense(train)
	if err != nil {
		return nil, err
	}
	r.shift, r.scale = learn.Moments(dense)
	return r, nil
}

// terms are the words of a text, in lower case, and the pairs of neighbours.
func terms(text string) []string {
	words := strings.FieldsFunc(strings.ToLower(text), func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) })
	all := slices.Clone(words)
	for i := 1; i < len(words); i++ {
		all = append(all, words[i-1]+" "+words[i])
	}
	return all
}

// count numbers the terms and weighs them: ln((1+N)/(1+texts with it)) + 1.
func (r *raw) count(train []learn.Example) {
	in := map[string]int{}
	for _, e := range train {
		own := terms(e.Text)
		slices.Sort(own)
		for _, t := range slices.Compact(own) {
			in[t]++
		}
	}
	var all []string
	for t := range in {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b string) int {
		if in[a] != in[b] {
			return in[b] - in[a]
		}
		return strings.Compare(a, b)
	})
	r.numbers = map[string]int32{}
	for i, t := range all[:min(termsMost, len(all))] {
		r.numbers[t] = int32(i)
		r.idf = append(r.idf, float32(math.Log(float64(1+len(train))/float64(1+in[t]))+1))
	}
}

// of makes the features of examples.
func (r *raw) of(examples []learn.Example, labels []int) (sparse, error) {
	if r.modality == "text" {
		return r.weigh(examples, labels), nil
	}
	dense, err := r.dense(examples)
	if err != nil {
		return sparse{}, err
	}
	s := sparse{width: dense.Width, labels: labels}
	all := make([]int32, dense.Width)
	for i := range all {
		all[i] = int32(i)
	}
	for i := range examples {
		s.column, s.value = append(s.column, all), append(s.value, r.scaled(dense.Row(i)))
	}
	return s, nil
}

func (r *raw) scaled(row []float32) []float32 {
	for c, v := range row {
		row[c] = (v - r.shift[c]) * r.scale[c]
	}
	return row
}

// weigh is TF-IDF, of length 1.
func (r *raw) weigh(examples []learn.Example, labels []int) sparse {
	s := sparse{width: len(r.idf), labels: labels}
	for _, e := range examples {
		counts := map[int32]float32{}
		for _, t := range terms(e.Text) {
			if n, ok := r.numbers[t]; ok {
				counts[n]++
			}
		}
		var column []int32
		for n := range counts {
			column = append(column, n)
		}
		slices.Sort(column)
		value, square := make([]float32, len(column)), 0.0
		for i, n := range column {
			value[i] = counts[n] * r.idf[n]
			square += float64(value[i]) * float64(value[i])
		}
		for i := range value {
			value[i] /= float32(math.Sqrt(square))
		}
		s.column, s.value = append(s.column, column), append(s.value, value)
	}
	return s
}

// dense reads sounds or pictures.
func (r *raw) dense(examples []learn.Example) (learn.Set, error) {
	s := learn.Set{Width: 3 * side * side, Labels: make([]int, len(examples))}
	if r.modality == "audio" {
		s.Width = audio.MelBands
	}
	for _, e := range examples {
		data, err := os.ReadFile(e.Path)
		if err != nil {
			return s, err
		}
		read := pixels
		if r.modality == "audio" {
			read = meanLogMel
		}
		row, err := read(data)
		if err != nil {
			return s, err
		}
		s.Rows = append(s.Rows, row...)
	}
	return s, nil
}

func pixels(data []byte) ([]float32, error) {
	p, err := picture.Decode(data)
	if err != nil {
		return nil, err
	}
	row, _, err := p.Pixels(picture.Squeeze, side, side)
	return row, err
}

// longest is how many samples of a sound are read: a minute.
const longest = 60 * audio.Rate

func meanLogMel(data []byte) ([]float32, error) {
	samples, err := audio.Decode(bytes.NewReader(data), longest)
	if err != nil {
		return nil, err
	}
	frames := audio.LogMel(samples)
	mean := make([]float32, audio.MelBands)
	n := len(frames) / len(mean)
	for i, v := range frames {
		mean[i%len(mean)] += v / float32(n)
	}
	return mean, nil
}

// set is sparse features as a network takes them, the first columns alone.
func (s sparse) set(most int) learn.Set {
	d := learn.Set{Width: min(most, s.width), Labels: s.labels}
	d.Rows = make([]float32, len(s.labels)*d.Width)
	for i := range s.labels {
		for k, c := range s.column[i] {
			if int(c) < d.Width {
				d.Rows[i*d.Width+int(c)] = s.value[i][k]
			}
		}
	}
	return d
}
