package sequence

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
)

// letters are pieces of which the first ones stand for the toy vocabulary too.
var letters = NewSpelling([]string{"a", "b", " a", "c", "d", "0", "7", " 7", ","})

// bare is what a token of letters is without a space.
var bare = []int32{0, 1, 0, 3, 4, 5, 6, 7, 8}

func isDigit(token int32) bool { return token == 5 || token == 6 }

// breaks says, from the definition, whether the last token of a text makes an
// n-gram, or a stretch of what is spelled, stand once too often.
func breaks(tokens []int32, inARow, inAll int) bool {
	return repeats(tokens, inARow, inAll) || goesRound(tokens, max(inARow, inAll))
}

// goesRound says whether what tokens spell ends with one stretch, with a letter in
// it, more than most times in a row.
func goesRound(tokens []int32, most int) bool {
	text := ""
	for _, token := range tokens {
		text += letters.pieces[token]
	}
	for p := 2; p*(most+1) <= len(text); p++ {
		circle := text[len(text)-p:]
		if strings.ContainsAny(circle, "abcd") && strings.HasSuffix(text, strings.Repeat(circle, most+1)) {
			return true
		}
	}
	return false
}

func repeats(tokens []int32, inARow, inAll int) bool {
	text := make([]int32, len(tokens))
	for i, token := range tokens {
		text[i] = bare[token]
	}
	number := func(gram []int32) bool { return !slices.ContainsFunc(gram, func(t int32) bool { return !isDigit(t) }) }
	for n := 1; n <= 3 && n <= len(text); n++ {
		last, times := text[len(text)-n:], 0
		for at := len(text) - n; at >= 0 && slices.Equal(text[at:at+n], last); at -= n {
			times++
		}
		if number(last) && times <= 12 {
			continue
		}
		if times > inARow {
			return true
		}
	}
	if len(text) < 4 || number(text[len(text)-4:]) {
		return false
	}
	times := 0
	for at := range len(text) - 3 {
		if slices.Equal(text[at:at+4], text[len(text)-4:]) {
			times++
		}
	}
	return times > inAll
}

// loops is a random text of many repetitions.
func loops(r *rand.Rand, vocabulary, length int) []int32 {
	var text []int32
	for len(text) < length {
		gram := make([]int32, 1+r.IntN(5))
		for i := range gram {
			gram[i] = r.Int32N(int32(vocabulary))
		}
		for range []int{1, 1, 2, 4, 6, 14}[r.IntN(6)] {
			text = append(text, gram...)
		}
	}
	return text[:length]
}

func TestForbiddenTokensBreakTheRule(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	some := 0
	for range 300 {
		text := loops(r, len(bare), 60)
		rule := NewRepeats(letters, nil)
		for end := range text {
			var want []int32
			for token := range int32(len(bare)) {
				if breaks(append(slices.Clone(text[:end]), token), 3, 3) {
					want = append(want, token)
				}
			}
			got := rule.Forbidden(nil, text[:end])
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("after %v: %v forbidden, want %v", text[:end], got, want)
			}
			some += len(want)
		}
	}
	if some < 1000 {
		t.Errorf("%d tokens were forbidden in all: this shows little", some)
	}
}

// TestLimits: what the source says how often, the output may say as often.
func TestLimits(t *testing.T) {
	const a, b, c, d, zero, seven, comma = 0, 1, 3, 4, 5, 6, 8
	for _, test := range []struct {
		source        []int32
		inARow, inAll int
	}{
		{nil, 3, 3},
		{[]int32{a, b, c, d}, 3, 3},
		{[]int32{a, a, a, a, a}, 5, 3},                                           // its 4-gram stands twice
		{[]int32{a, 2, a, 2, a, 2, a, 2}, 8, 5},                                  // spaces make no difference
		{[]int32{a, b, a, b, a, b, a, b, a}, 4, 3},                               // four times and a half
		{[]int32{a, b, c, a, b, c, a, b, c, a, b, c, a, b, c}, 5, 4},             // abca four times
		{[]int32{a, b, c, d, a, b, c, d, a, b, c, d, a, b, c, d, a}, 3, 4},       // longer grams are for the second rule
		{[]int32{a, b, c, d, 7, a, b, c, d, a, a, b, c, d, b, a, b, c, d}, 3, 4}, // and need not touch
		{[]int32{zero, zero, zero, zero, zero, zero, zero, zero}, 3, 3},          // a number allows nothing
		{[]int32{seven, zero, seven, zero, seven, zero, seven, zero, seven}, 3, 3},
		{[]int32{7, 7, 7, 7, 7, comma}, 5, 3}, // numbers of one digit are words
	} {
		if r := NewRepeats(letters, test.source); r.inARow != test.inARow || r.inAll != test.inAll {
			t.Errorf("source %v: %d in a row, %d in all; want %d, %d", test.source, r.inARow, r.inAll, test.inARow, test.inAll)
		}
	}
}

func TestNumbersMayRepeat(t *testing.T) {
	million := []int32{7, 5, 5, 5, 5, 5, 5}
	if got := NewRepeats(letters, nil).Forbidden(nil, million); len(got) != 0 {
		t.Errorf("after 7000000: %v forbidden, want none", got)
	}
	twelve := slices.Repeat([]int32{5}, 12)
	if got := NewRepeats(letters, nil).Forbidden(nil, twelve); !slices.Equal(got, []int32{5}) {
		t.Errorf("after twelve zeros: %v forbidden, want another", got)
	}
}

// TestIDsBeyondTheTable are tokens like others.
func TestIDsBeyondTheTable(t *testing.T) {
	if got := NewRepeats(letters, []int32{99, 1}).Forbidden(nil, []int32{99, 99, 99}); !slices.Equal(got, []int32{99}) {
		t.Errorf("%v forbidden, want 99", got)
	}
}

// TestGoldenRepeats compares with train/repeats.py.
func TestGoldenRepeats(t *testing.T) {
	data, err := os.ReadFile("testdata/repeats.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Pieces []string
		Cases  []struct {
			Source, Tokens []int32
			Forbidden      [][]int32 // after each token, sorted
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 40 {
		t.Fatalf("%d cases, want at least 40", len(golden.Cases))
	}
	spelling := NewSpelling(golden.Pieces)
	for i, c := range golden.Cases {
		rule := NewRepeats(spelling, c.Source)
		for end, want := range c.Forbidden {
			got := rule.Forbidden(nil, c.Tokens[:end+1])
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("case %d after %v: %v forbidden, want %v", i, c.Tokens[:end+1], got, want)
			}
		}
	}
}

// BenchmarkForbidden is what each hypothesis costs at each step.
func BenchmarkForbidden(b *testing.B) {
	pieces := strings.Fields("the of and a to in he was that it his is with as had for at by on not be but they you or which her have from all")
	for i := range pieces {
		pieces = append(pieces, " "+pieces[i])
	}
	r := rand.New(rand.NewPCG(1, 1))
	rule, ids := NewRepeats(NewSpelling(pieces), nil), make([]int32, 0, 8)
	written := make([]int32, 60)
	for i := range written {
		written[i] = r.Int32N(int32(len(pieces)))
	}
	for b.Loop() {
		ids = rule.Forbidden(ids[:0], written)
	}
}
