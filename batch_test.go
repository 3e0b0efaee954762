package mm_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mm-runtime/mm"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/models/base"
)

// mix is inputs of all tasks over texts, greedy and with beams, of several lengths.
func mix() []mm.Input {
	texts := []string{"Hi", "Good morning!", "Das Wetter ist heute schön.", "A man, a plan.", fables}
	var inputs []mm.Input
	for i, text := range texts {
		for _, beam := range []int{1, 4} {
			for _, in := range []mm.Input{translate("de", text), translate("fr", text[:len(text)/2]), parse(text[:min(len(text), 16)])} {
				in.Beam = beam
				if i == len(texts)-1 {
					in.MaxTokens = 9
				}
				inputs = append(inputs, in)
			}
		}
	}
	return inputs
}

// maker makes an input, with readers of its own, as often as it is wanted.
type maker func() mm.Input

// mixAll is a few of those, and sounds and pictures of all tasks and several sizes.
func mixAll(t *testing.T) []maker {
	var makers []maker
	for i, in := range mix() {
		if i%3 == 0 {
			makers = append(makers, func() mm.Input { return in })
		}
	}
	for i, task := range []string{"transcribe", "digits", "commands", "transcribe"} {
		samples := hum(0.2+0.9*float64(i), uint64(i))
		makers = append(makers, func() mm.Input {
			in := heard(task, samples)
			if task == "transcribe" {
				in.Beam, in.MaxTokens = 1+i, 12
			}
			return in
		})
	}
	long := hum(21, 9, [2]float64{10, 10.5})
	makers = append(makers, func() mm.Input {
		in := heard("transcribe", long)
		in.MaxTokens = 5
		return in
	})
	for i, task := range []string{"classify", "classify", "detect", "detect", "classify"} {
		file := photo(t, 20+31*i, 90-13*i, uint64(i))
		makers = append(makers, func() mm.Input {
			in := seen(task, file)
			if task == "detect" {
				in.Threshold = 0.2
			}
			return in
		})
	}
	return makers
}

// same wants two outputs of one input to be equal to the bit.
func same(t *testing.T, in mm.Input, got, want mm.Output) {
	t.Helper()
	if got.Text != want.Text || math.Float64bits(got.Score) != math.Float64bits(want.Score) || got.Tokens != want.Tokens {
		t.Errorf("%s %q, beam %d: %q, score %v, want as alone %q, %v", in.Task, in.Text, in.Beam, got.Text, got.Score, want.Text, want.Score)
	}
	if !slices.Equal(got.Classes, want.Classes) || !slices.Equal(got.Boxes, want.Boxes) || !slices.Equal(got.Segments, want.Segments) {
		t.Errorf("%s: classes %v, boxes %v, segments %v, want as alone %v, %v, %v", in.Task, got.Classes, got.Boxes, got.Segments,
			want.Classes, want.Boxes, want.Segments)
	}
}

// neighbours runs inputs alone and then in changing company.
func neighbours(t *testing.T, m *mm.Model, makers []maker, goroutines, rounds int) {
	t.Helper()
	alone := make([]mm.Output, len(makers))
	for i, input := range makers {
		alone[i] = run(t, m, input())
	}
	var callers sync.WaitGroup
	for g := range goroutines {
		order := rand.New(rand.NewPCG(1706, uint64(g)))
		callers.Go(func() {
			for range rounds {
				picked := order.Perm(len(makers))[:1+order.IntN(len(makers))]
				batch := make([]mm.Input, len(picked))
				for i, p := range picked {
					batch[i] = makers[p]()
				}
				for i, r := range m.RunBatch(ctx, batch) {
					if r.Err != nil {
						t.Error(r.Err)
						return
					}
					same(t, batch[i], r.Output, alone[picked[i]])
				}
			}
		})
	}
	callers.Wait()
}

func TestNeighboursDontMatter(t *testing.T) {
	makers := mixAll(t)
	for _, path := range cpu.Paths() {
		for _, threads := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", path, threads), func(t *testing.T) {
				t.Setenv("MM_CPU", path)
				m := mm.LoadSenses(t, mm.WithThreads(threads))
				neighbours(t, m, makers, 5, 2)
				mm.CheckPlaces(t, m)
			})
		}
	}
}

