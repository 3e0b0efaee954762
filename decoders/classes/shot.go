package classes

import "math"

// Mean is the mean of activations (H each), brought to unit length: what a class is
// represented by.
func Mean(activations [][]float32) []float32 {
	mean := make([]float32, len(activations[0]))
	for c := range mean {
		sum := 0.0
		for _, z := range activations {
			sum += float64(z[c])
		}
		mean[c] = float32(sum / float64(len(activations)))
	}
	return unit(mean)
}

// Imprinted is a label's row (H) made of the mean activation of its examples (Qi et
// al. 2018, "Low-Shot Learning with Imprinted Weights"): as long as the others' rows
// are on average, so that their logits compare.
func (n *Network) Imprinted(mean []float32) []float32 {
	h, length := len(mean), 0.0
	for at := 0; at < len(n.Labels); at += h {
		length += math.Sqrt(dot(n.Labels[at:at+h], n.Labels[at:at+h]))
	}
	if labels := len(n.Bias); labels > 0 {
		length /= float64(labels)
	}
	row := make([]float32, h)
	for i, v := range mean {
		row[i] = float32(length * float64(v))
	}
	return row
}

// Predicted is a label's row (H), Predict times the mean activation of its examples
// (Qiao et al. 2018, "Few-Shot Image Recognition by Predicting Parameters from
// Activations"). n must have Predict.
func (n *Network) Predicted(mean []float32) []float32 {
	h := len(mean)
	row := make([]float32, h)
	for i := range row {
		row[i] = float32(dot(n.Predict[i*h:(i+1)*h], mean))
	}
	return row
}

// MeanBias is the bias of a label that was not learned: that of the others on
// average.
func (n *Network) MeanBias() float32 {
	sum := 0.0
	for _, b := range n.Bias {
		sum += float64(b)
	}
	return float32(sum / float64(max(1, len(n.Bias))))
}
