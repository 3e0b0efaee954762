//go:build linux && cgo

package cuda

import (
	"errors"
	"os"
	"testing"

	"github.com/mm-runtime/mm/kernels"
	"github.com/mm-runtime/mm/kernels/cuda/driver"
	"github.com/mm-runtime/mm/kernels/cuda/emu"
	"github.com/mm-runtime/mm/kernels/kerneltest"
)

// emulate makes Open find the emulated driver, which runs the kernels of this folder.
func emulate(t testing.TB) {
	t.Helper()
	t.Setenv(driver.PathVariable, emu.Library(t, "program.cu"))
}

func open(t testing.TB) *Device {
	t.Helper()
	d, err := Open(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() }) // once more where the test does
	return d.(*Device)
}

func TestConformance(t *testing.T) {
	for _, order := range []string{"forward", "reverse"} {
		t.Run(order, func(t *testing.T) {
			if order == "reverse" && testing.Short() {
				t.Skip("not in -short: the other order has them all")
			}
			t.Setenv("EMU_ORDER", order)
			emulate(t)
			kerneltest.Run(t, func(t testing.TB) kernels.Device { return open(t) })
		})
	}
	t.Run("gpu", func(t *testing.T) {
		kerneltest.Run(t, func(t testing.TB) kernels.Device { return openGPU(t) })
	})
}

// onEach runs a test on the emulated driver, and on a GPU where there is one. The
// driver of the latter may be another than the system's, as for every program.
func onEach(t *testing.T, test func(t *testing.T)) {
	t.Run("emulated", func(t *testing.T) {
		emulate(t)
		test(t)
	})
	t.Run("gpu", func(t *testing.T) {
		must(t, openGPU(t).Close())
		test(t)
	})
}

// openGPU opens the first GPU, or skips the test where there is none.
func openGPU(t testing.TB) kernels.Device {
	t.Helper()
	d, err := Open(0)
	if (errors.Is(err, driver.ErrNoDriver) || errors.Is(err, driver.ErrNoDevice)) && os.Getenv("MM_REQUIRE_GPU") != "1" {
		t.Skip(err)
	}
	must(t, err)
	return d
}
