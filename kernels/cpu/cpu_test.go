package cpu_test

import (
	"strings"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cpu"
	"github.com/mm-runtime/mm/kernels/kerneltest"
)

func TestConformance(t *testing.T) {
	for _, path := range []string{"go", "avx2", "avx512"} {
		t.Run(path, func(t *testing.T) {
			kerneltest.Run(t, func(t testing.TB) kernels.Device { return open(t, path, 2) })
		})
	}
}

// open opens a device, or skips the test where this build or machine lacks the path.
func open(t testing.TB, path string, threads int) *cpu.Device {
	t.Helper()
	d, err := cpu.Open(cpu.Options{Path: path, Threads: threads})
	if err != nil {
		t.Skip(err)
	}
	return d
}

func TestOpenErrors(t *testing.T) {
	for _, c := range []struct {
		opts cpu.Options
		env  string
		want string
	}{
		{cpu.Options{Threads: -1}, "", "-1 threads"},
		{cpu.Options{Threads: 5000}, "", "5000 threads"},
		{cpu.Options{Path: "sse"}, "", `unknown path "sse", want one of go, avx2, avx512`},
		{cpu.Options{}, "neon", `unknown MM_CPU "neon", want one of go, avx2, avx512`},
	} {
		t.Setenv("MM_CPU", c.env)
		d, err := cpu.Open(c.opts)
		if err == nil {
			d.Close()
			t.Errorf("%+v, MM_CPU=%q: opened %s", c.opts, c.env, d.Name())
		} else if !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v, MM_CPU=%q: error %q, want %q in it", c.opts, c.env, err, c.want)
		}
	}
}

func TestOpenChoosesPath(t *testing.T) {
	t.Setenv("MM_CPU", "go")
	for _, c := range []struct {
		opts cpu.Options
		want string
	}{
		{cpu.Options{Threads: 1}, "cpu (go, 1 thread)"},
		{cpu.Options{Threads: 3}, "cpu (go, 3 threads)"},
	} {
		d, err := cpu.Open(c.opts)
		if err != nil {
			t.Fatal(err)
		}
		if d.Name() != c.want {
			t.Errorf("%+v: %s, want %s", c.opts, d.Name(), c.want)
		}
		d.Close()
	}
}
