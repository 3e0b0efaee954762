package token

import (
	"fmt"
	"maps"
	"slices"
)

// Vocabulary gives the ids of a model's tokens: 0 to Ranks-1 are byte-pair
// ranks, then comes the end of output, and above it the commands and the tree
// tokens.
// It is the "vocabulary" of config.json; train/tokenizer.py writes it.
type Vocabulary struct {
	Ranks    int              `json:"ranks"`
	Size     int              `json:"size"` // rows of the embedding; unused ids are allowed
	End      int32            `json:"end"`
	Commands map[string]int32 `json:"commands"` // "<to-de>" and the like
	Tree     Tree             `json:"tree"`
}

// Tree gives the ids that write a constituency tree: Labels open a bracket,
// Close ends it, Tags are parts of speech. A model that cannot parse has none.
type Tree struct {
	Close  int32            `json:"close"`
	Labels map[string]int32 `json:"labels"`
	Tags   map[string]int32 `json:"tags"`
}

// Empty reports whether there are no tree tokens.
func (t Tree) Empty() bool {
	return t.Close == 0 && len(t.Labels) == 0 && len(t.Tags) == 0
}

const maxVocabulary = 1 << 20

// Check reports the first id that is out of range or given twice.
func (v Vocabulary) Check() error {
	if v.Ranks < 256 || v.Ranks > maxVocabulary {
		return fmt.Errorf("vocabulary.ranks: %d, want 256 to %d", v.Ranks, maxVocabulary)
	}
	if v.Size <= v.Ranks || v.Size > maxVocabulary {
		return fmt.Errorf("vocabulary.size: %d, want %d to %d", v.Size, v.Ranks+1, maxVocabulary)
	}
	owner := map[int32]string{}
	add := func(field string, id int32) error {
		if int(id) < v.Ranks || int(id) >= v.Size {
			return fmt.Errorf("%s: id %d, want %d to %d", field, id, v.Ranks, v.Size-1)
		}
		if other, taken := owner[id]; taken {
			return fmt.Errorf("%s: id %d, want another: %s has it", field, id, other)
		}
		owner[id] = field
		return nil
	}
	if err := add("vocabulary.end", v.End); err != nil {
		return err
	}
	if int(v.End) != v.Ranks { // a text's tokens are those up to the end
		return fmt.Errorf("vocabulary.end: id %d, want %d, the first after the ranks", v.End, v.Ranks)
	}
	if err := addAll("vocabulary.commands", v.Commands, add); err != nil {
		return err
	}
	if v.Tree.Empty() {
		return nil
	}
	if err := add("vocabulary.tree.close", v.Tree.Close); err != nil {
		return err
	}
	if err := addAll("vocabulary.tree.labels", v.Tree.Labels, add); err != nil {
		return err
	}
	return addAll("vocabulary.tree.tags", v.Tree.Tags, add)
}

func addAll(field string, ids map[string]int32, add func(string, int32) error) error {
	if len(ids) == 0 {
		return fmt.Errorf("%s: empty, want at least one", field)
	}
	for _, name := range slices.Sorted(maps.Keys(ids)) {
		if name == "" {
			return fmt.Errorf("%s: empty name, want one", field)
		}
		if err := add(fmt.Sprintf("%s[%q]", field, name), ids[name]); err != nil {
			return err
		}
	}
	return nil
}
