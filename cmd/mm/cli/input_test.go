package cli

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
)

// FuzzReadLines compares the reader in bounded memory with a split of the whole
// text, however the text arrives.
func FuzzReadLines(f *testing.F) {
	for _, text := range []string{"", "\n", "a", "a\nb", "a\r\nb\r\n", "\r", "\r\r\n", "abcdef\nabcde\nabcdefg\r\nabcde\r\n", "\x00\xff\n"} {
		f.Add([]byte(text), 5)
	}
	f.Fuzz(func(t *testing.T, text []byte, limit int) {
		if limit < 1 || limit > 1<<20 {
			t.Skip("the flag takes no such limit")
		}
		var want []string
		size := 0
		for l := range bytes.Lines(text) {
			l, ended := bytes.CutSuffix(l, []byte("\n"))
			if ended {
				l = bytes.TrimSuffix(l, []byte("\r"))
			}
			if len(l) > limit {
				want = append(want, fmt.Sprintf("over %d", limit))
			} else {
				want = append(want, "is "+string(l))
			}
		}
		var got []string
		for l := range readLines(iotest.OneByteReader(bytes.NewReader(text)), "it", limit) {
			switch {
			case l.broken != nil || l.number != len(got)+1:
				t.Fatalf("line %d is numbered %d, broken: %v", len(got)+1, l.number, l.broken)
			case l.err != nil:
				got = append(got, fmt.Sprintf("over %d", limit))
			default:
				got = append(got, "is "+l.text)
			}
			size += l.bytes
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") || len(got) != len(want) {
			t.Errorf("lines of %q at limit %d are %q, want %q", text, limit, got, want)
		}
		if size != len(text) {
			t.Errorf("%d bytes counted for %q, want %d", size, text, len(text))
		}
	})
}
