package audio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Encodings of samples in a WAV file: the tags of its "fmt " chunk.
const (
	tagPCM        = 1
	tagFloat      = 3
	tagExtensible = 0xfffe
)

// wavLayout is where a WAV file's samples lie and how they are encoded.
type wavLayout struct {
	Format
	float bool
	bytes int   // of a sample
	start int64 // of the samples, in the file
	ticks int64 // samples of each channel
}

// readRIFF walks the chunks of a WAV file up to its samples and wants each to lie
// within the file (Microsoft, Multimedia Programming Interface 1.0; RFC 2361). It
// allocates nothing that a size in the file could make large.
func readRIFF(file io.ReadSeeker, size int64) (w wavLayout, err error) {
	w.Name = "WAV"
	if size < 12 {
		return w, fmt.Errorf("%d bytes, want at least 12: truncated", size)
	}
	head, err := peek(file, 0, 12)
	if err != nil {
		return w, err
	}
	if riff := int64(binary.LittleEndian.Uint32(head[4:])); riff > size-7 { // the last chunk may lack its pad byte
		return w, fmt.Errorf(`chunk "RIFF": %d bytes, want at most %d: truncated`, riff, size-7)
	}
	known := false
	for at := int64(12); ; {
		head, err := peek(file, at, 8)
		if err != nil {
			return w, err
		}
		if len(head) < 8 {
			return w, errors.New(`no chunk "data": truncated`)
		}
		id, length := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		at += 8
		if length > size-at {
			return w, fmt.Errorf("chunk %q: %d bytes, want at most %d: truncated", id, length, size-at)
		}
		switch {
		case id == "fmt " && known:
			return w, errors.New(`chunk "fmt " a second time`)
		case id == "fmt ":
			if err := w.readFormat(file, at, length); err != nil {
				return w, fmt.Errorf(`chunk "fmt ": %w`, err)
			}
			known = true
		case id == "data" && !known:
			return w, errors.New(`chunk "data" before "fmt "`)
		case id == "data":
			w.start = at
			return w, w.count(length)
		}
		at += length + length%2 // chunks start at even places
	}
}

// readFormat reads the "fmt " chunk.
func (w *wavLayout) readFormat(file io.ReadSeeker, at, length int64) error {
	if length < 16 {
		return fmt.Errorf("%d bytes, want at least 16", length)
	}
	f, err := peek(file, at, int(min(length, 40)))
	if err != nil {
		return err
	}
	le := binary.LittleEndian
	tag, bits := le.Uint16(f), int(le.Uint16(f[14:]))
	w.Channels, w.Rate = int(le.Uint16(f[2:])), int(le.Uint32(f[4:]))
	if tag == tagExtensible {
		if len(f) < 40 {
			return fmt.Errorf("%d bytes, want at least 40 for EXTENSIBLE", length)
		}
		const rest = "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"
		if string(f[26:40]) != rest {
			return fmt.Errorf("sub-format %x, want PCM or float", f[24:40])
		}
		tag = le.Uint16(f[24:]) // its other bits say which of those stored are valid, from the top
	}
	switch {
	case tag == tagPCM && (bits == 8 || bits == 16 || bits == 24 || bits == 32):
	case tag == tagFloat && (bits == 32 || bits == 64):
		w.float = true
	case tag == tagPCM:
		return fmt.Errorf("PCM of %d bits, want 8, 16, 24 or 32", bits)
	case tag == tagFloat:
		return fmt.Errorf("float of %d bits, want 32 or 64", bits)
	default:
		return fmt.Errorf("encoding %d, want 1 (PCM) or 3 (float)", tag)
	}
	w.bytes = bits / 8
	if err := w.check(); err != nil {
		return err
	}
	if align := int(le.Uint16(f[12:])); align != w.bytes*w.Channels {
		return fmt.Errorf("%d bytes for %d channels of %d bits, want %d", align, w.Channels, bits, w.bytes*w.Channels)
	}
	return nil
}

// count wants the "data" chunk to hold whole samples.
func (w *wavLayout) count(length int64) error {
	align := int64(w.bytes * w.Channels)
	if length%align != 0 {
		return fmt.Errorf(`chunk "data": %d bytes, want a multiple of %d: truncated`, length, align)
	}
	w.ticks = length / align
	return nil
}
