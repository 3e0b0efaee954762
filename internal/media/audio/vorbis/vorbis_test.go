package vorbis

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// bitWriter is the reverse of bitReader.
type bitWriter struct {
	data []byte
	at   int
}

func (w *bitWriter) write(v uint64, n int) *bitWriter {
	for i := range n {
		if w.at%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.at/8] |= byte(v>>i&1) << (w.at % 8)
		w.at++
	}
	return w
}

func TestBitReader(t *testing.T) {
	w := &bitWriter{}
	values := []struct {
		v uint64
		n int
	}{{1, 1}, {0x2a, 6}, {0xdeadbeef, 32}, {0, 0}, {5, 3}, {0x7fffffff, 31}, {0xabc, 12}}
	for _, c := range values {
		w.write(c.v, c.n)
	}
	b := &bitReader{data: w.data}
	for i, c := range values {
		if got := b.read(c.n); uint64(got) != c.v {
			t.Errorf("value %d is %#x, want %#x", i, got, c.v)
		}
	}
	if b.read(8); !b.over || b.read(1) != 0 {
		t.Error("beyond the end: want zeros and to know")
	}
}

// TestMDCT compares with the definition.
func TestMDCT(t *testing.T) {
	r := rand.New(rand.NewPCG(1706, 0))
	for _, n := range []int{64, 128, 256, 2048} {
		coeffs := make([]float32, n/2)
		for k := range coeffs {
			coeffs[k] = float32(r.NormFloat64())
		}
		block := make([]float32, n)
		newMDCT(n).inverse(block, coeffs)
		for i, got := range block {
			want := 0.0
			for k, x := range coeffs {
				want += float64(x) * math.Cos(2*math.Pi/float64(n)*(float64(i)+0.5+float64(n)/4)*(float64(k)+0.5))
			}
			if math.Abs(float64(got)-want) > 1e-5*float64(n) {
				t.Fatalf("%d samples: sample %d is %g, want %g", n, i, got, want)
			}
		}
	}
}

// TestCodewords decodes the specification's example (section 3.2.1): lengths 2, 4,
// 4, 4, 4, 2, 3, 3 give 00, 0100, 0101, 0110, 0111, 10, 110 and 111.
func TestCodewords(t *testing.T) {
	var c codebook
	if err := c.grow([]uint8{2, 4, 4, 4, 4, 2, 3, 3}); err != nil {
		t.Fatal(err)
	}
	for entry, word := range []string{"00", "0100", "0101", "0110", "0111", "10", "110", "111"} {
		w := &bitWriter{}
		for _, bit := range word {
			w.write(uint64(bit-'0'), 1)
		}
		if got := c.decode(&bitReader{data: w.data}); got != entry {
			t.Errorf("%s is entry %d, want %d", word, got, entry)
		}
	}
	for _, wrong := range []struct {
		lengths []uint8
		want    string
	}{{[]uint8{1, 1, 1}, "more codewords"}, {[]uint8{2, 2, 2}, "fewer codewords"}, {[]uint8{1, 2, 2, 32}, "more codewords"}} {
		if err := new(codebook).grow(wrong.lengths); err == nil || !strings.Contains(err.Error(), wrong.want) {
			t.Errorf("lengths %v: error %v, want one with %q", wrong.lengths, err, wrong.want)
		}
	}
	if err := new(codebook).grow([]uint8{0, 1, 0}); err != nil {
		t.Errorf("a single codeword: %v", err)
	}
}

func TestCodebookRejects(t *testing.T) {
	book := func(entries, dims uint64) *bitWriter {
		return (&bitWriter{}).write(0x564342, 24).write(dims, 16).write(entries, 24)
	}
	for _, c := range []struct {
		name string
		w    *bitWriter
		want string
	}{
		{"sync", (&bitWriter{}).write(1, 24), "starts with 0x1, want 0x564342"},
		{"entries", book(1<<24-1, 1), "16777215 entries of 1 dimensions"},
		{"no entries", book(0, 1), "0 entries"},
		{"cut", book(100, 1).write(0, 2), "code lengths: truncated"},
		{"ordered", book(4, 1).write(1, 1).write(0, 5).write(7, 3), "code lengths: 7 of length 1, want at most 4"},
		{"values", book(2, 60000).write(0, 2).write(0, 10).write(2, 4).write(0, 32).write(0, 32).write(15, 4).write(0, 1), "120000 values of 16 bits: truncated"},
		{"lookup", book(2, 1).write(0, 2).write(0, 10).write(3, 4).write(0, 69), "lookup 3"},
	} {
		err := new(codebook).read(&bitReader{data: c.w.data}, &budget{maxEntries, maxValues})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for x, want := range map[uint32]float64{0: 0, 788<<21 | 3: 3, 1<<31 | 788<<21 | 3: -3, 786<<21 | 1: 0.25} {
		if got := float32Unpack(x); got != want {
			t.Errorf("%#x is %g, want %g", x, got, want)
		}
	}
	for _, c := range [][3]int{{81, 4, 3}, {80, 4, 2}, {1, 3, 1}, {256, 1, 256}, {255, 2, 15}, {5, 60000, 1}} {
		if got := lookup1Values(c[0], c[1]); got != c[2] {
			t.Errorf("lookup1Values(%d, %d) is %d, want %d", c[0], c[1], got, c[2])
		}
	}
	if gains[255] != 1 || math.Abs(float64(gains[0])/1.0649863e-07-1) > 1e-6 {
		t.Errorf("gains from %g to %g, want 1.0649863e-07 to 1", gains[0], gains[255])
	}
}

func TestIdentificationRejects(t *testing.T) {
	header := func(version, channels, rate, blocks, framing byte) []byte {
		h := append([]byte("\x01vorbis"), version, 0, 0, 0, channels, rate, 0, 0, 0)
		return append(append(h, make([]byte, 12)...), blocks, framing)
	}
	for _, c := range []struct {
		name   string
		packet []byte
		want   string
	}{
		{"empty", nil, "0 bytes, want 30: truncated"},
		{"other", make([]byte, 30), "want \"\\x01vorbis\""},
		{"version", header(1, 1, 1, 0x86, 1), "version 1, want 0"},
		{"channels", header(0, 0, 1, 0x86, 1), "0 channels, 1 Hz"},
		{"rate", header(0, 1, 0, 0x86, 1), "1 channels, 0 Hz"},
		{"blocks", header(0, 1, 1, 0xf6, 1), "blocks of 2^6 and 2^15 samples"},
		{"order", header(0, 1, 1, 0x68, 1), "blocks of 2^8 and 2^6 samples"},
		{"framing", header(0, 1, 1, 0x86, 0), "no framing bit"},
		{"setup", header(0, 1, 1, 0x86, 1), "setup header: \"\""},
	} {
		if _, err := NewDecoder(c.packet, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.name, err, c.want)
		}
	}
}
