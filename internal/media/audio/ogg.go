package audio

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxPacket bounds a packet; those of real sounds have a few kilobytes, setup
// headers less than ten times that.
const maxPacket = 1 << 20

// oggPackets takes the packets of one stream from an Ogg file (RFC 3533). Pages
// of other streams are skipped. It wants every page's checksum to fit, no page to
// be missing, and the last one to be marked as such.
type oggPackets struct {
	file     *bufio.Reader
	serial   uint32
	pages    uint32 // of the stream, read so far
	page     [255 + 27]byte
	lacing   []byte // sizes of the pieces still in the page
	body     []byte
	last     bool // the page is marked as the stream's last
	end      int64
	packet   []byte
	skipping bool // drop the packets' bytes
}

// next returns the next packet, good until the next call, and the place of its
// end in the stream in samples, where the page says so: -1 elsewhere. io.EOF
// comes after the last page.
func (o *oggPackets) next() (packet []byte, end int64, err error) {
	o.packet = o.packet[:0]
	for begun := false; ; {
		if len(o.lacing) == 0 {
			if o.last && o.pages > 0 {
				if begun {
					return nil, 0, fmt.Errorf("page %d: ends inside a packet: truncated", o.pages-1)
				}
				return nil, 0, io.EOF
			}
			if err := o.nextPage(begun); err != nil {
				return nil, 0, err
			}
			continue
		}
		begun = true
		n := int(o.lacing[0])
		o.lacing = o.lacing[1:]
		if !o.skipping {
			o.packet = append(o.packet, o.body[:n]...)
		}
		o.body = o.body[n:]
		if len(o.packet) > maxPacket {
			return nil, 0, fmt.Errorf("page %d: packet of more than %d bytes, want at most that", o.pages-1, maxPacket)
		}
		if n == 255 {
			continue
		}
		for _, n := range o.lacing {
			if n < 255 {
				return o.packet, -1, nil // the page's place is that of a later packet
			}
		}
		return o.packet, o.end, nil
	}
}

// nextPage reads the stream's next page.
func (o *oggPackets) nextPage(continues bool) error {
	for {
		ours, err := o.readPage()
		if errors.Is(err, io.EOF) {
			err = errors.New("no last page: truncated")
		}
		if err != nil {
			return fmt.Errorf("page %d: %w", o.pages, err)
		}
		if !ours {
			continue
		}
		if got := binary.LittleEndian.Uint32(o.page[18:]); got != o.pages {
			return fmt.Errorf("page %d: is number %d: some are missing", o.pages, got)
		}
		if (o.page[5]&1 == 1) != continues {
			return fmt.Errorf("page %d: goes on with a packet: %t, want %t", o.pages, !continues, continues)
		}
		o.pages++
		o.last = o.page[5]&4 != 0
		o.end = int64(binary.LittleEndian.Uint64(o.page[6:]))
		return nil
	}
}

// readPage reads a page of any stream; it tells whether it is one of ours.
func (o *oggPackets) readPage() (ours bool, err error) {
	if n, err := io.ReadFull(o.file, o.page[:27]); err != nil {
		if n > 0 {
			err = fmt.Errorf("%d bytes, want at least 27: truncated", n)
		}
		return false, err
	}
	if string(o.page[:5]) != "OggS\x00" {
		return false, fmt.Errorf(`starts with %q, want "OggS\x00"`, o.page[:5])
	}
	lacing := o.page[27 : 27+int(o.page[26])]
	if _, err := io.ReadFull(o.file, lacing); err != nil {
		return false, errors.New("segment table: truncated")
	}
	size := 0
	for _, n := range lacing {
		size += int(n)
	}
	if cap(o.body) < size {
		o.body = make([]byte, 255*255)
	}
	body := o.body[:size]
	if n, err := io.ReadFull(o.file, body); err != nil {
		return false, fmt.Errorf("%d bytes, want %d: truncated", n, size)
	}
	want := binary.LittleEndian.Uint32(o.page[22:])
	clear(o.page[22:26])
	if got := oggCRC(oggCRC(0, o.page[:27+len(lacing)]), body); got != want {
		return false, fmt.Errorf("CRC %#08x, want %#08x", want, got)
	}
	serial := binary.LittleEndian.Uint32(o.page[14:])
	if o.pages == 0 {
		o.serial = serial
	}
	if serial != o.serial {
		return false, nil
	}
	o.lacing, o.body = lacing, body
	return true, nil
}

// oggTable is of the polynomial 0x04c11db7, most significant bit first.
var oggTable = func() (table [256]uint32) {
	for i := range table {
		crc := uint32(i) << 24
		for range 8 {
			crc = crc<<1 ^ 0x04c11db7*(crc>>31)
		}
		table[i] = crc
	}
	return table
}()

func oggCRC(crc uint32, data []byte) uint32 {
	for _, b := range data {
		crc = crc<<8 ^ oggTable[byte(crc>>24)^b]
	}
	return crc
}
