package tree

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestBuildErrors(t *testing.T) {
	for _, c := range []struct {
		tokens []int32
		words  []string
		want   string
	}{
		{nil, []string{"a"}, "0 brackets left open and 0 of 1 words placed"},
		{[]int32{1, nn, nn}, []string{"a"}, "token 2: tag NN after the last of 1 words"},
		{[]int32{1, nn, closing}, []string{"a"}, "token 2 closes no bracket or an empty one"},
		{[]int32{1, np, closing, nn}, []string{"a"}, "token 2 closes no bracket or an empty one"},
		{[]int32{1, np, vp, nn, closing}, []string{"a"}, "1 brackets left open and 1 of 1 words placed"},
		{[]int32{1, np, nn, 2, closing}, []string{"a", "b"}, "0 brackets left open and 1 of 2 words placed"},
	} {
		_, err := symbols(t).Build(c.tokens, c.words)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want one with %q", c.tokens, err, c.want)
		}
	}
}

func TestForms(t *testing.T) {
	// w0 (NP DT w1 NN ) (VP NN)
	root, err := symbols(t).Build([]int32{1, np, dt, 2, nn, closing, 3, vp, nn, closing}, []string{"the", "cat", "sat"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := root.PTB(), "(ROOT (NP (DT the) (NN cat)) (VP (NN sat)))"; got != want {
		t.Errorf("PTB %q, want %q", got, want)
	}
	want := strings.Join([]string{
		"ROOT",
		"├─ NP",
		"│  ├─ DT the",
		"│  └─ NN cat",
		"└─ VP",
		"   └─ NN sat"}, "\n")
	if got := root.Draw(); got != want {
		t.Errorf("drawn\n%s\nwant\n%s", got, want)
	}
	data, err := json.Marshal(root.Children[1])
	if got, want := string(data), `{"label":"VP","children":[{"label":"NN","word":"sat"}]}`; err != nil || got != want {
		t.Errorf("JSON %s, %v; want %s", got, err, want)
	}
}

func TestPTBEscapes(t *testing.T) {
	for word, want := range map[string]string{
		"(":         "-LRB-",
		")":         "-RRB-",
		"word(s)":   "word-LRB-s-RRB-",
		"[":         "[",
		"New York":  "New_York",
		"a\n\tb":    "a__b",
		"a\u00a0b":  "a_b",
		"naïve/ü—😀": "naïve/ü—😀",
	} {
		n := &Node{Label: "NN", Word: word}
		if got := n.PTB(); got != "(NN "+want+")" {
			t.Errorf("%q: %s, want (NN %s)", word, got, want)
		}
	}
}
