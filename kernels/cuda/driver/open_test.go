//go:build linux && cgo

package driver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenFailures(t *testing.T) {
	for _, c := range []struct {
		name string
		set  []string
		want error
		says string
	}{
		{"no library", []string{PathVariable, "/nowhere/libcuda.so.1"}, ErrNoDriver, "/nowhere/libcuda.so.1: cannot open"},
		{"no device", []string{"EMU_DEVICES", "0"}, ErrNoDevice, "CUDA_ERROR_NO_DEVICE"},
		{"old driver", []string{"EMU_VERSION", "12080"}, ErrTooOld, "CUDA 12.8, want at least 13.0"},
		{"broken driver", []string{"EMU_FAIL", "cuInit=999"}, nil, "cuInit: unknown CUDA error (999)"},
		{"no version", []string{"EMU_FAIL", "cuDriverGetVersion=1"}, nil, "cuDriverGetVersion: CUDA_ERROR_INVALID_VALUE (1)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emulate(t, c.set...)
			_, err := Open()
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with %q in it", err, c.want, c.says)
			}
			var call *Error
			if c.want == nil && !errors.As(err, &call) {
				t.Errorf("error %v is no *Error", err)
			}
		})
	}
}

// TestOldLibrary opens a library that is no CUDA driver, or one of long ago: it
// lacks symbols.
func TestOldLibrary(t *testing.T) {
	emulate(t)
	libc, err := filepath.Glob("/lib/*/libm.so.6")
	if err != nil || len(libc) == 0 {
		t.Skip("no other library at /lib/*/libm.so.6")
	}
	t.Setenv(PathVariable, libc[0])
	if _, err := Open(); !errors.Is(err, ErrTooOld) || !strings.Contains(err.Error(), "has no cuInit") {
		t.Errorf("error %v, want %v", err, ErrTooOld)
	}
}

func TestDeviceFailures(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   []string
		index int
		want  error
		says  string
	}{
		{"index", []string{"EMU_DEVICES", "2"}, 2, ErrDeviceIndex, "2, want 0 up to 1"},
		{"negative", nil, -1, ErrDeviceIndex, "-1, want 0 up to 0"},
		{"capability", []string{"EMU_CAPABILITY", "75"}, 0, ErrUnsupported, "(Emulated GPU) has 7.5, want at least 8.0"},
		{"count", []string{"EMU_FAIL", "cuDeviceGetCount=3"}, 0, nil, "cuDeviceGetCount: CUDA_ERROR_NOT_INITIALIZED (3): initialization error"},
		{"get", []string{"EMU_FAIL", "cuDeviceGet=101"}, 0, nil, "cuDeviceGet: CUDA_ERROR_INVALID_DEVICE"},
		{"name", []string{"EMU_FAIL", "cuDeviceGetName=101"}, 0, nil, "cuDeviceGetName"},
		{"memory", []string{"EMU_FAIL", "cuDeviceTotalMem=101"}, 0, nil, "cuDeviceTotalMem"},
		{"attribute", []string{"EMU_FAIL", "cuDeviceGetAttribute=1@2"}, 0, nil, "cuDeviceGetAttribute"},
	} {
		t.Run(c.name, func(t *testing.T) {
			emulate(t, c.set...)
			l, err := Open()
			must(t, err)
			_, err = l.Device(c.index)
			if err == nil || c.want != nil && !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("error %v, want %v with %q in it", err, c.want, c.says)
			}
		})
	}
	t.Run("gone", func(t *testing.T) { // between cuInit and the count
		emulate(t)
		l, err := Open()
		must(t, err)
		t.Setenv("EMU_DEVICES", "0")
		if _, err := l.Device(0); !errors.Is(err, ErrNoDevice) {
			t.Errorf("error %v, want %v", err, ErrNoDevice)
		}
	})
}

func TestDevice(t *testing.T) {
	emulate(t, "EMU_DEVICES", "3", "EMU_CAPABILITY", "103")
	l, err := Open()
	must(t, err)
	n, err := l.Devices()
	must(t, err)
	d, err := l.Device(2)
	must(t, err)
	if l.Version() != 13000 || n != 3 || d.Name != "Emulated GPU" || d.Major != 10 || d.Minor != 3 || d.Memory != 1<<30 || d.Index != 2 {
		t.Errorf("version %d, %d devices, device %+v", l.Version(), n, d)
	}
	if v, err := d.Attribute(MultiprocessorCount); v != 4 || err != nil {
		t.Errorf("%d multiprocessors, error %v", v, err)
	}
}

// TestRealDriver opens the driver of this machine where there is one.
func TestRealDriver(t *testing.T) {
	t.Setenv(PathVariable, "")
	l, err := Open()
	if errors.Is(err, ErrNoDriver) && os.Getenv("MM_REQUIRE_GPU") != "1" {
		t.Skip(err)
	}
	must(t, err)
	d, err := l.Device(0)
	must(t, err)
	t.Logf("%s, compute capability %d.%d, CUDA %s", d.Name, d.Major, d.Minor, dotted(l.Version()))
}
