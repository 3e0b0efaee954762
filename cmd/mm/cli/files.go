package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/internal/media/picture"
)

// files opens what inputs name.
type files struct {
	dir   string    // that relative paths start from
	stdin io.Reader // what the path - stands for; nil where it is a file's name
	copy  *os.File  // takes a sound from a standard input that cannot seek
}

// get opens a file and returns what closes it.
func (f *files) get(path string) (io.Reader, func(), error) {
	if path != "-" || f.stdin == nil {
		if !filepath.IsAbs(path) {
			path = filepath.Join(f.dir, path)
		}
		file, err := os.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return file, func() { file.Close() }, nil
	}
	if f.copy == nil {
		return f.stdin, func() {}, nil
	}
	if _, err := io.Copy(f.copy, f.stdin); err != nil {
		return nil, nil, fmt.Errorf("copy standard input to %s: %w", f.copy.Name(), err)
	}
	return copied{f.copy}, func() {}, nil
}

// takeStdin lets - be standard input. A sound from a pipe, which may last for
// hours, is copied to a file first; remove deletes it.
func (f *files) takeStdin(stdin io.Reader, sound bool) (remove func(), err error) {
	f.stdin = stdin
	if s, ok := stdin.(io.Seeker); ok {
		if _, err := s.Seek(0, io.SeekCurrent); err == nil {
			sound = false
		}
	}
	if !sound {
		return func() {}, nil
	}
	if f.copy, err = os.CreateTemp("", "mm-sound-*"); err != nil {
		return nil, fmt.Errorf("copy standard input: %w", err)
	}
	return func() { f.copy.Close(); os.Remove(f.copy.Name()) }, nil
}

// copied is the copy of standard input, which errors are to call that.
type copied struct{ *os.File }

func (copied) Name() string { return "standard input" }

// kept is a file in memory with its name.
type kept struct {
	*bytes.Reader
	name string
	data []byte
}

func (k *kept) Name() string { return k.name }

// keep reads a picture that is needed twice.
func keep(file io.Reader) (*kept, error) {
	k := &kept{name: "standard input"}
	if named, ok := file.(interface{ Name() string }); ok {
		k.name = named.Name()
	}
	var err error
	if k.data, err = picture.Read(file); err != nil {
		return nil, fmt.Errorf("%s: %w", k.name, err)
	}
	k.Reader = bytes.NewReader(k.data)
	return k, nil
}

// drawBoxes writes a PNG of a picture with boxes to path.
func drawBoxes(path string, from *kept, boxes []mm.Box) error {
	p, err := picture.Decode(from.data)
	if err != nil {
		return err
	}
	labelled := make([]picture.Labelled, len(boxes))
	for i, b := range boxes {
		labelled[i] = picture.Labelled{
			Box:   picture.Box{X0: b.X0, Y0: b.Y0, X1: b.X1, Y1: b.Y1},
			Label: fmt.Sprintf("%s %.0f%%", b.Label, 100*b.Score),
		}
	}
	p.Draw(labelled)
	return writeFile(path, p.WritePNG)
}

// writeFile makes a file of what write writes.
func writeFile(path string, write func(io.Writer) error) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}
