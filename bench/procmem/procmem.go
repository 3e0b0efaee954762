// Package procmem says how much memory this process holds, where the system
// tells: on Linux.
package procmem

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Held is the memory of this process that is in use now, and the most since the
// process started or Reset.
func Held() (resident, peak int64, err error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, 0, err
	}
	return parse(string(status))
}

// Reset makes the peak what is held now.
func Reset() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

func parse(status string) (resident, peak int64, err error) {
	sizes := map[string]int64{}
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if name != "VmRSS" && name != "VmHWM" {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 53)
		if err != nil {
			return 0, 0, fmt.Errorf("procmem: %s %q, want a number of kB", name, value)
		}
		sizes[name] = kib << 10
	}
	if len(sizes) != 2 {
		return 0, 0, fmt.Errorf("procmem: a status of %d bytes without VmRSS and VmHWM", len(status))
	}
	return sizes["VmRSS"], sizes["VmHWM"], nil
}
