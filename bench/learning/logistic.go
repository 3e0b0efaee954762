package main

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// sparse are rows of features, of which those that are not 0 are kept.
type sparse struct {
	width  int
	column [][]int32
	value  [][]float32
	labels []int
}

func (s sparse) pick(numbers []int) sparse {
	return sparse{s.width, pick(s.column, numbers), pick(s.value, numbers), pick(s.labels, numbers)}
}

// logistic is a multinomial logistic regression: logits = W·x + bias.
type logistic struct {
	width, labels int
	w             []float32 // (F, L), then the bias (L)
}

// fitLogistic finds the minimum of Σ cross-entropy + ‖W‖²/(2C) by L-BFGS.
func fitLogistic(s sparse, labels int, c float64) *logistic {
	l := &logistic{width: s.width, labels: labels, w: make([]float32, (s.width+1)*labels)}
	sums, n := make([]float32, len(l.w)), float64(len(s.labels))
	minimize(make([]float64, len(l.w)), func(x, gradient []float64) float64 {
		for i, v := range x {
			l.w[i] = float32(v)
		}
		loss := l.slope(s, sums) / n
		for i, v := range sums {
			gradient[i] = float64(v) / n
			if i < s.width*labels {
				gradient[i] += x[i] / (c * n)
				loss += x[i] * x[i] / (2 * c * n)
			}
		}
		return loss
	})
	return l
}

// slope returns the sum of the cross-entropies, and its gradient.
func (l *logistic) slope(s sparse, gradient []float32) float64 {
	clear(gradient)
	loss := 0.0
	logits := make([]float32, l.labels)
	for i, label := range s.labels {
		l.logits(logits, s.column[i], s.value[i])
		top := logits[0]
		for _, v := range logits {
			top = max(top, v)
		}
		sum := 0.0
		for _, v := range logits {
			sum += math.Exp(float64(v - top))
		}
		loss += math.Log(sum) - float64(logits[label]-top)
		for j, v := range logits {
			logits[j] = float32(math.Exp(float64(v-top)) / sum)
		}
		logits[label]--
		for k, c := range s.column[i] {
			blas32.Axpy(s.value[i][k], vector(logits), l.row(gradient, int(c)))
		}
		blas32.Axpy(1, vector(logits), l.row(gradient, l.width))
	}
	return loss
}

func vector(v []float32) blas32.Vector { return blas32.Vector{N: len(v), Data: v, Inc: 1} }

func (l *logistic) row(w []float32, f int) blas32.Vector {
	return vector(w[f*l.labels : (f+1)*l.labels])
}

func (l *logistic) logits(to []float32, column []int32, value []float32) {
	copy(to, l.w[l.width*l.labels:])
	for k, c := range column {
		blas32.Axpy(value[k], l.row(l.w, int(c)), vector(to))
	}
}

// accuracy is the share of examples that it gets right.
func (l *logistic) accuracy(s sparse) float64 {
	right := 0
	logits := make([]float32, l.labels)
	for i, label := range s.labels {
		l.logits(logits, s.column[i], s.value[i])
		best := 0
		for j, v := range logits {
			if v > logits[best] {
				best = j
			}
		}
		if best == label {
			right++
		}
	}
	return float64(right) / float64(max(1, len(s.labels)))
}
