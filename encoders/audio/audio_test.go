package audio_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/mm-runtime/mm/encoders/audio"
	"github.com/mm-runtime/mm/internal/nn/nntest"
	"github.com/mm-runtime/mm/kernels"
)

const bands, width, blocks, expand, eps = 5, 33, 2, 3, 1e-6

// stage and block are a layer's values.
type stage struct{ conv, norm nntest.Matrix }

type block struct{ norm, depthwise, up, down nntest.Matrix }

type values struct {
	stages []stage
	blocks []block
}

func newEncoder(s *nntest.Source) (*audio.Encoder, values) {
	e, v := audio.New(bands, width, blocks, expand, eps), values{}
	for i := range e.Stages {
		l := &e.Stages[i]
		v.stages = append(v.stages, stage{s.Weight(&l.Conv), s.Tensor(&l.Norm)})
	}
	for _, b := range e.Blocks {
		v.blocks = append(v.blocks, block{s.Tensor(&b.Norm), s.Tensor(&b.Depthwise), s.Weight(&b.Up), s.Weight(&b.Down)})
	}
	return e, v
}

// encode runs clips in one batch and returns the rows of each.
func encode(s *nntest.Source, e *audio.Encoder, clips [][]float32) [][]float32 {
	defer s.Scope.Reset()
	segs, frames := kernels.Segments{0}, []float32(nil)
	for i, clip := range clips {
		segs = append(segs, segs[i]+int32(len(clip)/bands/audio.Stride))
		frames = append(frames, clip...)
	}
	dst := s.Rows(int(segs[len(clips)]), width)
	e.Forward(s.Scope, dst, frames, segs)
	got, out := s.Read(dst), make([][]float32, len(clips))
	for i := range clips {
		out[i] = got[int(segs[i])*width : int(segs[i+1])*width]
	}
	return out
}

// reference is the encoder by its formula, one clip, one row, one tap at a time.
func reference(v values, clip []float32) [][]float64 {
	x := make([][]float64, len(clip)/bands)
	for t := range x {
		x[t] = nntest.Matrix{Cols: bands, Values: clip}.Wide(t)
	}
	for _, l := range v.stages {
		y := make([][]float64, len(x)/2)
		for t := range y {
			var taps []float64
			for at := 2*t - 2; at <= 2*t+2; at++ {
				if at < 0 || at >= len(x) {
					taps = append(taps, make([]float64, len(x[0]))...)
				} else {
					taps = append(taps, x[at]...)
				}
			}
			y[t] = nntest.Norm(nntest.SiLU(l.conv.Times(taps)), l.norm, eps)
		}
		x = y
	}
	for _, b := range v.blocks {
		x = b.add(x)
	}
	return x
}

// add is the block's residual step, nine rows around each.
func (b block) add(x [][]float64) [][]float64 {
	out := make([][]float64, len(x))
	for t, row := range x {
		sum := make([]float64, len(row))
		for k := range 9 {
			if at := t - 4 + k; at >= 0 && at < len(x) {
				for c, v := range nntest.Norm(x[at], b.norm, eps) {
					sum[c] += float64(b.depthwise.Values[k*b.depthwise.Cols+c]) * v
				}
			}
		}
		out[t] = slices.Clone(row)
		for c, v := range b.down.Times(nntest.SiLU(b.up.Times(sum))) {
			out[t][c] += v
		}
	}
	return out
}

func clipsOf(s *nntest.Source, rows ...int) [][]float32 {
	clips := make([][]float32, len(rows))
	for i, n := range rows {
		clips[i] = s.Values(n*audio.Stride*bands, 1)
	}
	return clips
}

func TestForward(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, v := newEncoder(s)
		clips := clipsOf(s, 1, 0, 2, 13, 3)
		for i, got := range encode(s, e, clips) {
			nntest.Near(t, fmt.Sprintf("clip %d", i), got, reference(v, clips[i]))
		}
		if got := encode(s, e, nil); len(got) != 0 {
			t.Errorf("no clips: %d results", len(got))
		}
	})
}

// TestCompany encodes clips alone and together, in both orders.
func TestCompany(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, _ := newEncoder(s)
		clips := clipsOf(s, 7, 1, 120, 2, 31)
		together := encode(s, e, clips)
		for i := range clips {
			nntest.Same(t, fmt.Sprintf("clip %d alone", i), encode(s, e, clips[i:i+1])[0], together[i])
		}
		slices.Reverse(clips)
		for i, got := range encode(s, e, clips) {
			nntest.Same(t, "in the other order", got, together[len(clips)-1-i])
		}
	})
}

func TestForwardChecksFrames(t *testing.T) {
	nntest.OnEveryPath(t, func(t *testing.T, s *nntest.Source) {
		e, _ := newEncoder(s)
		defer func() {
			if got := fmt.Sprint(recover()); got != "audio: 39 values of frames for 2 rows, want 8 frames of 5" {
				t.Errorf("panic %q", got)
			}
		}()
		e.Forward(s.Scope, s.Rows(2, width), make([]float32, 39), kernels.Segments{0, 2})
	})
}

// TestFrames compares with the definition, for numbers of frames around whole rows.
func TestFrames(t *testing.T) {
	for frames := range 10 {
		mel := make([]float32, frames*audio.Bands)
		for i := range mel {
			mel[i] = float32(math.Sin(float64(i*i))) - 9
		}
		got := audio.Frames(mel)
		if n := audio.Rows(frames); n != int(math.Ceil(float64(frames)/4)) || len(got) != 4*n*audio.Bands {
			t.Fatalf("%d frames: %d rows, %d values", frames, n, len(got))
		}
		for b := range audio.Bands {
			mean := 0.0
			for f := range frames {
				mean += float64(mel[f*audio.Bands+b]) / float64(frames)
			}
			for f := range len(got) / audio.Bands {
				want := 0.0
				if f < frames {
					want = 0.25 * (float64(mel[f*audio.Bands+b]) - mean)
				}
				if v := float64(got[f*audio.Bands+b]); math.Abs(v-want) > 1e-6 {
					t.Fatalf("%d frames: frame %d, band %d: %v, want %v", frames, f, b, v, want)
				}
			}
		}
	}
}

// TestFramesForgetLoudness wants a clip and the same one louder to be the same.
func TestFramesForgetLoudness(t *testing.T) {
	mel := make([]float32, 7*audio.Bands)
	for i := range mel {
		mel[i] = float32(i%13) / 4
	}
	quiet := audio.Frames(mel)
	for i := range mel {
		mel[i] += 2
	}
	for i, v := range audio.Frames(mel) {
		if math.Abs(float64(v-quiet[i])) > 1e-6 {
			t.Fatalf("value %d: %v, want %v", i, v, quiet[i])
		}
	}
}
