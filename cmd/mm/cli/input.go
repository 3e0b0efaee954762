package cli

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
)

// line is one input, or why there is none.
type line struct {
	number int // from 1
	text   string
	bytes  int   // read for it
	err    error // of this line alone
	broken error // of the reader: no line came, and none will
}

func argLines(args []string) iter.Seq[line] {
	return func(yield func(line) bool) {
		for i, a := range args {
			if !yield(line{number: i + 1, text: a}) {
				return
			}
		}
	}
}

// readLines yields the lines of r. A line longer than limit bytes is skipped in
// bounded memory and yields an error of its own; an error of r, which goes by that
// name, ends the lines.
func readLines(r io.Reader, name string, limit int) iter.Seq[line] {
	return func(yield func(line) bool) {
		br := bufio.NewReaderSize(r, 64<<10)
		for n := 1; ; n++ {
			text, size, err := readLine(br, limit)
			l := line{number: n, text: text, bytes: size}
			switch {
			case err == io.EOF && size == 0:
				return
			case err != nil && err != io.EOF:
				l = line{number: n, broken: fmt.Errorf("read %s: %w", name, err)}
			case len(text) > limit:
				l.err = fmt.Errorf("a line of %d bytes, want at most %d (--max-input raises it)", size, limit)
				l.text = ""
			}
			if !yield(l) || err != nil {
				return
			}
		}
	}
}

// readLine returns the next line without its end and how many bytes were read
// for it. Of a line longer than limit it returns just enough to tell.
func readLine(br *bufio.Reader, limit int) (text string, size int, err error) {
	keep := limit + len("\r\n")
	var kept []byte
	for {
		part, err := br.ReadSlice('\n')
		size += len(part)
		if room := keep + 1 - len(kept); room > 0 {
			kept = append(kept, part[:min(len(part), room)]...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if rest, ended := bytes.CutSuffix(kept, []byte("\n")); ended {
			kept = bytes.TrimSuffix(rest, []byte("\r"))
		}
		return string(kept), size, err
	}
}
