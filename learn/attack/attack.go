package attack

import (
	"fmt"
	"math"
	"math/rand/v2"

	"gorgonia.org/gorgonia"
)

// Slope returns the logits of pixels (height, width, 3), from -1 to 1, and the
// cross-entropy of a label with its gradient by the pixels.
func (n *Network) Slope(pixels []float32, label int) (logits []float32, loss float64, gradient []float32, err error) {
	if len(pixels) != n.rows*n.cols {
		return nil, 0, nil, fmt.Errorf("attack: %d values of pixels, want %d", len(pixels), n.rows*n.cols)
	}
	targets := make([]float32, len(n.Labels))
	targets[label] = 1
	gorgonia.Let(n.x, dense(n.rows, n.cols, append([]float32(nil), pixels...)))
	gorgonia.Let(n.targets, dense(1, len(targets), targets))
	defer n.machine.Reset()
	if err := n.machine.RunAll(); err != nil {
		return nil, 0, nil, fmt.Errorf("attack: %w", err)
	}
	logits = append(logits, n.logits.Data().([]float32)...)
	gradient = append(gradient, n.slope.Value().Data().([]float32)...)
	return logits, float64(n.cost.Data().(float32)), gradient, nil
}

// The methods.
const (
	FGSM = "fgsm" // one step of the whole size (Goodfellow et al. 2015)
	PGD  = "pgd"  // many small ones, from a start by chance (Madry et al. 2018)
)

// Options say how a picture is changed.
type Options struct {
	Method string
	Eps    float64 // the most that a channel of a pixel may change, of its range 0 to 1
	Steps  int     // of PGD (20)
	// Target is the label that the model is to answer; -1: any but the true one.
	Target int
	Seed   uint64 // of PGD's start
}

// Levels are the 8-bit levels that pixels from -1 to 1 come closest to.
func Levels(pixels []float32) []uint8 {
	levels := make([]uint8, len(pixels))
	for i, v := range pixels {
		levels[i] = uint8(math.Round(min(max((float64(v)+1)*127.5, 0), 255)))
	}
	return levels
}

// Pixels are the values from -1 to 1 of 8-bit levels.
func Pixels(levels []uint8) []float32 {
	pixels := make([]float32, len(levels))
	for i, l := range levels {
		pixels[i] = float32(float64(l)/127.5 - 1)
	}
	return pixels
}

// Attack changes a picture (height, width, 3) of 8-bit levels, whose label is true. No
// level changes by more than eps·255, rounded down; it stays a picture of 8 bits.
func (n *Network) Attack(levels []uint8, label int, o Options) ([]uint8, error) {
	room := math.Floor(o.Eps*255 + 1e-9)
	switch {
	case o.Method != FGSM && o.Method != PGD:
		return nil, fmt.Errorf("attack: method %q, want %s or %s", o.Method, FGSM, PGD)
	case !(o.Eps > 0 && o.Eps <= 1):
		return nil, fmt.Errorf("attack: eps %v: want more than 0 and at most 1", o.Eps)
	case room < 1:
		return nil, fmt.Errorf("attack: eps %v is less than a level of 8 bits, want at least 1/255", o.Eps)
	case o.Target >= len(n.Labels) || label < 0 || label >= len(n.Labels):
		return nil, fmt.Errorf("attack: label %d, target %d: want less than %d", label, o.Target, len(n.Labels))
	case o.Target == label:
		return nil, fmt.Errorf("attack: the target %q is the picture's own label", n.Labels[label])
	case o.Steps < 0:
		return nil, fmt.Errorf("attack: %d steps, want at least 1, or 0 for 20", o.Steps)
	}
	clean, eps := Pixels(levels), room/127.5
	x := append([]float32(nil), clean...)
	steps, size := 1, eps
	if o.Method == PGD {
		steps = 20
		if o.Steps > 0 {
			steps = o.Steps
		}
		size = 2.5 * eps / float64(steps) // so that the edge can be reached and left again
		r := rand.New(rand.NewPCG(o.Seed, 0))
		for i := range x {
			x[i] += float32(eps * (2*r.Float64() - 1))
		}
	}
	aim, direction := label, 1.0
	if o.Target >= 0 {
		aim, direction = o.Target, -1
	}
	for range steps {
		limit(x, clean, eps)
		_, _, gradient, err := n.Slope(x, aim)
		if err != nil {
			return nil, err
		}
		for i, g := range gradient {
			switch {
			case g > 0:
				x[i] += float32(direction * size)
			case g < 0:
				x[i] -= float32(direction * size)
			}
		}
	}
	limit(x, clean, eps)
	changed := Levels(x)
	for i, l := range levels { // rounding may have gone a level too far
		changed[i] = uint8(min(max(int(changed[i]), int(l)-int(room)), int(l)+int(room)))
	}
	return changed, nil
}

// limit keeps x within eps of clean and within what a pixel can be.
func limit(x, clean []float32, eps float64) {
	for i, v := range clean {
		lo, hi := max(float64(v)-eps, -1), min(float64(v)+eps, 1)
		x[i] = float32(min(max(float64(x[i]), lo), hi))
	}
}
