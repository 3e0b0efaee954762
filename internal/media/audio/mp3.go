package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/hajimehoshi/go-mp3"
)

// mp3Delay is what every decoder adds before the first sample.
const mp3Delay = 529

// mp3File decodes an MP3 file with go-mp3, which takes the end of the data and
// some kinds of damage alike for the end of the sound. So the frames are walked
// first (mpegFrames), and what comes out is counted.
type mp3File struct {
	Format
	frames  *mpegFrames
	library *mp3.Decoder // yields two channels of 16 bits, whatever is stored
	tag     mp3Tag
	decoded int64 // samples a channel
	buffer  []byte
}

// mp3Tag is what the first frame, if it is no sound, says of the others (Xing and
// LAME tags).
type mp3Tag struct {
	present    bool
	frames     int64 // 0 where it does not say
	start, end int64 // of the sound among the decoded samples, less the padding
}

// newMP3 starts at the file's place, behind an ID3 tag.
func newMP3(file io.Reader) (*mp3File, error) {
	m := &mp3File{frames: &mpegFrames{file: bufio.NewReaderSize(file, 1<<16)}}
	err := m.frames.next()
	if err == nil {
		m.tag = readMP3Tag(m.frames.frame, m.frames.kind)
		if m.tag.present {
			m.frames.count, m.frames.past = 0, reservoir{}
			err = m.frames.next()
		}
	}
	if errors.Is(err, io.EOF) {
		err = errors.New("0 frames, want at least 1")
	}
	if err == nil {
		kind := m.frames.kind
		m.Format = Format{Name: "MP3", Rate: kind.rate, Channels: kind.channels}
		err = m.check()
	}
	if err == nil {
		err = guard("MP3", func() (err error) {
			m.library, err = mp3.NewDecoder(m.frames)
			return err
		})
	}
	if err != nil {
		return nil, fmt.Errorf("MP3: %w", err)
	}
	return m, nil
}

// readMP3Tag reads the tag that encoders put into the main data of a first,
// silent frame.
func readMP3Tag(frame []byte, h mpegHeader) mp3Tag {
	t := mp3Tag{end: math.MaxInt64}
	at := 4 + h.sideSize()
	if len(frame) < at+8 {
		return t
	}
	if id := string(frame[at : at+4]); id != "Xing" && id != "Info" {
		return t
	}
	t.present = true
	flags := binary.BigEndian.Uint32(frame[at+4:])
	at += 8
	sizes := [4]int{4, 4, 100, 4} // frames, bytes, places, quality
	for bit, size := range sizes {
		if flags>>bit&1 == 0 {
			continue
		}
		if len(frame) < at+size {
			return t
		}
		if bit == 0 {
			t.frames = int64(binary.BigEndian.Uint32(frame[at:]))
		}
		at += size
	}
	if len(frame) < at+24 || t.frames == 0 {
		return t
	}
	switch string(frame[at : at+4]) {
	case "LAME", "Lavc", "Lavf":
		gaps := int64(binary.BigEndian.Uint32(frame[at+20:])) // its last three bytes: 12 bits each
		t.start = gaps>>12&0xfff + mp3Delay
		t.end = t.frames*int64(h.ticks()) - max(gaps&0xfff-mp3Delay, 0)
	}
	return t
}

func (m *mp3File) format() Format { return m.Format }

func (m *mp3File) decode(block []float32) (int, error) {
	for {
		ticks, err := m.read(len(block) / m.Channels)
		if err != nil {
			return 0, err
		}
		first := m.decoded
		m.decoded += int64(ticks)
		from := min(max(m.tag.start-first, 0), int64(ticks))
		to := max(min(m.tag.end-first, int64(ticks)), from)
		n := 0
		for at := 4 * from; at < 4*to; at += 4 {
			for c := range m.Channels { // of one channel, the library makes two
				block[n] = float32(int16(binary.LittleEndian.Uint16(m.buffer[at+int64(2*c):]))) / (1 << 15)
				n++
			}
		}
		if n > 0 {
			return n, nil
		}
	}
}

// read fills the buffer with up to ticks samples of both channels.
func (m *mp3File) read(ticks int) (int, error) {
	if len(m.buffer) < 4*ticks {
		m.buffer = make([]byte, 4*ticks)
	}
	var n int
	err := guard("MP3", func() (err error) {
		n, err = io.ReadFull(m.library, m.buffer[:4*ticks])
		return err
	})
	n /= 4
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) && n > 0 {
		err = nil
	}
	if errors.Is(err, io.EOF) {
		return 0, m.checkEnd()
	}
	return n, err
}

// checkEnd returns io.EOF, or what is missing.
func (m *mp3File) checkEnd() error {
	if want := m.frames.count * int64(m.frames.kind.ticks()); !m.frames.ended || m.decoded < want {
		return fmt.Errorf("frame %d: damaged", m.decoded/int64(m.frames.kind.ticks()))
	}
	if m.frames.count+1 < m.tag.frames { // some count the tag's frame too
		return fmt.Errorf("%d frames, want %d: truncated", m.frames.count, m.tag.frames)
	}
	return io.EOF
}
