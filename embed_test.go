package mm_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mm-runtime/mm"
)

var everyTap = []mm.Tap{{0, mm.PoolMean}, {1, mm.PoolFirst}, {2, mm.PoolMax}, {3, mm.PoolMean}, {3, mm.PoolMean}}

// TestEmbedCompany embeds inputs of every kind alone and, together with requests of
// other kinds, from many goroutines.
func TestEmbedCompany(t *testing.T) {
	m := mm.LoadSenses(t)
	long := strings.Repeat("A sentence of some length. ", 20)
	inputs := []func() mm.Input{
		func() mm.Input { return mm.Input{Task: "translate", To: "de", Text: "Where is the station?"} },
		func() mm.Input { return mm.Input{Task: "parse", Text: long} },
		func() mm.Input { return heard("digits", hum(0.6, 1)) },
		func() mm.Input { return heard("transcribe", hum(1.5, 2)) },
		func() mm.Input { return seen("classify", photo(t, 40, 30, 1)) },
		func() mm.Input { return seen("detect", photo(t, 64, 64, 2)) },
	}
	want := make([]string, len(inputs))
	for i, in := range inputs {
		features, err := m.Embed(ctx, in(), everyTap...)
		if err != nil {
			t.Fatal(err)
		}
		for j, f := range features {
			if len(f) != m.Info().Width {
				t.Errorf("input %d, %+v: %d numbers, want %d", i, everyTap[j], len(f), m.Info().Width)
			}
		}
		if !slices.Equal(features[3], features[4]) || slices.Equal(features[0], features[3]) {
			t.Errorf("input %d: layer 3 is %v and %v, layer 0 %v", i, features[3], features[4], features[0])
		}
		want[i] = fmt.Sprint(features)
	}
	answers := make([]string, len(inputs))
	for i, in := range inputs {
		answers[i] = answerOf(m.Run(ctx, in()))
	}
	var all sync.WaitGroup
	for range 6 {
		for i, in := range inputs {
			all.Go(func() {
				features, err := m.Embed(ctx, in(), everyTap...)
				if got := fmt.Sprint(features); err != nil || got != want[i] {
					t.Errorf("input %d in company: %.80s…, error %v, want %.80s…", i, got, err, want[i])
				}
			})
			all.Go(func() {
				if got := answerOf(m.Run(ctx, in())); got != answers[i] {
					t.Errorf("input %d in company of features: %s, want %s", i, got, answers[i])
				}
			})
		}
	}
	all.Wait()
	mm.CheckPlaces(t, m)
}

func answerOf(out mm.Output, err error) string {
	return fmt.Sprint(out.Text, out.Classes, out.Boxes, out.Segments, out.Score, err)
}

func TestEmbedErrors(t *testing.T) {
	m := mm.LoadSenses(t)
	text := mm.Input{Task: "translate", To: "de", Text: "a"}
	stopped, stop := context.WithCancel(ctx)
	stop()
	for _, c := range []struct {
		ctx  context.Context
		in   mm.Input
		taps []mm.Tap
		want string
	}{
		{ctx, text, nil, "mm: translate: no taps given, want at least one"},
		{ctx, text, []mm.Tap{{4, mm.PoolMean}}, "layer 4: want 0 to 3"},
		{ctx, text, []mm.Tap{{-1, mm.PoolMean}}, "layer -1: want 0 to 3"},
		{ctx, text, []mm.Tap{{1, "median"}}, `pooling "median": want one of ["mean" "max" "first"]`},
		{ctx, mm.Input{Task: "translate", To: "de"}, everyTap, "mm: translate: an empty input has no features"},
		{ctx, mm.Input{Task: "parse", Words: []string{"a"}}, everyTap, "mm: parse: takes a text, got 1 words"},
		{ctx, mm.Input{Task: "translate", To: "de", Text: "a", Beam: 3}, everyTap, "beam 3 is for tasks that write texts or trees"},
		{ctx, mm.Input{Task: "sing"}, everyTap, `task "sing" is unknown`},
		{ctx, heard("digits", hum(17, 1)), everyTap, "a sound of 17s, want at most 16s"},
		{ctx, seen("classify", []byte("no picture")), everyTap, "no picture"},
		{stopped, text, everyTap, "context canceled"},
	} {
		if features, err := m.Embed(c.ctx, c.in, c.taps...); err == nil || !strings.Contains(err.Error(), c.want) || features != nil {
			t.Errorf("%v: features %v, error %v, want %q", c.taps, features, err, c.want)
		}
	}
	m.Close()
	if _, err := m.Embed(ctx, text, everyTap...); !errors.Is(err, mm.ErrClosed) {
		t.Errorf("of a closed model: %v", err)
	}
}
