package audio

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/mm-runtime/mm/internal/media/audio/vorbis"
)

// vorbisFile decodes an Ogg Vorbis file. The places of its pages say where the
// sound begins and ends; the last block may reach beyond.
type vorbisFile struct {
	Format
	packets *oggPackets
	library *vorbis.Decoder
	block   [][]float32 // by channel
	next    int         // sample of the block not yet returned
	ticks   int64       // decoded so far
	base    int64       // place of the first sample
	placed  bool        // base is known
}

func newOgg(file io.Reader) (*vorbisFile, error) {
	v := &vorbisFile{packets: &oggPackets{file: bufio.NewReaderSize(file, 1<<16)}}
	if err := v.readHeaders(); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("ends inside the headers: truncated")
		}
		return nil, fmt.Errorf("Ogg Vorbis: %w", err)
	}
	return v, nil
}

func (v *vorbisFile) readHeaders() error {
	packet, _, err := v.packets.next()
	if err != nil {
		return err
	}
	identification := append([]byte(nil), packet...)
	v.packets.skipping = true // comments, of any size
	if _, _, err = v.packets.next(); err != nil {
		return err
	}
	v.packets.skipping = false
	setup, _, err := v.packets.next()
	if err != nil {
		return err
	}
	if v.library, err = vorbis.NewDecoder(identification, setup); err != nil {
		return err
	}
	v.Format = Format{Name: "Ogg Vorbis", Rate: v.library.Rate, Channels: v.library.Channels}
	return v.check()
}

func (v *vorbisFile) format() Format { return v.Format }

func (v *vorbisFile) decode(block []float32) (int, error) {
	for len(v.block) == 0 || v.next == len(v.block[0]) {
		if err := v.nextBlock(); err != nil {
			return 0, err
		}
	}
	n := min(len(block)/v.Channels, len(v.block[0])-v.next)
	for c, samples := range v.block {
		for i, x := range samples[v.next : v.next+n] {
			block[i*v.Channels+c] = x
		}
	}
	v.next += n
	return n * v.Channels, nil
}

// nextBlock decodes a packet and cuts off what lies beyond the sound's end.
func (v *vorbisFile) nextBlock() error {
	packet, end, err := v.packets.next()
	if err != nil {
		return err
	}
	v.next = 0
	if v.block, err = v.library.Decode(packet); err != nil {
		return fmt.Errorf("packet at sample %d: %w", v.ticks, err)
	}
	n := int64(len(v.block[0]))
	v.ticks += n
	if end < 0 {
		return nil
	}
	last := v.packets.last
	if !v.placed {
		v.placed = true
		if !last {
			v.base = max(end-v.ticks, 0)
		}
	}
	if beyond := v.ticks - (end - v.base); last && beyond > 0 {
		for c := range v.block {
			v.block[c] = v.block[c][:max(n-beyond, 0)]
		}
	} else if beyond < 0 {
		return fmt.Errorf("%d samples, want %d: some are missing", v.ticks, end-v.base)
	}
	return nil
}
