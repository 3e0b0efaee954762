package audio

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// open finds out by the first bytes what a file is and starts to decode it.
func open(file io.ReadSeeker) (decoder, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		return nil, errors.New("0 bytes, want a sound file")
	}
	start, err := afterID3(file, size)
	if err != nil {
		return nil, err
	}
	head, err := peek(file, start, 36)
	if err != nil {
		return nil, err
	}
	has := func(at int, magic string) bool { return len(head) >= at && bytes.HasPrefix(head[at:], []byte(magic)) }
	switch {
	case start == 0 && has(0, "RIFF") && (has(8, "WAVE") || len(head) < 12):
		return newWAV(file, size)
	case has(0, "fLaC"):
		return newFLAC(file)
	case start == 0 && has(0, "OggS") && has(28, "\x01vorbis"):
		return newOgg(file)
	case start == 0 && has(0, "OggS") && len(head) == 36:
		return nil, fmt.Errorf("an Ogg file of %q, want one of Vorbis", head[28:])
	case start > 0, isMP3(head):
		return newMP3(file)
	}
	return nil, fmt.Errorf("a file that starts with %q, want WAV, FLAC, MP3 or Ogg Vorbis", head[:min(len(head), 12)])
}

// afterID3 returns where a file's sound starts: behind its ID3v2 tag, if it has
// one (id3.org/id3v2.4.0-structure).
func afterID3(file io.ReadSeeker, size int64) (int64, error) {
	head, err := peek(file, 0, 10)
	if err != nil || len(head) < 3 || string(head[:3]) != "ID3" {
		return 0, err
	}
	if len(head) < 10 {
		return 0, fmt.Errorf("ID3 tag of %d bytes, want at least 10: truncated", len(head))
	}
	length := int64(10)
	for i, b := range head[6:10] {
		if b >= 0x80 {
			return 0, fmt.Errorf("ID3 tag: byte %d of its size is %#x, want less than 0x80", i, b)
		}
		length += int64(b) << (7 * (3 - i))
	}
	if head[5]&0x10 != 0 {
		length += 10 // a footer
	}
	if length >= size {
		return 0, fmt.Errorf("ID3 tag of %d bytes in a file of %d: truncated", length, size)
	}
	return length, nil
}

// peek reads up to n bytes from a place in the file and goes back there.
func peek(file io.ReadSeeker, at int64, n int) ([]byte, error) {
	if _, err := file.Seek(at, io.SeekStart); err != nil {
		return nil, err
	}
	head := make([]byte, n)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	_, err = file.Seek(at, io.SeekStart)
	return head[:n], err
}
