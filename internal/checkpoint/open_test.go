package checkpoint

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mm-runtime/mm/kernels"
)

// tinyFiles is a model directory; the readers here don't look inside its
// tokenizer.
func tinyFiles(t testing.TB) map[string][]byte {
	return map[string][]byte{
		configFile:    []byte(smallConfig),
		tokenizerFile: []byte("AA== 0\n"),
		weightsFile: written(t,
			namedTensor{Name: "embed", Shape: []int{4, 2}, DType: kernels.I8, I8: []int8{1, 2, 3, 4, 5, 6, 7, 8}},
			namedTensor{Name: "embed.scale", Shape: []int{4}, F32: []float32{1, 2, 3, 4}},
			namedTensor{Name: "norm", Shape: []int{2}, F32: []float32{0.5, 2}},
			namedTensor{Name: "up.scale", Shape: []int{1}, DType: kernels.BF16, BF16: []uint16{0x3f80}}),
	}
}

func writeDir(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mapFS(files map[string][]byte) fstest.MapFS {
	m := fstest.MapFS{}
	for name, data := range files {
		m[name] = &fstest.MapFile{Data: data}
	}
	return m
}

// stringFiles has its files as strings.
type stringFiles struct{ fstest.MapFS }

func (f stringFiles) ReadString(name string) (string, error) { return string(f.MapFS[name].Data), nil }

func TestOpenAndLoad(t *testing.T) {
	files := tinyFiles(t)
	for name, open := range map[string]func() (*Checkpoint, error){
		"Open":            func() (*Checkpoint, error) { return Open(writeDir(t, files)) },
		"Load":            func() (*Checkpoint, error) { return Load(mapFS(files)) },
		"Load of strings": func() (*Checkpoint, error) { return Load(stringFiles{mapFS(files)}) },
	} {
		c, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.Config.Name != "tiny" || !bytes.Equal(c.Tokenizer, files[tokenizerFile]) {
			t.Errorf("%s: %+v", name, c)
		}
		info := c.Info()
		if info.Tensors != 3 || info.Parameters != 11 {
			t.Errorf("%s: %d tensors, %d parameters, want 3 and 11", name, info.Tensors, info.Parameters)
		}
		for dtype, want := range map[kernels.DType]int{kernels.I8: 8, kernels.F32: 2, kernels.BF16: 1} {
			if info.DTypes[dtype] != want {
				t.Errorf("%s: %d parameters of %v, want %d", name, info.DTypes[dtype], dtype, want)
			}
		}
		sum := sha256.Sum256(files[weightsFile])
		if want := hex.EncodeToString(sum[:]); info.Bytes != int64(len(files[weightsFile])) || c.SHA256() != want || c.SHA256() != want {
			t.Errorf("%s: %d bytes, hash %s, want %d, %s", name, info.Bytes, c.SHA256(), len(files[weightsFile]), want)
		}
		if err := errors.Join(c.Close(), c.Close()); err != nil {
			t.Errorf("%s: close: %v", name, err)
		}
	}
}

func TestOpenRejects(t *testing.T) {
	for _, c := range []struct {
		name, file string
		data       []byte // nil: the file is not there
		want       string
	}{
		{"no config", configFile, nil, configFile + ": no such file"},
		{"no weights", weightsFile, nil, "mm: load tiny: stat " + weightsFile + ": no such file"},
		{"no tokenizer", tokenizerFile, nil, tokenizerFile + ": no such file"},
		{"bad config", configFile, []byte("{"), configFile + ": unexpected"},
		{"huge config", configFile, make([]byte, maxConfig+1), "config.json: 1048577 bytes, want at most 1048576"},
		{"empty weights", weightsFile, []byte{}, "mm: load tiny: model.safetensors: 0 bytes, want at least 8"},
		{"truncated weights", weightsFile, tinyFiles(t)[weightsFile][:100], "truncated"},
	} {
		files := tinyFiles(t)
		delete(files, c.file)
		if c.data != nil {
			files[c.file] = c.data
		}
		dir := writeDir(t, files)
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "mm: load ") {
			t.Errorf("Open, %s: error %v, want one with %q", c.name, err, c.want)
		} else if c.data == nil && !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("Open, %s: %v is not fs.ErrNotExist", c.name, err)
		}
		if _, err := Load(mapFS(files)); err == nil {
			t.Errorf("Load, %s: no error", c.name)
		}
	}
}

func TestOpenWrongKindOfFile(t *testing.T) {
	for _, name := range []string{configFile, weightsFile, tokenizerFile} {
		files := tinyFiles(t)
		delete(files, name)
		dir := writeDir(t, files)
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		want := name + ": a directory, want a file"
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: error %v, want one with %q", err, want)
		}
		if _, err := Load(os.DirFS(dir)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load: error %v, want one with %q", err, want)
		}
	}
	dir := writeDir(t, tinyFiles(t))
	if _, err := Open(filepath.Join(dir, configFile)); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("a file in place of the directory: error %v", err)
	}
	if _, err := Open(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: error %v", err)
	}
	files := mapFS(tinyFiles(t))
	files[weightsFile].Mode = fs.ModeNamedPipe
	if _, err := Load(files); err == nil || !strings.Contains(err.Error(), "want a regular file") {
		t.Errorf("a pipe: error %v", err)
	}
}
