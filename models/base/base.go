// Package base embeds the base checkpoint, the one that cmd/mm runs when no
// other is named. Importing it adds the checkpoint's size to a program.
package base

import (
	"embed"
	"io/fs"
)

// FS is the model directory: pass it to mm.Load, which uses the weights where they
// lie in the program.
var FS fs.FS = directory{files}

//go:embed config.json model.safetensors words.safetensors tokenizer.tiktoken README.md shots
var files embed.FS

// The same bytes, of which a program has one copy.
var (
	//go:embed model.safetensors
	weights string
	//go:embed words.safetensors
	words string
)

type directory struct{ embed.FS }

// ReadString returns a file's content, that of tensors without a copy.
func (d directory) ReadString(name string) (string, error) {
	switch name {
	case "model.safetensors":
		return weights, nil
	case "words.safetensors":
		return words, nil
	}
	data, err := d.ReadFile(name)
	return string(data), err
}
