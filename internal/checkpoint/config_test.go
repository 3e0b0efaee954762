package checkpoint

import (
	"encoding/json"
	"strings"
	"testing"
)

// smallConfig is a complete config.json of a tiny network.
const smallConfig = `{
 "format": 1, "name": "tiny", "version": "0.1.0",
 "model": {
  "width": 8, "heads": 2, "ffn": 12, "experts": 2, "top_experts": 2, "expert_ffn": 4, "vocab": 288,
  "encoder_blocks": 2, "decoder_blocks": 1, "encoder_moe": [1], "decoder_moe": [], "conv_width": 5,
  "encoder_dilations": [1, 2], "decoder_dilations": [4], "io_dilations": [1, 4], "merge_width": 3,
  "rope_base": 10000.0, "norm_eps": 1e-06, "max_positions": 64
 },
 "vocabulary": {
  "ranks": 256, "size": 288, "end": 256, "commands": {"<to-en>": 257, "<to-de>": 258, "<parse>": 259},
  "tree": {"close": 270, "labels": {"NP": 271, "S": 272}, "tags": {"NN": 273, "DT": 274}}
 },
 "tasks": [
  {"name": "translate", "from": ["en", "de"], "to": "en", "command": "<to-en>", "input": "text", "output": "sequence"},
  {"name": "translate", "from": ["en", "de"], "to": "de", "command": "<to-de>", "input": "text", "output": "sequence"},
  {"name": "parse", "command": "<parse>", "input": "text", "output": "tree"}
 ]
}`

func TestReadConfig(t *testing.T) {
	c, err := readConfig([]byte(smallConfig))
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "tiny" || c.Model.Width != 8 || c.Model.NormEps != 1e-6 || c.Vocabulary.Tree.Tags["DT"] != 274 {
		t.Errorf("config %+v", c)
	}
	if len(c.Tasks) != 3 || c.Tasks[1].To != "de" || c.Tasks[1].From[0] != "en" || c.Tasks[2].Output != "tree" {
		t.Errorf("tasks %+v", c.Tasks)
	}
}

