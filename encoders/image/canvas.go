package image

// Taps lists, for every stride-th place in both directions, the nine rows of the canvas
// that a convolution there takes in, -1 for one outside.
func (c Canvas) Taps(stride int) []int32 { return c.around(stride).index }

// Positions are the sinusoids of all places (Width·Height, columns), as Forward adds
// them to its rows.
func (c Canvas) Positions(columns int) []float32 { return c.positions(columns) }
