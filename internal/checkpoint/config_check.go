package checkpoint

import (
	"fmt"
	"slices"
	"strings"
)

// What a task may have as its input, and then as its output: the encoders and
// decoders of this runtime.
var (
	inputs  = []string{"text", "audio", "image"}
	outputs = map[string][]string{
		"text":  {"sequence", "tree"},
		"audio": {"sequence", "classes"},
		"image": {"sequence", "classes", "boxes"},
	}
)

// maxRotary bounds positions times columns of a head: no tensor of the file says
// how large the table of positions, made from these two, may get.
const maxRotary = 1 << 22

// mostPositions is how long a segment or output may get.
func (m Model) mostPositions() int { return maxRotary / (m.Width / m.Heads) }

// check reports the first size that is out of range or does not fit another.
func (m Model) check() error {
	for _, f := range []struct {
		name        string
		value       int
		least, most int
	}{
		{"width", m.Width, 2, 1 << 14},
		{"heads", m.Heads, 1, 1 << 10},
		{"ffn", m.FFN, 1, 1 << 16},
		{"experts", m.Experts, 1, 1 << 10},
		{"top_experts", m.TopExperts, 1, min(m.Experts, 8)},
		{"expert_ffn", m.ExpertFFN, 1, 1 << 16},
		{"vocab", m.Vocab, 1, 1 << 20},
		{"encoder_blocks", m.EncoderBlocks, 1, 256},
		{"decoder_blocks", m.DecoderBlocks, 1, 256},
		{"conv_width", m.ConvWidth, 1, 64},
		{"merge_width", m.MergeWidth, 1, 64},
		{"max_positions", m.MaxPositions, 2, 1 << 16},
	} {
		if f.value < f.least || f.value > f.most {
			return fmt.Errorf("model.%s: %d, want %d to %d", f.name, f.value, f.least, f.most)
		}
	}
	if m.Width%(2*m.Heads) != 0 {
		return fmt.Errorf("model.heads: %d, want a number that splits the width %d into even parts", m.Heads, m.Width)
	}
	if most := m.mostPositions(); m.MaxPositions > most {
		return fmt.Errorf("model.max_positions: %d, want at most %d for heads of %d columns", m.MaxPositions, most, m.Width/m.Heads)
	}
	if !(m.RopeBase > 1 && m.RopeBase <= 1e9) {
		return fmt.Errorf("model.rope_base: %v, want more than 1 and at most 1e9", m.RopeBase)
	}
	if !(m.NormEps > 0 && m.NormEps <= 0.1) {
		return fmt.Errorf("model.norm_eps: %v, want more than 0 and at most 0.1", m.NormEps)
	}
	if err := m.checkBlocks(); err != nil {
		return err
	}
	if err := m.checkAudio(); err != nil {
		return err
	}
	return m.checkImage()
}

func (m Model) checkBlocks() error {
	for _, f := range []struct {
		name      string
		dilations []int
		blocks    int
	}{
		{"encoder_dilations", m.EncoderDilations, m.EncoderBlocks},
		{"decoder_dilations", m.DecoderDilations, m.DecoderBlocks},
		{"io_dilations", m.IODilations, 2},
	} {
		if len(f.dilations) != f.blocks {
			return fmt.Errorf("model.%s: %v, want %d", f.name, f.dilations, f.blocks)
		}
		for i, d := range f.dilations {
			if d < 1 || d > 1<<10 {
				return fmt.Errorf("model.%s[%d]: %d, want 1 to %d", f.name, i, d, 1<<10)
			}
		}
	}
	for _, f := range []struct {
		name   string
		moe    []int
		blocks int
	}{{"encoder_moe", m.EncoderMoE, m.EncoderBlocks}, {"decoder_moe", m.DecoderMoE, m.DecoderBlocks}} {
		for i, b := range f.moe {
			if b < 0 || b >= f.blocks {
				return fmt.Errorf("model.%s[%d]: %d, want 0 to %d", f.name, i, b, f.blocks-1)
			}
			if slices.Contains(f.moe[:i], b) {
				return fmt.Errorf("model.%s[%d]: block %d a second time", f.name, i, b)
			}
		}
	}
	return nil
}

func (c Config) checkTasks() error {
	if len(c.Tasks) == 0 {
		return fmt.Errorf("tasks: none, want at least one")
	}
	type key struct{ name, to string }
	seen, heads := map[key]int{}, map[string]int{}
	for i, t := range c.Tasks {
		if err := c.checkTask(t); err != nil {
			return fmt.Errorf("tasks[%d].%w", i, err)
		}
		k := key{t.Name, t.To}
		if other, ok := seen[k]; ok {
			return fmt.Errorf("tasks[%d]: name %q, to %q, want another: tasks[%d] is the same", i, t.Name, t.To, other)
		}
		seen[k] = i
		if t.Head == "" {
			continue
		}
		if other, ok := heads[t.Head]; ok && !t.sharesHead(c.Tasks[other]) {
			return fmt.Errorf("tasks[%d].head: %q, want another: tasks[%d] has it with other labels or another output", i, t.Head, other)
		}
		heads[t.Head] = i
	}
	return nil
}

func (c Config) checkTask(t Task) error {
	if !isName(t.Name) {
		return fmt.Errorf("name: %q, want lower-case letters, digits and hyphens", t.Name)
	}
	if t.To != "" && !isName(t.To) {
		return fmt.Errorf("to: %q, want a language such as \"de\"", t.To)
	}
	for i, from := range t.From {
		if !isName(from) || slices.Contains(t.From[:i], from) {
			return fmt.Errorf("from: %q, want different languages such as \"de\"", t.From)
		}
	}
	if _, ok := c.Vocabulary.Commands[t.Command]; !ok {
		return fmt.Errorf("command: %q, want one of vocabulary.commands", t.Command)
	}
	if !slices.Contains(inputs, t.Input) {
		return fmt.Errorf("input: %q, want %s", t.Input, strings.Join(inputs, " or "))
	}
	if t.Input == "audio" && c.Model.Audio == nil || t.Input == "image" && c.Model.Image == nil {
		return fmt.Errorf("input: %q, want model.%s for it", t.Input, t.Input)
	}
	if possible := outputs[t.Input]; !slices.Contains(possible, t.Output) {
		return fmt.Errorf("output: %q, want %s for input %q", t.Output, strings.Join(possible, " or "), t.Input)
	}
	if t.Output == "tree" && c.Vocabulary.Tree.Empty() {
		return fmt.Errorf("output: %q, want vocabulary.tree for it", t.Output)
	}
	if writes := t.Output == "sequence" || t.Output == "tree"; t.Beam < 0 || t.Beam > MaxBeam || t.Beam > 0 && !writes {
		return fmt.Errorf("beam: %d, want 0 to %d for a text or a tree, 0 for output %q", t.Beam, MaxBeam, t.Output)
	}
	if err := t.checkCanvas(); err != nil {
		return err
	}
	return t.checkHead()
}

// isName reports whether s is a word of lower-case letters, digits and hyphens.
func isName(s string) bool {
	other := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-'
	}
	return s != "" && len(s) <= 64 && strings.IndexFunc(s, other) < 0
}
