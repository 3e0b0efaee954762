package checkpoint

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sensesConfig is smallConfig with encoders of sounds and pictures and tasks for
// each of their outputs.
var sensesConfig = strings.NewReplacer(
	`"max_positions": 64`, `"max_positions": 64,
  "audio": {"bands": 80, "window": 1600, "blocks": 3, "expand": 2}, "image": {"channels": [2, 4, 8], "blocks": [1, 0, 2], "expand": 4}`,
	`"<parse>": 259`, `"<parse>": 259, "<transcribe>": 260, "<digits>": 261, "<classify>": 262, "<detect>": 263, "<caption>": 264`,
	`"output": "tree"}`, `"output": "tree"},
  {"name": "transcribe", "from": ["en"], "command": "<transcribe>", "input": "audio", "output": "sequence", "head": "letters", "letters": " ab", "share": 0.5},
  {"name": "digits", "command": "<digits>", "input": "audio", "output": "classes", "head": "digits", "labels": ["zero", "one"]},
  {"name": "classify", "command": "<classify>", "input": "image", "output": "classes", "head": "cifar10",
   "labels": ["cat", "dog's"], "canvas": [32, 32], "fit": "crop"},
  {"name": "thumb", "command": "<classify>", "input": "image", "output": "classes", "head": "cifar10",
   "labels": ["cat", "dog's"], "canvas": [16, 8], "fit": "squeeze"},
  {"name": "detect", "command": "<detect>", "input": "image", "output": "boxes", "head": "bccd",
   "labels": ["RBC", "WBC", "Platelets"], "canvas": [192, 144], "fit": "letterbox"},
  {"name": "caption", "to": "de", "command": "<caption>", "input": "image", "output": "sequence", "canvas": [64, 64], "fit": "crop"}`,
).Replace(smallConfig)

func TestReadConfigSenses(t *testing.T) {
	c, err := readConfig([]byte(sensesConfig))
	if err != nil {
		t.Fatal(err)
	}
	if *c.Model.Audio != (Audio{80, 1600, 3, 2}) || !slices.Equal(c.Model.Image.Channels, []int{2, 4, 8}) || c.Model.Image.Expand != 4 {
		t.Errorf("encoders %+v, %+v", c.Model.Audio, c.Model.Image)
	}
	if d := c.Tasks[7]; d.Head != "bccd" || d.Fit != "letterbox" || !slices.Equal(d.Canvas, []int{192, 144}) || d.Labels[2] != "Platelets" {
		t.Errorf("detect %+v", d)
	}
	if n := c.Positions(); n != 1+24*18 {
		t.Errorf("%d positions, want those of detect's canvas and its command, 433", n)
	}
	small, err := readConfig([]byte(smallConfig))
	if err != nil || small.Model.Audio != nil || small.Model.Image != nil || small.Positions() != 64 {
		t.Errorf("a network of text alone: %+v, %v", small.Model, err)
	}
}

