package token

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// TestSentences: a | stands where the text is to be split.
func TestSentences(t *testing.T) {
	for _, marked := range []string{
		"One.",
		"no stop at all",
		"He left. | She stayed! | Why? | Nobody knows… | It rained.",
		`He said "Stop." | She did not.`,
		`"Stop!" he said. | "Why?" she asked.`,
		"He left (at last). | [See below.] | Then “it” ended.” | ‘Right.’ | So",
		"Mr. Smith met Dr. Jones and Mrs. Brown. | They talked.",
		"J. R. Smith and J.-P. Sartre read. | The U.S. Senate voted.",
		"He lives in the U.S. | She does not.",
		"We met at 5 p.m. | The room was empty.",
		"We met at 5 p.m. Monday.",
		"Bring pens, paper, etc. | The rest is here.",
		"Some animals, e.g. Cats, i.e. Felines, sleep.",
		"See No. 5 and Fig. 3. | Then go on.",
		"He said no. | Then he left.",
		"Pi is 3.14 and costs $2.50. | That is cheap.",
		"It began in 1990. | Nobody saw it.",
		"Visit example.com. | Version 2.0. | 3 people came.",
		"Well ... | But then ... nothing. | He ... left.",
		"What?! | No!!! | Really?",
		"1. Install it. | 2. Run it.",
		"the end. and then it went on.",
		"Use the file.txt. | Then stop.",
		"Er kam am 3. Mai an. | Sie ging.",
		"Im 19. Jahrhundert und zum 50. Geburtstag. | Der 2. Weltkrieg endete.",
		"Ich bin 25. | Er auch.",
		"Das ist z. B. Wasser, d. h. Eis. | Gut.",
		"Das gilt z.B. für Äpfel, Birnen usw. | Das ist alles.",
		"Hr. Dr. Meier wohnt in der Str. 5. | Er schläft.",
		"„Halt!“, rief er. | »Komm!« | „Ja.“ | Über alles.",
		"Comment ça va ? | Très bien ! | Et toi ?",
		"« Où est-il ? » | « Ici. » | Élise sortit.",
		"« Où est-il ? » demanda-t-elle.",
		"M. Dupont et Mme. Durand arrivent. | M. Le Pen aussi.",
		"C’est fini. | L’été commence. | – Oui. | – Non.",
		`He said: " Stop. " | Then " Go. " | Done.`,
		"日本語。 | 終わり。",
		"A. | It",
		". . . | A",
	} {
		want := strings.Split(marked, " | ")
		if got := Sentences(strings.ReplaceAll(marked, " | ", " ")); !slices.Equal(got, want) {
			t.Errorf("%q\n got %q\nwant %q", marked, got, want)
		}
	}
	if got := Sentences(""); len(got) != 0 {
		t.Errorf("empty text: %q, want none", got)
	}
}

// TestHostileText: time grows with the length; what is quadratic takes minutes
// here.
func TestHostileText(t *testing.T) {
	for _, part := range []string{"A. ", `" `, `." `, "« ", "a", ". ", "z. B. ", "(((", "1. A ", "'. ", "1/", "a-", "'s", ")", "e.", "€", "(a", "non-"} {
		text := Normalize(strings.Repeat(part, 1<<18/len(part)))
		start := time.Now()
		sentences := Sentences(text)
		if strings.Join(sentences, " ") != text {
			t.Errorf("%q repeated does not come back", part)
		}
		for _, s := range sentences {
			checkWords(t, s)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("256 KiB of %q took %v", part, took)
		}
	}
}

func TestChunks(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  []string
	}{
		{"", 5, nil},
		{"short", 5, []string{"short"}},
		{"ab cd", 4, []string{"ab", "cd"}},
		{"one two, three four", 12, []string{"one two,", "three four"}},
		{"a, bb cc dd ee ff gg, h", 14, []string{"a, bb cc dd", "ee ff gg, h"}}, // the commas are far from the middle
		{"wir gehen – sie bleiben", 20, []string{"wir gehen –", "sie bleiben"}},
		{"abcdefgh", 3, []string{"ab", "cd", "ef", "gh"}},
		{"ééé", 4, []string{"é", "éé"}},
		{"x abcdefgh", 8, []string{"x", "abcdefgh"}},
		{"語語", 1, []string{"語", "語"}}, // a rune is never cut
		{"ab", 0, []string{"a", "b"}},
	} {
		if got := Chunks(c.text, c.limit, func(s string) int { return len(s) }); !slices.Equal(got, c.want) {
			t.Errorf("Chunks(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
}

// TestChunksOfTokens: long texts with a real count, of which no byte is counted
// more than about log n times.
func TestChunksOfTokens(t *testing.T) {
	tok := base(t)
	counted := 0
	count := func(text string) int {
		counted += len(text)
		ids, err := tok.Encode(text)
		if err != nil {
			t.Fatal(err)
		}
		return len(ids)
	}
	for _, part := range []string{"x", "語", "the cat, and ", "a" + strings.Repeat("b", 5000) + " "} {
		text := Normalize(strings.Repeat(part, 1<<16/len(part)))
		counted = 0
		chunks := Chunks(text, 255, count)
		if levels := 20; counted > levels*len(text) {
			t.Errorf("%.10q repeated: counted %d bytes of a text of %d, want at most %d times as many", part, counted, len(text), levels)
		}
		checkChunks(t, text, chunks, 255, count)
	}
}

func checkChunks(t *testing.T, text string, chunks []string, limit int, count func(string) int) {
	t.Helper()
	plain := func(s string) string { return strings.ReplaceAll(s, " ", "") }
	if plain(strings.Join(chunks, "")) != plain(text) {
		t.Fatalf("Chunks(%.100q, %d) = %.100q: something is lost", text, limit, chunks)
	}
	for _, c := range chunks {
		if c == "" || strings.Trim(c, " ") != c || utf8.ValidString(text) && !utf8.ValidString(c) {
			t.Fatalf("Chunks(%.100q, %d): piece %q", text, limit, c)
		}
		if n := count(c); n > limit && utf8.RuneCountInString(c) > 1 {
			t.Fatalf("Chunks(%.100q, %d): piece %.100q counts %d", text, limit, c, n)
		}
	}
}

// FuzzSplit: sentences are the text, chunks and words lose nothing.
func FuzzSplit(f *testing.F) {
	for _, text := range []string{"", "He left. She didn't!", "« Où ? » Ici.", "am 3. Mai usw. Das", "a\u0301. B", "\xff. \xfe", `x" y. " Z`,
		"(U.S.) 5%–6% n't cannot I'd've http://a.b/c. +/- ''", "1/2-3 a—b... ° . . -- 'tis"} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, limit int) {
		if utf8.ValidString(text) {
			text = Normalize(text)
		}
		sentences := Sentences(text)
		if strings.Join(sentences, " ") != text || slices.Contains(sentences, "") && strings.Trim(text, " ") == text && !strings.Contains(text, "  ") {
			t.Fatalf("Sentences(%q) = %q", text, sentences)
		}
		for _, s := range sentences {
			checkChunks(t, s, Chunks(s, limit, func(s string) int { return len(s) }), limit, func(s string) int { return len(s) })
			checkWords(t, s)
		}
	})
}