func TestReadConfigRejects(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{smallConfig, "", "unexpected EOF"},
		{smallConfig, "null", "format: 0, want 1"},
		{smallConfig, "[]", "cannot unmarshal array"},
		{smallConfig, smallConfig + "x", "more after the JSON value"},
		{smallConfig, smallConfig + "{}", "more after the JSON value"},
		{`"tiny"`, "\"t\xffny\"", "not UTF-8"},
		{`"format": 1`, `"format": 2`, "format: 2, want 1"},
		{`"format": 1`, `"format": 1, "colour": 3`, `unknown field "colour"`},
		{`"width": 8`, `"width": 8, "width": 16`, `key "width" a second time`},
		{`"width": 8`, `"width": 8, "depth": 16`, `unknown field "depth"`},
		{`"width": 8`, `"width": "8"`, "cannot unmarshal string"},
		{`"width": 8`, `"width": 8.5`, "cannot unmarshal number 8.5"},
		{`"width": 8`, `"width": 99999999999999999999`, "cannot unmarshal number"},
		{`"name": "tiny"`, `"name": ""`, `name: ""`},
		{`"width": 8`, `"width": 0`, "model.width: 0, want 2 to 16384"},
		{`"width": 8`, `"width": -8`, "model.width: -8"},
		{`"width": 8`, `"width": 9`, "model.heads: 2, want a number that splits the width 9 into even parts"},
		{`"heads": 2`, `"heads": 8`, "model.heads: 8, want a number that splits the width 8 into even parts"},
		{`"ffn": 12`, `"ffn": 1000000`, "model.ffn: 1000000, want 1 to 65536"},
		{`"top_experts": 2`, `"top_experts": 3`, "model.top_experts: 3, want 1 to 2"},
		{`"encoder_blocks": 2`, `"encoder_blocks": 0`, "model.encoder_blocks: 0, want 1 to 256"},
		{`"encoder_blocks": 2`, `"encoder_blocks": 3`, "model.encoder_dilations: [1 2], want 3"},
		{`"decoder_dilations": [4]`, `"decoder_dilations": [0]`, "model.decoder_dilations[0]: 0, want 1 to 1024"},
		{`"io_dilations": [1, 4]`, `"io_dilations": [1]`, "model.io_dilations: [1], want 2"},
		{`"encoder_moe": [1]`, `"encoder_moe": [2]`, "model.encoder_moe[0]: 2, want 0 to 1"},
		{`"encoder_moe": [1]`, `"encoder_moe": [-1]`, "model.encoder_moe[0]: -1"},
		{`"encoder_moe": [1]`, `"encoder_moe": [1, 1]`, "model.encoder_moe[1]: block 1 a second time"},
		{`"rope_base": 10000.0`, `"rope_base": 1`, "model.rope_base: 1, want more than 1"},
		{`"norm_eps": 1e-06`, `"norm_eps": 0`, "model.norm_eps: 0, want more than 0"},
		{`"max_positions": 64`, `"max_positions": 100000000`, "model.max_positions: 100000000, want 2 to 65536"},
		{`"vocab": 288`, `"vocab": 287`, "model.vocab: 287, want vocabulary.size, 288"},
		{`"end": 256`, `"end": 255`, "vocabulary.end: id 255, want 256 to 287"},
		{`"<to-de>": 258`, `"<to-de>": 257`, "id 257, want another"},
		{`"NN": 273`, `"NN": 288`, `vocabulary.tree.tags["NN"]: id 288, want 256 to 287`},
		{`"command": "<to-de>"`, `"command": "<to-fr>"`, `tasks[1].command: "<to-fr>", want one of vocabulary.commands`},
		{`"to": "de"`, `"to": "en"`, `tasks[1]: name "translate", to "en", want another: tasks[0] is the same`},
		{`"name": "parse"`, `"name": "Parse it"`, `tasks[2].name: "Parse it", want lower-case`},
		{`"from": ["en", "de"], "to": "de"`, `"from": ["de", "de"], "to": "de"`, "tasks[1].from"},
		{`"to": "de"`, `"to": "D E"`, `tasks[1].to: "D E"`},
		{`"output": "tree"`, `"output": "box"`, `tasks[2].output: "box", want sequence or tree`},
		{`"<parse>", "input": "text"`, `"<parse>", "input": "smell"`, `tasks[2].input: "smell", want text`},
		{`"close": 270, "labels": {"NP": 271, "S": 272}, "tags": {"NN": 273, "DT": 274}`, ``, "want vocabulary.tree for it"},
	} {
		if !strings.Contains(smallConfig, c.old) {
			t.Fatalf("%q is not in the config", c.old)
		}
		_, err := readConfig([]byte(strings.Replace(smallConfig, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want one with %q", c.new, c.old, err, c.want)
		}
	}
	wide := strings.NewReplacer(`"width": 8, "heads": 2`, `"width": 16384, "heads": 1`, `"max_positions": 64`, `"max_positions": 257`)
	const want = "model.max_positions: 257, want at most 256 for heads of 16384 columns"
	if _, err := readConfig([]byte(wide.Replace(smallConfig))); err == nil || err.Error() != want {
		t.Errorf("a wide head: error %v, want %q", err, want)
	}
	none, _, _ := strings.Cut(smallConfig, `"tasks": [`)
	if _, err := readConfig([]byte(none + `"tasks": []}`)); err == nil || !strings.Contains(err.Error(), "tasks: none") {
		t.Errorf("no tasks: error %v", err)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(smallConfig))
	f.Add([]byte(sensesConfig))
	f.Add([]byte(`{"format": 1}`))
	f.Add([]byte(`[[[[{"a":{}}]]]]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := readConfig(data)
		if err != nil {
			return
		}
		if c.Model.Width%c.Model.Heads != 0 || len(c.Tasks) == 0 || len(c.Model.EncoderDilations) != c.Model.EncoderBlocks {
			t.Fatalf("accepted %+v", c)
		}
		for _, task := range c.Tasks {
			if (task.Input == "image") != (len(task.Canvas) == 2) || (task.Head == "") != (len(task.Labels) == 0 && task.Letters == "") || task.rows(c.Model) < 2 {
				t.Fatalf("accepted %+v", task)
			}
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := readConfig(text); err != nil {
			t.Fatalf("written again: %v", err)
		}
	})
}
