//go:build !linux && !darwin

package checkpoint

import "os"

// mapFile reads the file whole where mapping it is not at hand.
func mapFile(path string) (data []byte, unmap func() error, err error) {
	data, err = os.ReadFile(path)
	return data, nil, err
}
