package mm_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/mm-runtime/mm"
)

// fables is longer than one piece: sentences run apart and are joined.
const fables = "The fox saw grapes on a high vine. He jumped, and he jumped again! " +
	"Were they out of reach? They were. \"They are sour,\" he said, and went his way."

// stream joins what a stream yields.
func stream(t testing.TB, m *mm.Model, in mm.Input) string {
	t.Helper()
	var text strings.Builder
	for piece, err := range m.Stream(ctx, in) {
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(piece)
	}
	return text.String()
}

func TestStreamEqualsRun(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, text := range []string{"Hi", "Good morning!", fables, strings.Repeat("x", 300), strings.Repeat("No. Yes. ", 100)} {
		for _, most := range []int{0, 1, 2, 7} {
			in := translate("en", text)
			in.MaxTokens = most
			for _, in.Beam = range []int{1, 3} {
				if got, want := stream(t, m, in), run(t, m, in).Text; got != want {
					t.Errorf("%.20q, beam %d, at most %d tokens: stream of %q, want %q", text, in.Beam, most, got, want)
				}
			}
		}
	}
}

func TestStreamStops(t *testing.T) {
	m := mm.LoadTiny(t)
	for range 3 {
		pieces := 0
		for _, err := range m.Stream(ctx, translate("de", fables)) {
			if err != nil {
				t.Fatal(err)
			}
			if pieces++; pieces == 2 {
				break
			}
		}
	}
	run(t, m, translate("de", "There is room."))
	mm.CheckPlaces(t, m)
}

func TestStreamCancelledInItsLoop(t *testing.T) {
	m := mm.LoadTiny(t)
	stopping, cancel := context.WithCancel(ctx)
	defer cancel()
	pieces, failures := 0, 0
	for _, err := range m.Stream(stopping, translate("de", fables)) {
		if err == nil {
			pieces++
			cancel()
			continue
		}
		if failures++; !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want %v", err, context.Canceled)
		}
	}
	if pieces != 1 || failures != 1 {
		t.Errorf("%d pieces and %d errors, want one of each", pieces, failures)
	}
	run(t, m, translate("de", "There is room."))
	mm.CheckPlaces(t, m)
}

// TestStreamCancelledAndLeft is not told of the error, having left.
func TestStreamCancelledAndLeft(t *testing.T) {
	m := mm.LoadTiny(t)
	stopping, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, err := range m.Stream(stopping, translate("de", fables)) {
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		break
	}
	run(t, m, translate("de", "There is room."))
	mm.CheckPlaces(t, m)
}

func TestStreamErrors(t *testing.T) {
	m := mm.LoadTiny(t)
	for _, c := range []struct {
		in   mm.Input
		want string
	}{
		{parse("The cat sat."), `mm: parse: cannot be streamed, its output is "tree", want "sequence"`},
		{translate("xx", "Hi"), `target language "xx" is unknown`},
		{translate("de", "\xff"), "text is not UTF-8: byte 0xff at offset 0"},
	} {
		failures := 0
		for piece, err := range m.Stream(ctx, c.in) {
			if failures++; piece != "" || err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q, error %v, want one with %q", piece, err, c.want)
			}
		}
		if failures != 1 {
			t.Errorf("%d errors, want one with %q", failures, c.want)
		}
	}
}
