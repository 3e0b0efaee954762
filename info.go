package mm

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Info describes a loaded model.
type Info struct {
	Name, Version string
	Parameters    int    // numbers learned
	Tensors       int    // that they stand in
	Types         string // how they are stored: "13.6M i8, 0.1M f32"
	WeightBytes   int64
	SHA256        string        // of the weights' file, hexadecimal
	Vocabulary    int           // tokens
	Positions     int           // tokens of the longest input segment
	Width, Layers int           // of features: numbers each, and where a Tap may be
	Window        time.Duration // of the longest sound in one piece, 0 for a model that does not hear
	Device        string        // what runs: "cpu (avx512-vnni, 2 threads)"
	Arena         Arena         // that requests run in, besides the weights
}

// Info describes the loaded model. A closed one has only its name, sizes and
// device left.
func (m *Model) Info() Info {
	m.lifetime.RLock()
	defer m.lifetime.RUnlock()
	c := m.ckpt.Config
	info := Info{
		Name: c.Name, Version: c.Version,
		Vocabulary: c.Vocabulary.Size, Positions: c.Model.MaxPositions,
		Width: c.Model.Width, Layers: m.engine.layers(), Device: m.dev.Name(), Arena: m.engine.arena,
	}
	info.Arena.Bytes = m.engine.held.Load()
	if a := c.Model.Audio; a != nil {
		info.Window = time.Duration(a.Window) * frameTime
	}
	if m.closed {
		return info
	}
	facts := m.ckpt.Info()
	info.Parameters, info.Tensors = facts.Parameters, facts.Tensors
	info.WeightBytes, info.SHA256 = facts.Bytes, m.ckpt.SHA256()
	var types []string
	for t, n := range facts.DTypes {
		types = append(types, fmt.Sprintf("%.2fM %v", float64(n)/1e6, t))
	}
	slices.Sort(types)
	info.Types = strings.Join(types, ", ")
	return info
}

// Check returns the error that Run would give for in before running it: an
// unknown task or language, a limit exceeded, a text for a task that takes sounds.
// It needs neither text nor sound nor picture.
func (m *Model) Check(in Input) error {
	_, err := m.check(in)
	return err
}
