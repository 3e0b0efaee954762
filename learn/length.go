package learn

import (
	"slices"

	"github.com/mm-runtime/mm/decoders/classes"
)

const (
	mostAsked = 2000 // examples by which lengths are chosen
	// unseen is by how much rows of new classes are longer than those of known ones that
	// are taken for new: the others were learned to keep low beside these. Found on
	// BANKING77, CLINC150 and CIFAR-100 (bench/LOG.md).
	unseen = 1.2
)

// ImprintLength is the length at which imprinted rows are the answer as often as they
// should be.
func ImprintLength(n *classes.Network, known, held Set) float32 {
	if length := answeredAt(n, known, held, func(mean []float32) []float32 { return mean }); length > 0 {
		return length
	}
	return rowsLength(n)
}

// answeredAt is what to multiply the rows by that are made of means: were each known
// class in its turn of a few of its examples only, with such a row in place of its own,
// then about as many examples would be taken for it, rightly or not, as there are of it.
// These are the held ones, if there are such. 0 where that cannot be said.
func answeredAt(n *classes.Network, known, held Set, made func(mean []float32) []float32) float32 {
	asked, r := known, random(0, useLengths)
	if held.Len() > 0 {
		asked = held
	}
	if asked.Len() > mostAsked {
		asked = asked.Pick(r.Perm(asked.Len())[:mostAsked])
	}
	var rows []float32
	var labels []int
	should := 0
	by := asked.ByLabel(len(n.Bias))
	for l, own := range known.ByLabel(len(n.Bias)) {
		if len(own) > 0 {
			few := activations(n, known.Pick(draw(r, own, shotMost)))
			rows, labels = append(rows, made(meanOf(few, seq(few.Len())))...), append(labels, l)
			should += len(by[l])
		}
	}
	enough := answeredFrom(n, activations(n, asked), rows, labels)
	if should == 0 || should > len(enough) { // rows that have learned nothing
		return 0
	}
	return unseen * enough[should-1]
}

// answeredFrom is what rows, made for labels in place of their own, have to be multiplied by at
// least to be the answers to examples: for each of them and each of the activations
// asked, where that can be, sorted.
func answeredFrom(n *classes.Network, asked Set, rows []float32, labels []int) []float32 {
	if len(labels) < 2 {
		return nil
	}
	logits, along := layer(asked.Rows, asked.Width, n.Labels, n.Bias), layer(asked.Rows, asked.Width, rows, make([]float32, len(labels)))
	bias, all := n.MeanBias(), len(n.Bias)
	var enough []float32
	for i := range asked.Len() {
		row := logits[i*all : (i+1)*all]
		first, second := bestTwo(row)
		for j, l := range labels {
			best := row[first]
			if first == l { // whose own row is not there
				best = row[second]
			}
			switch c := along[i*len(labels)+j]; {
			case best <= bias:
				enough = append(enough, 0)
			case c > 0:
				enough = append(enough, (best-bias)/c)
			}
		}
	}
	slices.Sort(enough)
	return enough
}

// bestTwo is which of at least two values are the largest.
func bestTwo(values []float32) (first, second int) {
	second = -1
	for i, v := range values[1:] {
		switch {
		case v > values[first]:
			first, second = i+1, first
		case second < 0 || v > values[second]:
			second = i + 1
		}
	}
	return first, second
}

// rowsLength is the mean length of the labels' rows.
func rowsLength(n *classes.Network) float32 {
	unit := make([]float32, n.Activations())
	unit[0] = 1
	return n.Imprinted(unit)[0]
}
