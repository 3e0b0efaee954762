package mm

// Arena is the memory that a model's batch works in: caches, which have a row for
// every token being written and for every row of a source that is read from, and
// scratch. It grows to what the requests need, and stays.
type Arena struct {
	Bytes int64 // held now
	// Rows of the caches at most; a request that has more by itself runs alone.
	Outputs, Sources int
	// Bytes of such a row.
	OutputRow, SourceRow int64
}

// Caches is the most bytes that the caches may come to.
func (a Arena) Caches() int64 {
	return int64(a.Outputs)*a.OutputRow + int64(a.Sources)*a.SourceRow
}

// measure makes caches of one row and sees how large they are.
func (e *engine) measure() error {
	if err := e.mixer.Grow(e.cache, 1, 0); err != nil {
		return err
	}
	output := e.cache.Bytes()
	if err := e.mixer.Grow(e.cache, 1, 1); err != nil {
		return err
	}
	e.arena = Arena{Outputs: maxOutputSlots, Sources: maxMemorySlots, OutputRow: output, SourceRow: e.cache.Bytes() - output}
	e.held.Store(e.cache.Bytes())
	return nil
}
