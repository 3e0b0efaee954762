package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/mewkiz/flac"
	"github.com/mewkiz/flac/frame"
)

// flacFile decodes a FLAC file (RFC 9639) frame by frame; the library checks each
// frame's CRC. A frame has at most 65,535 samples a channel.
type flacFile struct {
	Format
	file  *bufio.Reader
	bits  uint8
	total int64 // samples a channel, 0 where the file does not say
	ticks int64 // decoded so far
	frame *frame.Frame
	next  int // sample of the frame not yet returned
}

// newFLAC starts at the file's place, where "fLaC" stands.
func newFLAC(file io.Reader) (*flacFile, error) {
	buffered := bufio.NewReaderSize(file, 1<<16)
	head, err := buffered.Peek(42)
	if err != nil {
		return nil, fmt.Errorf("FLAC: header of %d bytes, want 42: truncated", len(head))
	}
	// The library would believe the size of another block in this place.
	if block := string(head[4:8]); head[4]&0x7f != 0 || block[1:] != "\x00\x00\x22" {
		return nil, fmt.Errorf("FLAC: first block is of type %d with size %x, want 0 with size 000022", head[4]&0x7f, block[1:])
	}
	var stream *flac.Stream
	err = guard("FLAC", func() (err error) {
		stream, err = flac.New(buffered) // leaves buffered at the first frame
		return err
	})
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, errors.New("FLAC: metadata goes beyond the file: truncated")
	}
	if err != nil {
		return nil, fmt.Errorf("FLAC: %w", err)
	}
	info := stream.Info
	f := &flacFile{file: buffered, bits: info.BitsPerSample, total: int64(info.NSamples)}
	f.Format = Format{Name: "FLAC", Rate: int(info.SampleRate), Channels: int(info.NChannels)}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("FLAC: %w", err)
	}
	return f, nil
}

func (f *flacFile) format() Format { return f.Format }

func (f *flacFile) decode(block []float32) (int, error) {
	if f.frame == nil || f.next == int(f.frame.BlockSize) {
		if err := guard("FLAC", f.nextFrame); err != nil {
			return 0, err
		}
	}
	n := min(len(block)/f.Channels, int(f.frame.BlockSize)-f.next)
	scale := 1 / float64(int64(1)<<(f.bits-1))
	for c, channel := range f.frame.Subframes {
		for i, v := range channel.Samples[f.next : f.next+n] {
			block[i*f.Channels+c] = float32(float64(v) * scale)
		}
	}
	f.next += n
	return n * f.Channels, nil
}

// nextFrame decodes a frame and wants it to agree with the file's header.
func (f *flacFile) nextFrame() error {
	next, quiet, err := readFrame(f.file)
	if errors.Is(err, io.EOF) {
		if f.ticks < f.total {
			return fmt.Errorf("ends after %d samples, want %d: truncated", f.ticks, f.total)
		}
		return io.EOF
	}
	if err == nil {
		if next.BitsPerSample == 0 {
			next.BitsPerSample = f.bits
		}
		if err := f.agrees(next); err != nil {
			return fmt.Errorf("frame at sample %d: %w", f.ticks, err)
		}
		err = quiet.parse(next)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("frame at sample %d: truncated", f.ticks)
	}
	if err != nil {
		return fmt.Errorf("frame at sample %d: %w", f.ticks, err)
	}
	f.frame, f.next = next, 0
	f.ticks += int64(next.BlockSize)
	return nil
}

func (f *flacFile) agrees(next *frame.Frame) error {
	switch {
	case next.Channels.Count() != f.Channels:
		return fmt.Errorf("%d channels, want %d as in the header", next.Channels.Count(), f.Channels)
	case next.BitsPerSample != f.bits:
		return fmt.Errorf("%d bits, want %d as in the header", next.BitsPerSample, f.bits)
	case next.SampleRate != 0 && int(next.SampleRate) != f.Rate:
		return fmt.Errorf("%d Hz, want %d as in the header", next.SampleRate, f.Rate)
	case f.total > 0 && f.ticks+int64(next.BlockSize) > f.total:
		return fmt.Errorf("%d samples, want at most %d as in the header", next.BlockSize, f.total-f.ticks)
	}
	return nil
}

// guard turns a panic of a foreign decoder, which damaged data may bring about,
// into an error.
func guard(name string, decode func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: the %s decoder says %v", name, p)
		}
	}()
	return decode()
}
