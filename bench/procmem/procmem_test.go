package procmem

import (
	"os"
	"testing"
)

func TestParse(t *testing.T) {
	resident, peak, err := parse("Name:\tmm\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nThreads:\t3\n")
	if err != nil || resident != 1<<20 || peak != 2<<20 {
		t.Errorf("%d %d %v", resident, peak, err)
	}
	for _, status := range []string{"", "VmRSS: 1 kB\n", "VmHWM: 1 kB\nVmRSS: many kB\n"} {
		if _, _, err := parse(status); err == nil {
			t.Errorf("%q passed", status)
		}
	}
}

func TestHeld(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("this system does not tell:", err)
	}
	resident, peak, err := Held()
	if err != nil || resident < 1<<20 || peak < 1<<20 {
		t.Errorf("%d %d %v", resident, peak, err)
	}
}
