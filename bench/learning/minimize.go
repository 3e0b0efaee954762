package main

import (
	"slices"

	"gonum.org/v1/gonum/floats"
)

const (
	steps     = 100
	memory    = 8    // pairs that the curvature is known by
	flat      = 1e-4 // length of a gradient that is nothing
	agreeable = 1e-4 // of what the slope promises, that a step must bring
)

// minimize walks from x to a minimum of a smooth function by L-BFGS (Nocedal 1980) with
// halved steps; slope returns the value at x and fills in the gradient, and its last
// call is at the place that is found.
func minimize(x []float64, slope func(x, gradient []float64) float64) {
	gradient := make([]float64, len(x))
	value := slope(x, gradient)
	var moves, bends [][]float64 // of x and of the gradient
	for range steps {
		if floats.Norm(gradient, 2) < flat {
			return
		}
		direction := towards(gradient, moves, bends)
		promised := floats.Dot(direction, gradient)
		step := 1.0
		if len(moves) == 0 {
			step = 1 / floats.Norm(gradient, 2)
		}
		next, turned := make([]float64, len(x)), make([]float64, len(x))
		found := 0.0
		for ; step > 1e-10; step /= 2 {
			floats.AddScaledTo(next, x, step, direction)
			if found = slope(next, turned); found <= value+agreeable*step*promised {
				break
			}
		}
		if found >= value { // nothing better to be seen in float32
			slope(x, gradient)
			return
		}
		move, bend := slices.Clone(next), slices.Clone(turned)
		floats.Sub(move, x)
		floats.Sub(bend, gradient)
		if floats.Dot(move, bend) > 0 {
			moves, bends = append(moves, move), append(bends, bend)
		}
		if len(moves) > memory {
			moves, bends = moves[1:], bends[1:]
		}
		x, gradient, value = next, turned, found
	}
}

// towards is minus the gradient times the inverse of the curvature as it is known.
func towards(gradient []float64, moves, bends [][]float64) []float64 {
	d := slices.Clone(gradient)
	shares := make([]float64, len(moves))
	for i := len(moves) - 1; i >= 0; i-- {
		shares[i] = floats.Dot(moves[i], d) / floats.Dot(moves[i], bends[i])
		floats.AddScaled(d, -shares[i], bends[i])
	}
	if last := len(moves) - 1; last >= 0 {
		floats.Scale(floats.Dot(moves[last], bends[last])/floats.Dot(bends[last], bends[last]), d)
	}
	for i := range moves {
		floats.AddScaled(d, shares[i]-floats.Dot(bends[i], d)/floats.Dot(moves[i], bends[i]), moves[i])
	}
	floats.Scale(-1, d)
	return d
}
