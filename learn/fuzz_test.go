package learn

import (
	"os"
	"path/filepath"
	"testing"
)

// FuzzPack reads any two files as a head pack. What is read can be saved and read
// again.
func FuzzPack(f *testing.F) {
	for version := range 2 {
		text, tensors, _, err := packOf(version).files()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, tensors)
	}
	f.Fuzz(func(t *testing.T, text, tensors []byte) {
		p, err := decode(text, func(string, string) ([]byte, error) { return tensors, nil })
		if err != nil {
			return
		}
		text, tensors, _, err = p.files()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		if _, err := decode(text, func(string, string) ([]byte, error) { return tensors, nil }); err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		if len(p.Network.Logits(make([]float32, p.Network.Features()))) != len(p.Labels) {
			t.Fatal("as many logits as labels are wanted")
		}
	})
}

// FuzzLines reads any file of examples.
func FuzzLines(f *testing.F) {
	f.Add([]byte("a\tone\nb\ttwo\r\n\nbroken\n\tx\na\t\nb\tone"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "data.tsv")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := ReadData(path, "")
		if err != nil {
			return
		}
		for i, n := range LabelNumbers(d.Examples, d.Labels) {
			if n < 0 || d.Examples[i].Text == "" || d.Examples[i].Label == "" {
				t.Fatalf("example %+v of labels %q", d.Examples[i], d.Labels)
			}
		}
	})
}
