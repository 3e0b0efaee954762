// Package checkpoint reads a model directory: config.json, model.safetensors,
// tokenizer.tiktoken and, where a task needs it, words.safetensors. It trusts none of them: every size is checked before it is
// used, and every error names the file, the tensor or the field, its value and
// what was wanted.
package checkpoint

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"unsafe"
)

// The files of a model directory.
const (
	configFile    = "config.json"
	weightsFile   = "model.safetensors"
	tokenizerFile = "tokenizer.tiktoken"
	wordsFile     = "words.safetensors"
)

// maxTokenizer is the most bytes of tokenizer.tiktoken that are read.
const maxTokenizer = 64 << 20

// Checkpoint is an open model directory.
type Checkpoint struct {
	Config    Config
	Tokenizer []byte // tokenizer.tiktoken

	weights []byte // model.safetensors, perhaps mapped
	tensors *tensors
	words   *tensors // words.safetensors; nil where no task has a use for it
	sum     func() string
	unmap   []func() error // give back what is mapped
}

// Open reads the model directory dir. The weights are mapped into memory where
// the system can, so writing over the file of a running model is not safe:
// replace it by renaming another over it.
func Open(dir string) (*Checkpoint, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, loadError(dir, err)
	}
	if !info.IsDir() {
		return nil, loadError(dir, fmt.Errorf("not a directory, want one with %s and %s", configFile, weightsFile))
	}
	return load(dir, os.DirFS(dir), func(name string) ([]byte, func() error, error) {
		return mapFile(filepath.Join(dir, name))
	})
}

// stringFS is a file system that has files as strings, as a program has what is
// embedded in it.
type stringFS interface {
	ReadString(name string) (string, error)
}

// Load reads a model directory from a file system, an embed.FS for example. Each
// file is read once, into memory that the tensors then use in place; of one with a
// method ReadString(name string) (string, error) the weights are not even copied.
func Load(fsys fs.FS) (*Checkpoint, error) {
	return load("model", fsys, func(name string) ([]byte, func() error, error) {
		if f, ok := fsys.(stringFS); ok {
			text, err := f.ReadString(name)
			return unsafe.Slice(unsafe.StringData(text), len(text)), nil, err // which nobody writes to
		}
		data, err := fs.ReadFile(fsys, name)
		return data, nil, err
	})
}

// Close gives back the mapped files. The weights that Bind packed may still use
// it, so the device goes first. The Checkpoint must not be used afterwards.
func (c *Checkpoint) Close() error {
	var errs []error
	for _, unmap := range c.unmap {
		errs = append(errs, unmap())
	}
	c.unmap, c.weights, c.tensors, c.words = nil, nil, nil, nil
	return errors.Join(errs...)
}

// load reads the small files from fsys and those of tensors by read. Errors name the
// model by the config's name once that is known.
func load(name string, fsys fs.FS, read func(name string) ([]byte, func() error, error)) (*Checkpoint, error) {
	c := &Checkpoint{}
	text, err := readSmall(fsys, configFile, maxConfig)
	if err != nil {
		return nil, loadError(name, err)
	}
	if c.Config, err = readConfig(text); err != nil {
		return nil, loadError(name, fmt.Errorf("%s: %w", configFile, err))
	}
	name = c.Config.Name
	if c.Tokenizer, err = readSmall(fsys, tokenizerFile, maxTokenizer); err != nil {
		return nil, loadError(name, err)
	}
	if c.weights, c.tensors, err = c.readTensors(fsys, weightsFile, read); err != nil {
		return nil, errors.Join(loadError(name, err), c.Close())
	}
	if c.Config.needsWords() {
		if _, c.words, err = c.readTensors(fsys, wordsFile, read); err != nil {
			return nil, errors.Join(loadError(name, err), c.Close())
		}
	}
	c.sum = sync.OnceValue(c.hash)
	return c, nil
}

// readTensors returns the bytes of one of the safetensors files and what its header says.
func (c *Checkpoint) readTensors(fsys fs.FS, name string, read func(name string) ([]byte, func() error, error)) ([]byte, *tensors, error) {
	if _, err := fileSize(fsys, name); err != nil {
		return nil, nil, err
	}
	data, unmap, err := read(name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if unmap != nil {
		c.unmap = append(c.unmap, unmap)
	}
	t, err := readSafetensors(data)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	return data, t, nil
}

// readSmall reads a whole file of at most limit bytes.
func readSmall(fsys fs.FS, name string, limit int64) ([]byte, error) {
	size, err := fileSize(fsys, name)
	if err != nil {
		return nil, err
	}
	if size > limit {
		return nil, fmt.Errorf("%s: %d bytes, want at most %d", name, size, limit)
	}
	return fs.ReadFile(fsys, name)
}

// fileSize wants a regular file: reading a pipe would wait for ever.
func fileSize(fsys fs.FS, name string) (int64, error) {
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return 0, err
	}
	if info.IsDir() {
		return 0, fmt.Errorf("%s: a directory, want a file", name)
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s: %v, want a regular file", name, info.Mode())
	}
	return info.Size(), nil
}

func loadError(name string, err error) error {
	return fmt.Errorf("mm: load %s: %w", name, err)
}