func TestReadConfigRejectsSenses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`"bands": 80`, `"bands": 40`, "model.audio.bands: 40, want 80"},
		{`"window": 1600`, `"window": 0`, "model.audio.window: 0, want 4 to 65536, a multiple of 4"},
		{`"window": 1600`, `"window": 1602`, "model.audio.window: 1602, want"},
		{`"window": 1600`, `"window": 1000000`, "model.audio.window: 1000000, want"},
		{`"blocks": 3`, `"blocks": -1`, "model.audio.blocks: -1, want 0 to 64"},
		{`"blocks": 3`, `"blocks": 65`, "model.audio.blocks: 65, want 0 to 64"},
		{`"expand": 2`, `"expand": 0`, "model.audio.expand: 0, want 1 to 16"},
		{`"window": 1600`, `"window": 1600, "hop": 160`, `unknown field "hop"`},
		{`"channels": [2, 4, 8]`, `"channels": [2, 4]`, "model.image.channels: [2 4], want 3"},
		{`"channels": [2, 4, 8]`, `"channels": [2, 0, 8]`, "model.image.channels[1]: 0, want 1 to 16384"},
		{`"channels": [2, 4, 8]`, `"channels": [2, 4, 16]`, "model.image.channels: [2 4 16], want the last to be model.width, 8"},
		{`"blocks": [1, 0, 2]`, `"blocks": [1, 0, 2, 1]`, "model.image.blocks: [1 0 2 1], want 3"},
		{`"blocks": [1, 0, 2]`, `"blocks": [1, -1, 2]`, "model.image.blocks[1]: -1, want 0 to 64"},
		{`"expand": 4`, `"expand": 0`, "model.image.expand: 0, want 1 to 16"},
		{`"width": 8, "heads": 2`, `"width": 6, "heads": 3`, "model.width: 6, want a multiple of 4 for model.image"},
		{`"audio": {"bands": 80, "window": 1600, "blocks": 3, "expand": 2}`, `"audio": null`, `tasks[3].input: "audio", want model.audio for it`},
		{`"image": {"channels": [2, 4, 8], "blocks": [1, 0, 2], "expand": 4}`, `"image": null`, `tasks[5].input: "image", want model.image for it`},
		{`"input": "audio", "output": "classes"`, `"input": "audio", "output": "boxes"`, `tasks[4].output: "boxes", want sequence or classes for input "audio"`},
		{`"input": "image", "output": "boxes"`, `"input": "image", "output": "tree"`, `tasks[7].output: "tree", want sequence or classes or boxes for input "image"`},
		{`"input": "text", "output": "tree"`, `"input": "text", "output": "classes"`, `tasks[2].output: "classes", want sequence or tree for input "text"`},
		{`"head": "digits"`, `"head": ""`, `tasks[4].head: "", want lower-case`},
		{`"head": "digits"`, `"head": "a.b"`, `tasks[4].head: "a.b", want lower-case`},
		{`"head": "digits"`, `"head": "bccd"`, `tasks[7].head: "bccd", want another: tasks[4] has it with other labels or another output`},
		{`"labels": ["cat", "dog's"], "canvas": [16, 8]`, `"labels": ["dog's", "cat"], "canvas": [16, 8]`, `tasks[6].head: "cifar10", want another: tasks[5]`},
		{`"labels": ["zero", "one"]`, `"labels": []`, "tasks[4].labels: 0, want 1 to 65536"},
		{`"labels": ["zero", "one"]`, `"labels": ["zero", ""]`, `tasks[4].labels[1]: "", want 1 to 256 bytes of printable text`},
		{`"labels": ["zero", "one"]`, `"labels": ["zero", "\u001b[2J"]`, `tasks[4].labels[1]: "\x1b[2J", want`},
		{`"labels": ["zero", "one"]`, `"labels": ["zero", "one", "zero"]`, `tasks[4].labels[2]: "zero", want another: labels[0] is the same`},
		{`"labels": ["zero", "one"]`, fmt.Sprintf(`"labels": ["%s"]`, strings.Repeat("x", 257)), "tasks[4].labels[0]"},
		{`"canvas": [32, 32]`, `"canvas": [32]`, "tasks[5].canvas: [32], want a width and a height"},
		{`"canvas": [32, 32]`, `"canvas": [32, 32, 3]`, "tasks[5].canvas: [32 32 3], want a width and a height"},
		{`"canvas": [32, 32]`, `"canvas": [32, 30]`, "tasks[5].canvas: [32 30], want multiples of 8 up to 1024"},
		{`"canvas": [32, 32]`, `"canvas": [32, 1032]`, "tasks[5].canvas: [32 1032], want"},
		{`"canvas": [32, 32]`, `"canvas": [0, 32]`, "tasks[5].canvas: [0 32], want"},
		{`"canvas": [32, 32]`, `"canvas": [-8, 32]`, "tasks[5].canvas: [-8 32], want"},
		{`"fit": "letterbox"`, `"fit": "stretch"`, `tasks[7].fit: "stretch", want crop or squeeze or letterbox`},
		{`"output": "tree"}`, `"output": "tree", "canvas": [8, 8]}`, `tasks[2].canvas: [8 8], fit: "", want neither for input "text"`},
		{`"output": "tree"}`, `"output": "tree", "fit": "crop"}`, `tasks[2].canvas: [], fit: "crop", want neither`},
		{`"output": "tree"}`, `"output": "tree", "head": "x"}`, `tasks[2].head: "x", 0 labels, want neither for output "tree"`},
		{`"command": "<caption>"`, `"command": "<caption>", "labels": ["a"]`, `tasks[8].head: "", 1 labels, want neither for output "sequence"`},
		{`"command": "<caption>"`, `"command": "<caption>", "share": 0.5`, `tasks[8].letters: "", want none for input "image" and output "sequence"`},
		{`"input": "audio", "output": "sequence"`, `"input": "audio", "output": "sequence", "labels": ["a"]`, `tasks[3].labels: 1, want none beside letters`},
		{`"head": "letters"`, `"head": "Letters"`, `tasks[3].head: "Letters", want lower-case`},
		{`"head": "letters"`, `"head": "digits"`, `tasks[4].head: "digits", want another: tasks[3] has it`},
		{`"letters": " ab"`, `"letters": ""`, `tasks[3].letters: "", want 1 to 128`},
		{`"share": 0.5`, `"share": 0.5, "beam": 33`, `tasks[3].beam: 33, want 0 to 32 for a text or a tree, 0 for output "sequence"`},
		{`"share": 0.5`, `"share": 0.5, "beam": -1`, `tasks[3].beam: -1, want`},
		{`"head": "digits", "labels"`, `"head": "digits", "beam": 2, "labels"`, `tasks[4].beam: 2, want`},
		{`"share": 0.5`, `"share": 0.5, "words": -1`, "tasks[3].words: -1, want 0 to 16"},
		{`"share": 0.5`, `"share": 0.5, "words": 17`, "tasks[3].words: 17, want 0 to 16"},
		{`"head": "digits", "labels"`, `"head": "digits", "words": 1, "labels"`, `tasks[4].letters: "", want none`},
		{`"letters": " ab"`, `"letters": " aba"`, `tasks[3].letters: " aba", want each once`},
		{`"share": 0.5`, `"share": 1`, `tasks[3].share: 1, want more than 0 and less than 1`},
		{`"share": 0.5`, `"share": -0.5`, `tasks[3].share: -0.5, want more than 0`},
	} {
		if !strings.Contains(sensesConfig, c.old) {
			t.Fatalf("%q is not in the config", c.old)
		}
		_, err := readConfig([]byte(strings.Replace(sensesConfig, c.old, c.new, 1)))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s for %s: error %v, want one with %q", c.new, c.old, err, c.want)
		}
	}
	wide := strings.NewReplacer(`"width": 8, "heads": 2`, `"width": 16384, "heads": 1`, `[2, 4, 8]`, `[2, 4, 16384]`, `1600`, `1200`)
	const want = "tasks[3]: audio inputs of 301 rows, want at most 256 for heads of 16384 columns"
	if _, err := readConfig([]byte(wide.Replace(sensesConfig))); err == nil || err.Error() != want {
		t.Errorf("a wide head: error %v, want %q", err, want)
	}
}

// TestReadConfigLabels has as many labels as a head may have, and one more, in
// what config.json may hold.
func TestReadConfigLabels(t *testing.T) {
	var list []string
	for i := range maxLabels + 1 {
		list = append(list, fmt.Sprintf("%q", fmt.Sprint(i)))
	}
	with := func(n int) []byte {
		return []byte(strings.Replace(sensesConfig, `"zero", "one"`, strings.Join(list[:n], ","), 1))
	}
	if _, err := readConfig(with(maxLabels)); err != nil {
		t.Error(err)
	}
	const want = "tasks[4].labels: 65537, want 1 to 65536"
	if _, err := readConfig(with(maxLabels + 1)); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}
