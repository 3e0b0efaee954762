package letters

import (
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mm-runtime/mm/decoders/sequence"
	"github.com/mm-runtime/mm/internal/checkpoint"
	"github.com/mm-runtime/mm/internal/golden"
)

const (
	sensesDir = "../../testdata/senses"
	english   = " 'abcdefghijklmnopqrstuvwxyz"
)

// tablesOf are those of the words of train/golden.py.
func tablesOf(t *testing.T) Tables {
	c, err := checkpoint.Open(sensesDir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var tables Tables
	if err := c.BindWords(&tables); err != nil {
		t.Fatal(err)
	}
	return tables
}

func wordsOf(t *testing.T) *Words {
	w, err := NewWords(tablesOf(t), english)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWordsGolden compares every letter's and the end's log-probability with
// train/ngram.py, which adds up the vocabulary's words one by one.
func TestWordsGolden(t *testing.T) {
	w := wordsOf(t)
	file, err := golden.Open(filepath.Join(sensesDir, "golden.safetensors"))
	if err != nil {
		t.Fatal(err)
	}
	want, _ := file.Floats("words.logs")
	s, text := w.start(), ""
	for i, letter := range file.Ints("words.letters") {
		text += string(rune(letter))
		var got float64
		if letter == 0 {
			got = w.end(s)
			s = w.start()
		} else {
			s, got = w.next(s, uint8(letter))
		}
		if math.Abs(got-float64(want[i])) > 1e-5 {
			t.Errorf("%q: %v, want %v", text, got, want[i])
		}
	}
}

// TestWordsSum wants what may follow to be as likely as 1, but for the codes'
// rounding and, before a word, for the end and the empty word.
func TestWordsSum(t *testing.T) {
	w := wordsOf(t)
	for _, text := range []string{"o", "on", "one", "one a", "one and t", "two and z", "x", "xyz o", strings.Repeat("q", 400)} {
		s := w.start()
		for _, letter := range []byte(text) {
			s, _ = w.next(s, letter)
		}
		sum := 0.0
		for _, letter := range []byte(english) {
			_, log := w.next(s, letter)
			if log > 0 {
				t.Errorf("%q: %q has log-probability %v, want at most 0", text, letter, log)
			}
			sum += math.Exp(log)
		}
		if math.Abs(sum-1) > 1e-6 {
			t.Errorf("behind %q: %v, want 1", text, sum)
		}
	}
}

func TestWordsErrors(t *testing.T) {
	whole := tablesOf(t)
	n := len(whole.LettersBegin) - 1
	for _, c := range []struct {
		name   string
		change func(t *Tables)
		want   string
	}{
		{"no words", func(t *Tables) { t.LettersBegin = t.LettersBegin[:1] }, "letters.begin: 0 words"},
		{"nothing", func(t *Tables) { *t = Tables{} }, "letters.begin: -1 words"},
		{"one", func(t *Tables) { t.One = t.One[1:] }, "one: "},
		{"rests", func(t *Tables) { t.TwoRest = t.TwoRest[1:] }, "two.rest: "},
		{"pairs", func(t *Tables) { t.TwoBegin[3] = 1 << 30 }, "two.begin: want a sequence that rises from 0 to "},
		{"triples", func(t *Tables) { t.ThreeBegin[0] = 1 }, "three.begin: want a sequence that rises from 0 to "},
		{"letters", func(t *Tables) { t.Letters[1] = 'E' }, `letters[1]: 'E', want one of " 'abc`},
		{"a space", func(t *Tables) { t.Letters[1] = ' ' }, `letters[1]: ' ', want one of`},
		{"order", func(t *Tables) { t.Letters[0] = 'z' }, "letters: word 1 is "},
		{"beyond", func(t *Tables) { t.TwoWord[len(t.TwoWord)-1] = uint16(n + 1) }, "two.word: "},
		{"twice", func(t *Tables) { t.TwoWord[1] = t.TwoWord[0] }, "two.word: "},
		{"no number", func(t *Tables) { t.One[2] = float32(math.NaN()) }, "one[2]: NaN, want more than 0"},
	} {
		changed := Tables{
			slices.Clone(whole.Letters), slices.Clone(whole.LettersBegin), slices.Clone(whole.One), slices.Clone(whole.OneRest),
			slices.Clone(whole.TwoBegin), slices.Clone(whole.TwoWord), slices.Clone(whole.TwoMass), slices.Clone(whole.TwoRest),
			slices.Clone(whole.ThreeBegin), slices.Clone(whole.ThreeWord), slices.Clone(whole.ThreeMass),
		}
		c.change(&changed)
		if _, err := NewWords(changed, english); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want it to say %q", c.name, err, c.want)
		}
	}
}

// TestUsualWords wants a search that hears one of two words as well as the other to
// write the one that is said.
func TestUsualWords(t *testing.T) {
	var pieces []string
	for i := range english {
		pieces = append(pieces, english[i:i+1])
	}
	write := func(words *Words) string {
		s := NewSound(NewSpelling(pieces, english), end, Weights{Share: 0.5, Words: words, Usual: 0.5})
		s.end = int32(len(pieces))
		logits := make([]float32, len("two ?nd one")*(1+len(english)))
		for row, letter := range "two ?nd one" {
			for _, one := range map[rune]string{'?': "ae"}[letter] + string(letter) {
				if at := strings.IndexRune(english, one); at >= 0 {
					logits[row*(1+len(english))+1+at] = 12
				}
			}
		}
		logits[4*(1+len(english))+1+strings.IndexByte(english, 'e')] += 0.1
		s.Hear(logits)
		search := sequence.New(sequence.Options{Command: 40, End: s.end, Beam: 4, MaxTokens: 20, LengthPenalty: 1, Wider: Candidates},
			NewTranscript(&sequence.Text{Limit: s.end + 1}, s))
		for len(search.Live()) > 0 {
			search.Advance(undecided(search))
		}
		text := ""
		for _, token := range search.Best().Tokens {
			text += pieces[token]
		}
		return text
	}
	if got := write(nil); got != "two end one" {
		t.Errorf("without words: %q", got)
	}
	if got := write(wordsOf(t)); got != "two and one" {
		t.Errorf("with words: %q, want %q", got, "two and one")
	}
}
