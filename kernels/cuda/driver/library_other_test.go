//go:build !linux || !cgo

package driver

import (
	"errors"
	"testing"
)

func TestBuiltWithout(t *testing.T) {
	if _, err := Open(); !errors.Is(err, ErrBuiltWithout) {
		t.Errorf("error %v, want %v", err, ErrBuiltWithout)
	}
}
