package token

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"
)

const baseRanks = 8192

func base(t testing.TB) *Tokenizer {
	t.Helper()
	table, err := os.ReadFile("../../models/base/tokenizer.tiktoken")
	if err != nil {
		t.Fatal(err)
	}
	tok, err := Load(table, Vocabulary{Ranks: baseRanks})
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestGolden compares with train/tokenizer.py; the file names the command that
// made it.
func TestGolden(t *testing.T) {
	data, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Text    string
			IDs     []int32
			Decoded string
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 60 {
		t.Fatalf("%d cases, want at least 60", len(golden.Cases))
	}
	tok := base(t)
	for _, c := range golden.Cases {
		ids, err := tok.Encode(c.Text)
		if err != nil || !slices.Equal(ids, c.IDs) {
			t.Errorf("Encode(%q) = %v, %v; want %v", c.Text, ids, err, c.IDs)
		}
		if got := tok.Decode(c.IDs); got != c.Decoded {
			t.Errorf("Decode(ids of %q) = %q, want %q", c.Text, got, c.Decoded)
		}
		if got := tok.Decode(ids); got != Normalize(c.Text) {
			t.Errorf("Decode(Encode(%q)) = %q, want %q", c.Text, got, Normalize(c.Text))
		}
	}
}

func TestEncodeInvalidUTF8(t *testing.T) {
	tok := base(t)
	for text, want := range map[string]string{
		"\xff":           "byte 0xff at offset 0",
		"gr\xfc\xdf":     "byte 0xfc at offset 2",
		"ä\xe2\x82":      "byte 0xe2 at offset 2",
		"\ufffd ok \xc0": "byte 0xc0 at offset 7",
		"\xed\xa0\x80":   "byte 0xed at offset 0", // a surrogate
	} {
		if ids, err := tok.Encode(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Encode(%q) = %v, %v; want an error with %q", text, ids, err, want)
		}
	}
}

func TestDecodeOddIDs(t *testing.T) {
	tok := base(t)
	bytes := func(text string) (ids []int32) {
		for _, b := range []byte(text) {
			ids = append(ids, int32(slices.Index(tok.pieces, string([]byte{b}))))
		}
		return ids
	}
	hello, err := tok.Encode("Hello")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		ids  []int32
		want string
	}{
		{"none", nil, ""},
		{"beyond the ranks", slices.Concat([]int32{-1, baseRanks, 1 << 30}, hello, []int32{baseRanks + 5}), "Hello"},
		{"a cut rune at the end", bytes("a\xe2\x82"), "a\ufffd"},
		{"a cut rune inside", bytes("\xe2\x82A"), "\ufffdA"},
		{"stray continuation bytes", bytes("\x80\x80"), "\ufffd\ufffd"},
		{"a rune in four pieces", bytes("😀"), "😀"},
		{"a real U+FFFD", bytes("\ufffd"), "\ufffd"},
		{"white space around", bytes(" \t a  b \n"), "a  b"},
	} {
		if got := tok.Decode(c.ids); got != c.want {
			t.Errorf("%s: Decode = %q, want %q", c.name, got, c.want)
		}
	}
	if got := tok.Piece(baseRanks); got != "" {
		t.Errorf("Piece(%d) = %q, want none", baseRanks, got)
	}
}

func TestStreamYieldsWholeRunes(t *testing.T) {
	tok := base(t)
	for _, text := range []string{"Ünïcödé 😀 日本語", "L’été à Nîmes, 12 €", "a  b"} {
		ids, err := tok.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		s := tok.Stream()
		for range 2 { // Flush makes a Stream as new
			var out strings.Builder
			for _, id := range ids {
				part := s.Add(id)
				if !utf8.ValidString(part) {
					t.Errorf("%q: Add(%d) = %q cuts a rune", text, id, part)
				}
				out.WriteString(part)
			}
			out.WriteString(s.Flush())
			if out.String() != tok.Decode(ids) {
				t.Errorf("streamed %q, want %q", out.String(), tok.Decode(ids))
			}
		}
	}
}

