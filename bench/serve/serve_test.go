package main

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mm-runtime/mm"
)

func TestCompareAndSoak(t *testing.T) {
	inputs, err := read(strings.NewReader(`{"task": "translate", "to": "de", "text": "Good night."}
		{"task": "translate", "to": "fr", "text": "Where is the station?"} {"task": "parse", "words": ["It", "works", "."]}`))
	if err != nil || len(inputs) != 3 || inputs[2].Words[1] != "works" {
		t.Fatal(inputs, err)
	}
	m, err := open("", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := compare(context.Background(), m, inputs, 8, 2)
	if err != nil {
		t.Fatal(err)
	}
	if r.Different != 0 || !(r.Ratio > 0) || !(r.Batched > 0) || !(r.Batch.Tokens > 0) || !(r.Alone.Tokens > 0) || !(r.Together.P99 >= r.Together.P50) || !(r.Alone.P50 > 0) {
		t.Errorf("%+v", r)
	}
	if short := shortest(inputs); len(short) != 1 || short[0].Text != "Good night." && short[0].Task != "parse" {
		t.Errorf("shortest: %+v", short)
	}
	s, err := watch(context.Background(), m, inputs, 4, 20)
	if err != nil {
		t.Skip("this system does not tell the memory:", err)
	}
	if s.Requests != 20 || len(s.Samples) != 20 || s.Samples[19].Requests != 20 || s.Samples[0].Resident < 1<<20 {
		t.Errorf("%+v", s)
	}
}

func TestDifferentSeesEveryBit(t *testing.T) {
	want := []mm.Output{{Text: "a", Tokens: 1, Score: -1}}
	for _, got := range []mm.Output{{Text: "b", Tokens: 1, Score: -1}, {Text: "a", Tokens: 2, Score: -1},
		{Text: "a", Tokens: 1, Score: math.Nextafter(-1, 0)}, {Text: "a", Tokens: 1, Score: -1, Notices: []string{"cut"}},
		{Text: "a", Tokens: 1, Score: -1, Classes: []mm.Class{{Label: "a", Prob: 1}}},
		{Text: "a", Tokens: 1, Score: -1, Boxes: []mm.Box{{Label: "a"}}},
		{Text: "a", Tokens: 1, Score: -1, Segments: []mm.Segment{{Text: "a"}}}} {
		if different(want, []mm.Output{got}) != 1 {
			t.Errorf("%+v passed", got)
		}
	}
	if different(want, want) != 0 {
		t.Error("the same differs")
	}
}

func TestQuantiles(t *testing.T) {
	var sorted []time.Duration
	for i := range 200 {
		sorted = append(sorted, time.Duration(i+1))
	}
	if at(sorted, 0.5) != 100 || at(sorted, 0.99) != 198 || at(sorted[:1], 0.5) != 1 {
		t.Error(at(sorted, 0.5), at(sorted, 0.99), at(sorted[:1], 0.5))
	}
}

func TestGrowth(t *testing.T) {
	var samples []sample
	for i := range 100 {
		samples = append(samples, sample{i, int64(max(i, 10))})
	}
	if got := growth(samples); got != 80 {
		t.Errorf("growth %d, want 80", got)
	}
	if got := growth(samples[:1]); got != 0 {
		t.Errorf("growth of one sample %d", got)
	}
}

// senses is a small random model with all modalities, whose tokens are the
// single bytes.
const senses = "../../testdata/senses"

// TestSoundsAndPictures asks about files, each more than once.
func TestSoundsAndPictures(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "x.png")
	var file bytes.Buffer
	if err := png.Encode(&file, image.NewGray(image.Rect(0, 0, 9, 9))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(picture, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	requests, err := read(strings.NewReader(`{"task": "classify", "image": "` + filepath.ToSlash(picture) + `"}
		{"task": "translate", "to": "de", "text": "Good night."}`))
	if err != nil {
		t.Fatal(err)
	}
	m, err := open(senses, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	r, err := compare(context.Background(), m, requests, 2, 2)
	if err != nil || r.Different != 0 {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := read(strings.NewReader(`{"task": "classify", "image": "none.png"}`)); err == nil || !strings.Contains(err.Error(), "none.png") {
		t.Errorf("error is %v, want none.png in it", err)
	}
}

func TestNoRequests(t *testing.T) {
	for _, text := range []string{"", "{", "[]"} {
		if _, err := read(strings.NewReader(text)); err == nil {
			t.Errorf("%q passed", text)
		}
	}
}