// TestNeighboursOfBase does the same with the int8 weights of the base model.
func TestNeighboursOfBase(t *testing.T) {
	m, err := mm.Load(base.FS, mm.WithThreads(2))
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	inputs := []mm.Input{translate("de", "Good morning!"), translate("fr", "Where is the station?"), translate("en", "Guten Tag"), parse("He left.")}
	for i := range inputs[:3] {
		inputs[i].MaxTokens = 4
	}
	inputs[1].Beam = 3
	var makers []maker
	for _, in := range inputs {
		makers = append(makers, func() mm.Input { return in })
	}
	neighbours(t, m, makers, 2, 1)
}

// TestThreadsDontMatter compares devices of one and of three threads.
func TestThreadsDontMatter(t *testing.T) {
	one, three := mm.LoadSenses(t), mm.LoadSenses(t, mm.WithThreads(3))
	inputs := func() (all []mm.Input) {
		for _, input := range mixAll(t) {
			all = append(all, input())
		}
		return all
	}
	want := one.RunBatch(ctx, inputs())
	for i, r := range three.RunBatch(ctx, inputs()) {
		if r.Err != nil {
			t.Error(r.Err)
		}
		same(t, mm.Input{Task: r.Task}, r.Output, want[i].Output)
	}
}

// TestRunBatchKeepsOrder has more inputs than are on their way at once, some of
// them wrong.
func TestRunBatchKeepsOrder(t *testing.T) {
	m := mm.LoadTiny(t)
	const n = 1500
	inputs := make([]mm.Input, n)
	for i := range inputs {
		inputs[i] = translate("de", fmt.Sprint("Number ", i%7))
		inputs[i].MaxTokens = 1 + i%5
		switch i % 100 {
		case 17:
			inputs[i].To = fmt.Sprint("x", i)
		case 40:
			inputs[i].Text = ""
		}
	}
	results := m.RunBatch(ctx, inputs)
	if len(results) != n {
		t.Fatalf("%d results, want %d", len(results), n)
	}
	for i, r := range results {
		if i%100 == 17 {
			if want := fmt.Sprintf(`"x%d" is unknown`, i); r.Err == nil || !strings.Contains(r.Err.Error(), want) {
				t.Errorf("input %d: error %v, want one with %s", i, r.Err, want)
			}
			continue
		}
		if r.Err != nil {
			t.Fatalf("input %d: %v", i, r.Err)
		}
		if i < 100 {
			same(t, inputs[i], r.Output, run(t, m, inputs[i]))
		} else if i%100 != 40 && r.Tokens > inputs[i].MaxTokens {
			t.Errorf("input %d: %d tokens, want at most %d", i, r.Tokens, inputs[i].MaxTokens)
		}
	}
	if got := m.RunBatch(ctx, nil); len(got) != 0 {
		t.Errorf("results of no inputs: %v", got)
	}
	mm.CheckPlaces(t, m)
}

// TestManyGoroutines calls Run, RunBatch and Stream from everywhere at once.
func TestManyGoroutines(t *testing.T) {
	m := mm.LoadTiny(t)
	want := run(t, m, translate("en", "Guten Tag"))
	var callers sync.WaitGroup
	for g := range 60 {
		callers.Go(func() {
			in := translate("en", "Guten Tag")
			switch g % 3 {
			case 0:
				if out, err := m.Run(ctx, in); err != nil || out.Text != want.Text {
					t.Errorf("Run: %q, error %v, want %q", out.Text, err, want.Text)
				}
			case 1:
				for _, r := range m.RunBatch(ctx, []mm.Input{in, in, in}) {
					if r.Err != nil || r.Text != want.Text {
						t.Errorf("RunBatch: %q, error %v, want %q", r.Text, r.Err, want.Text)
					}
				}
			case 2:
				text := ""
				for piece, err := range m.Stream(ctx, in) {
					if text += piece; err != nil {
						t.Error(err)
					}
				}
				if text != want.Text {
					t.Errorf("Stream: %q, want %q", text, want.Text)
				}
			}
		})
	}
	callers.Wait()
}
