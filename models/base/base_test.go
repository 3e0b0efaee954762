package base

import (
	"io/fs"
	"testing"
)

// TestReadString wants the files that FS has, the weights without a copy.
func TestReadString(t *testing.T) {
	read := FS.(directory).ReadString
	for _, name := range []string{"config.json", "model.safetensors", "words.safetensors", "tokenizer.tiktoken"} {
		want, err := fs.ReadFile(FS, name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(name); err != nil || got != string(want) {
			t.Errorf("%s: %d bytes, error %v, want the file's %d", name, len(got), err, len(want))
		}
	}
	for _, name := range []string{"model.safetensors", "words.safetensors"} {
		if n := testing.AllocsPerRun(5, func() { read(name) }); n != 0 {
			t.Errorf("%v allocations for %s, want none", n, name)
		}
	}
	if _, err := read("none"); err == nil {
		t.Error("no error for a file that is not there")
	}
}
