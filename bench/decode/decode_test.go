package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

// answers runs the worker on the embedded model.
func answers(t *testing.T, requests string) []answer {
	t.Helper()
	m, err := open("", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out bytes.Buffer
	if err := serve(m, strings.NewReader(requests), &out); err != nil {
		t.Fatal(err)
	}
	lines := json.NewDecoder(&out)
	var ready struct{ Ready string }
	if err := lines.Decode(&ready); err != nil || !strings.HasPrefix(ready.Ready, "cpu") {
		t.Fatalf("ready %q: %v", ready.Ready, err)
	}
	var all []answer
	for lines.More() {
		var a answer
		if err := lines.Decode(&a); err != nil {
			t.Fatal(err)
		}
		all = append(all, a)
	}
	return all
}

func TestAnswersAreTheSameInBatches(t *testing.T) {
	const texts = `"to": "de", "texts": ["Good night.", "Where is the station?", "Yes."]}`
	all := answers(t, `{"task": "translate", "batch": 1, `+texts+`{"task": "translate", "batch": 2, `+texts+
		`{"task": "translate", "batch": 2, "max_tokens": 1, `+texts+`{"task": "parse", "batch": 1, "words": [["It", "works", "."]]}`)
	if len(all) != 4 {
		t.Fatalf("%d answers: %+v", len(all), all)
	}
	for i, text := range all[0].Texts {
		if all[1].Texts[i] != text || all[1].Tokens[i] != all[0].Tokens[i] || all[0].Tokens[i] < 1 {
			t.Errorf("%q alone, %q in a batch", text, all[1].Texts[i])
		}
		if all[2].Tokens[i] != 1 {
			t.Errorf("%d tokens, want 1", all[2].Tokens[i])
		}
	}
	if len(all[3].Texts) != 1 || !strings.HasPrefix(all[3].Texts[0], "(ROOT") || !(all[3].Seconds > 0) {
		t.Errorf("%+v", all[3])
	}
}

func TestBadRequestsAreAnswers(t *testing.T) {
	all := answers(t, `{"task": "sing"} {"task": "translate", "to": "de", "batch": 0, "texts": ["a"]} {"task": "parse", "batch": 1}
		{"task": "translate", "to": "xx", "batch": 1, "texts": ["a"]}`)
	if len(all) != 4 {
		t.Fatalf("%d answers, want 4", len(all))
	}
	for _, a := range all {
		if a.Error == "" {
			t.Errorf("%+v, want an error", a)
		}
	}
}
