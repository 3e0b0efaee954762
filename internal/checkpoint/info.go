package checkpoint

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/mm-runtime/mm/kernels"
)

// Info says what a checkpoint holds.
type Info struct {
	Bytes      int64 // of model.safetensors
	Tensors    int   // scales are not counted
	Parameters int   // elements of the tensors, scales left out
	// DTypes are the parameters by the type that they are stored as.
	DTypes map[kernels.DType]int
}

// Info counts the parameters from the headers; no weight is read.
func (c *Checkpoint) Info() Info {
	info := Info{Bytes: int64(len(c.weights)), DTypes: map[kernels.DType]int{}}
	for _, name := range c.tensors.names {
		if c.tensors.isScale(name) {
			continue
		}
		e := c.tensors.byName[name]
		info.Tensors++
		info.Parameters += e.elements()
		info.DTypes[e.dtype] += e.elements()
	}
	return info
}

// SHA256 is the hexadecimal hash of model.safetensors, computed at the first
// call.
func (c *Checkpoint) SHA256() string { return c.sum() }

func (c *Checkpoint) hash() string {
	sum := sha256.Sum256(c.weights)
	return hex.EncodeToString(sum[:])
}

// scaleSuffix is added to the name of an I8 tensor for that of its scales.
const scaleSuffix = ".scale"

// isScale reports whether a tensor holds the scales of an I8 one.
func (t *tensors) isScale(name string) bool {
	of, ok := strings.CutSuffix(name, scaleSuffix)
	if !ok {
		return false
	}
	e, ok := t.byName[of]
	return ok && e.dtype == kernels.I8
}
