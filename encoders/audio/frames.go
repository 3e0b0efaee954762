package audio

import "slices"

const (
	// Bands of a log-mel frame, as internal/media/audio makes it.
	Bands = 80
	// Stride is how many frames become one row.
	Stride = 4
	// scale brings the logarithms of a clip to about unit variance.
	scale = 0.25
)

// Rows is how many rows a clip of some log-mel frames becomes.
func Rows(frames int) int { return (frames + Stride - 1) / Stride }

// Frames prepares the log-mel frames of one clip (F, Bands) for Forward: less each
// band's mean over the clip, which takes the loudness and the microphone out,
// scaled, and with frames of zeros up to whole rows, (4T, Bands).
func Frames(mel []float32) []float32 {
	frames := len(mel) / Bands
	out := make([]float32, Stride*Rows(frames)*Bands)
	var sums [Bands]float64
	for frame := range slices.Chunk(mel[:frames*Bands], Bands) {
		for b, v := range frame {
			sums[b] += float64(v)
		}
	}
	for i, v := range mel[:frames*Bands] {
		out[i] = scale * float32(float64(v)-sums[i%Bands]/float64(frames))
	}
	return out
}
