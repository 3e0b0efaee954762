package mm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mm-runtime/mm/encoders/audio"
	listen "github.com/mm-runtime/mm/internal/media/audio"
)

// soundFile is a sound of a call.
type soundFile struct {
	m        *Model
	c        *call
	segments *listen.Segments // nil before the first
	ended    bool
}

const (
	// frameTime is what a log-mel frame stands for.
	frameTime = time.Second * listen.MelHop / listen.Rate
	// shortestSpeech is a tenth of a second, in frames: no word is shorter.
	shortestSpeech = 10
	// maxUnseekable is the most bytes that are read from a stream into memory.
	maxUnseekable = 64 << 20
	// longestCount is up to how many windows a sound that is too long is measured.
	longestCount = 10
)

func (s *soundFile) next(ctx context.Context) (part, error) {
	if s.ended {
		return part{}, io.EOF
	}
	if s.segments == nil {
		if err := s.open(); err != nil {
			return part{}, named(s.c.in.Audio, err)
		}
	}
	seg, err := s.heard(ctx)
	if err != nil {
		return part{}, err
	}
	frames := audio.Frames(seg.Mel)
	if s.c.task.head != nil {
		if err := s.isWhole(ctx, seg); err != nil {
			return part{}, err
		}
		s.ended = true
	}
	if err := s.m.gates.line.enter(ctx); err != nil {
		return part{}, err
	}
	r := newRequest(ctx, s.c.task)
	r.frames, r.line = frames, s.m.gates.line
	rows := audio.Rows(len(frames) / audio.Bands)
	r.rows += rows
	if s.c.task.head == nil {
		s.m.write(r, s.c.in, min(rows+16, s.m.ckpt.Config.Model.MaxPositions)) // nobody speaks faster
	}
	return part{request: r, start: seg.Start, end: seg.End}, nil
}

func (s *soundFile) open() error {
	file, err := seekable(s.c.in.Audio)
	if err != nil {
		return err
	}
	s.segments, err = listen.NewSegments(file, s.m.ckpt.Config.Model.Audio.Window)
	return err
}

// seekable makes a file of what cannot seek, such as a pipe.
func seekable(r io.Reader) (io.ReadSeeker, error) {
	if file, ok := r.(io.ReadSeeker); ok {
		if _, err := file.Seek(0, io.SeekCurrent); err == nil {
			return file, nil
		}
	}
	data, err := io.ReadAll(io.LimitReader(r, maxUnseekable+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxUnseekable {
		return nil, fmt.Errorf("a stream of more than %d bytes, want at most that, or an io.ReadSeeker such as a file", maxUnseekable)
	}
	return bytes.NewReader(data), nil
}

// heard returns the next segment in which there may be a word. For a class all
// count.
func (s *soundFile) heard(ctx context.Context) (listen.Segment, error) {
	for {
		if err := ctx.Err(); err != nil {
			return listen.Segment{}, err
		}
		if s.m.engine.isClosing() { // nothing may have to be submitted for long
			return listen.Segment{}, ErrClosed
		}
		seg, err := s.segments.Next()
		if err != nil && !errors.Is(err, io.EOF) {
			err = named(s.c.in.Audio, err)
		}
		if err == nil && seg.Silent && s.c.task.head != nil {
			s.c.notices = append(s.c.notices, "there is nothing to hear in the sound")
		}
		if err != nil || s.c.task.head != nil || !seg.Silent && seg.Frames() >= shortestSpeech {
			return seg, err
		}
	}
}

// isWhole wants the sound to end with its first segment.
func (s *soundFile) isWhole(ctx context.Context, seg listen.Segment) error {
	window := time.Duration(s.m.ckpt.Config.Model.Audio.Window) * frameTime
	length, more := seg.End, ""
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		next, err := s.segments.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return named(s.c.in.Audio, err)
		}
		if length = next.End; length > longestCount*window {
			more = "at least "
			break
		}
	}
	if length > seg.End {
		return named(s.c.in.Audio, fmt.Errorf("a sound of %s%v, want at most %v", more, length, window))
	}
	return nil
}
