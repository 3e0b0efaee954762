package token

import (
	"encoding/base64"
	"strings"
	"testing"
)

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

func TestVocabularyCheck(t *testing.T) {
	good := func() Vocabulary {
		return Vocabulary{Ranks: 256, Size: 264, End: 256, Commands: map[string]int32{"<to-de>": 257},
			Tree: Tree{Close: 258, Labels: map[string]int32{"NP": 259}, Tags: map[string]int32{"NN": 260}}}
	}
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want   string
		change func(v *Vocabulary)
	}{
		{"vocabulary.ranks: 255, want 256 to", func(v *Vocabulary) { v.Ranks = 255 }},
		{"vocabulary.size: 256, want 257 to", func(v *Vocabulary) { v.Size = 256 }},
		{"vocabulary.size: 1073741824", func(v *Vocabulary) { v.Size = 1 << 30 }},
		{"vocabulary.end: id 255, want 256 to 263", func(v *Vocabulary) { v.End = 255 }},
		{"vocabulary.end: id 261, want 256, the first after the ranks", func(v *Vocabulary) { v.End = 261 }},
		{"vocabulary.end: id -1", func(v *Vocabulary) { v.End = -1 }},
		{`vocabulary.commands["<to-de>"]: id 264`, func(v *Vocabulary) { v.Commands["<to-de>"] = 264 }},
		{`id 256, want another: vocabulary.end has it`, func(v *Vocabulary) { v.Commands["<to-de>"] = 256 }},
		{"vocabulary.commands: empty", func(v *Vocabulary) { v.Commands = nil }},
		{"vocabulary.commands: empty name", func(v *Vocabulary) { v.Commands = map[string]int32{"": 257} }},
		{"vocabulary.tree.close: id 0", func(v *Vocabulary) { v.Tree.Close = 0 }},
		{"vocabulary.tree.labels: empty", func(v *Vocabulary) { v.Tree.Labels = nil }},
		{`vocabulary.tree.tags["NN"]: id 259, want another`, func(v *Vocabulary) { v.Tree.Tags["NN"] = 259 }},
	} {
		v := good()
		c.change(&v)
		if err := v.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("error %v, want one with %q", err, c.want)
		}
	}
	v := good()
	v.Tree = Tree{}
	if err := v.Check(); err != nil {
		t.Errorf("without tree tokens: %v", err)
	}
}
