// Package base embeds the base checkpoint, the one that cmd/mm runs when no
// other is named. Importing it adds the checkpoint's size to a program.
package base

import "embed"

// FS is the model directory: pass it to mm.Load.
//
//go:embed config.json model.safetensors tokenizer.tiktoken README.md
var FS embed.FS