// TestLongWords: time grows with the length, not its square (a library call on
// the whole takes minutes), and the text survives.
func TestLongWords(t *testing.T) {
	tok := base(t)
	for _, sign := range []string{"x", "ß", "!", "'", "語", "😀", "7", "a'", "\u0301"} {
		text := strings.Repeat(sign, 1<<18/len(sign))
		start := time.Now()
		ids, err := tok.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("256 KiB of %q took %v", sign, took)
		}
		if got := tok.Decode(ids); got != Normalize(text) {
			t.Errorf("256 KiB of %q does not come back", sign)
		}
	}
	for _, n := range []int{maxWord - 1, maxWord} { // still one word
		text := strings.Repeat("ab", n)[:n]
		if got := beforeLongWord(" " + text + "'" + " end"); got != n+6 {
			t.Errorf("a word of %d bytes is cut at %d", n, got)
		}
	}
	if got := beforeLongWord(" " + strings.Repeat("a", maxWord+1)); got != maxWord+1 {
		t.Errorf("a word of %d bytes is cut at %d, want %d", maxWord+1, got, maxWord+1)
	}
}

func TestConcurrentUse(t *testing.T) {
	tok := base(t)
	want, err := tok.Encode("The same text from many goroutines.")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				ids, err := tok.Encode("The same text from many goroutines.")
				if err != nil || !slices.Equal(ids, want) {
					t.Errorf("Encode = %v, %v; want %v", ids, err, want)
				}
			}
		})
	}
	wg.Wait()
}

func TestLoadRejects(t *testing.T) {
	var lines []string
	for b := range 256 {
		lines = append(lines, fmt.Sprintf("%s %d", b64(string([]byte{byte(b)})), b))
	}
	with := func(extra ...string) string { return strings.Join(append(slices.Clone(lines), extra...), "\n") }
	for _, c := range []struct {
		name, table string
		ranks       int
		want        string
	}{
		{"empty", "", 256, "0 ranks, want 256"},
		{"too few", with(), 257, "256 ranks, want 257"},
		{"too many", with("YWI= 256"), 256, "line 257: rank 256, want 0 to 255"},
		{"no rank", with("YWI="), 257, "line 257: 1 fields"},
		{"not base64", with("*** 256"), 257, `"***" is not base64`},
		{"not a number", with("YWI= x"), 257, `rank "x"`},
		{"negative", with("YWI= -1"), 257, "rank -1"},
		{"rank twice", with("YWI= 7"), 257, "rank 7 a second time"},
		{"piece twice", with("QQ== 256"), 257, `"A" is rank 65 already`},
		{"byte missing", strings.Replace(with(), "QQ== 65", "YWI= 65", 1), 256, "no rank for the byte 0x41"},
		{"long piece", with(b64(strings.Repeat("a", maxPiece+1)) + " 256"), 257, "a piece of 257 bytes"},
		{"long line", with(strings.Repeat("a", 1<<17)), 257, "too long"},
		{"no ranks wanted", with(), 0, "0 ranks, want 256 to"},
	} {
		_, err := Load([]byte(c.table), Vocabulary{Ranks: c.ranks})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
	if _, err := Load([]byte(with()), Vocabulary{Ranks: 256}); err != nil {
		t.Errorf("the smallest table: %v", err)
	}
}

func FuzzEncode(f *testing.F) {
	for _, text := range []string{"", " ", "Hello, wörld!", "a\u0301\u200d😀", "\xff", "don't  stop", strings.Repeat("x", 600)} {
		f.Add(text)
	}
	tok := base(f)
	f.Fuzz(func(t *testing.T, text string) {
		ids, err := tok.Encode(text)
		if !utf8.ValidString(text) {
			if err == nil {
				t.Fatalf("Encode(%q): no error", text)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if id < 0 || int(id) >= len(tok.pieces) {
				t.Fatalf("Encode(%q): id %d, want 0 to %d", text, id, len(tok.pieces)-1)
			}
		}
		if got, want := tok.Decode(ids), Normalize(text); got != want {
			t.Fatalf("Decode(Encode(%q)) = %q, want %q", text, got, want)
		}
	})
}
