package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
)

// line is one input, or why it could not be read.
type line struct {
	number int // from 1
	text   string
	bytes  int // read for it
	err    error
}

func argInputs(args []string) iter.Seq[line] {
	return func(yield func(line) bool) {
		for i, a := range args {
			if !yield(line{number: i + 1, text: a}) {
				return
			}
		}
	}
}

// readLines yields the lines of r. A line longer than limit bytes is skipped in
// bounded memory and yields an error of its own; an error of r ends the lines.
func readLines(r io.Reader, limit int) iter.Seq[line] {
	return func(yield func(line) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			text, size, err := readLine(br, limit)
			l := line{number: n, text: text, bytes: size}
			switch {
			case err == io.EOF && size == 0:
				return
			case err != nil && err != io.EOF:
				l.err = fmt.Errorf("read standard input: %w", err)
			case size > limit+1:
				l.err = fmt.Errorf("a line of %d bytes, want at most %d (--max-input raises it)", size, limit)
			}
			if !yield(l) || err != nil {
				return
			}
		}
	}
}

// readLine returns the next line without its end, at most limit bytes of it,
// and how many bytes it has.
func readLine(br *bufio.Reader, limit int) (text string, size int, err error) {
	var kept []byte
	for {
		part, err := br.ReadSlice('\n')
		size += len(part)
		if room := limit + 1 - len(kept); room > 0 {
			kept = append(kept, part[:min(len(part), room)]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		kept = bytes.TrimSuffix(bytes.TrimSuffix(kept, []byte("\n")), []byte("\r"))
		return string(kept), size, err
	}
}

func fields(text string) []string { return strings.Fields(text) }
