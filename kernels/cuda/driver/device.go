//go:build linux && cgo

package driver

// #include "shim.h"
import "C"

import "fmt"

// Attribute is a CUdevice_attribute.
type Attribute int

// The attributes that mm asks for.
const (
	MultiprocessorCount Attribute = 16  // CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
	capabilityMajor     Attribute = 75  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
	capabilityMinor     Attribute = 76  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR
	L2CacheSize         Attribute = 38  // CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE
	MaxSharedPerBlock   Attribute = 97  // CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN
	MemoryPools         Attribute = 115 // CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED
)

// Device is one GPU of the driver.
type Device struct {
	Index        int
	Name         string
	Major, Minor int   // compute capability
	Memory       int64 // bytes
	library      *Library
	id           C.mm_device
}

// MinCapability is the oldest compute capability that our kernels run on, times
// ten: Ampere, the first with bfloat16 matrix instructions.
const MinCapability = 80

// Devices is the number of GPUs.
func (l *Library) Devices() (int, error) {
	var n C.int
	err := l.check("cuDeviceGetCount", C.mm_cuDeviceGetCount(l.calls, &n))
	return int(n), err
}

// Device returns GPU number index. It fails with ErrNoDevice, ErrDeviceIndex or
// ErrUnsupported where there is no such device, or not one that we can use.
func (l *Library) Device(index int) (*Device, error) {
	n, err := l.Devices()
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return nil, fmt.Errorf("%w (%s, CUDA %s)", ErrNoDevice, l.path, dotted(l.version))
	case index < 0 || index >= n:
		return nil, fmt.Errorf("%w: %d, want 0 up to %d", ErrDeviceIndex, index, n-1)
	}
	d := &Device{Index: index, library: l}
	if err := l.check("cuDeviceGet", C.mm_cuDeviceGet(l.calls, &d.id, C.int(index))); err != nil {
		return nil, err
	}
	if err := d.describe(); err != nil {
		return nil, err
	}
	if 10*d.Major+d.Minor < MinCapability {
		return nil, fmt.Errorf("%w: device %d (%s) has %d.%d, want at least %d.%d",
			ErrUnsupported, index, d.Name, d.Major, d.Minor, MinCapability/10, MinCapability%10)
	}
	return d, nil
}

func (d *Device) describe() error {
	l := d.library
	var name [256]C.char
	if err := l.check("cuDeviceGetName", C.mm_cuDeviceGetName(l.calls, &name[0], C.int(len(name)-1), d.id)); err != nil {
		return err
	}
	d.Name = C.GoString(&name[0])
	var memory C.size_t
	if err := l.check("cuDeviceTotalMem", C.mm_cuDeviceTotalMem_v2(l.calls, &memory, d.id)); err != nil {
		return err
	}
	d.Memory = int64(memory)
	var err error
	if d.Major, err = d.Attribute(capabilityMajor); err != nil {
		return err
	}
	d.Minor, err = d.Attribute(capabilityMinor)
	return err
}

// Attribute asks for one number.
func (d *Device) Attribute(a Attribute) (int, error) {
	var v C.int
	err := d.library.check("cuDeviceGetAttribute", C.mm_cuDeviceGetAttribute(d.library.calls, &v, C.int(a), d.id))
	return int(v), err
}

// Context is a device's primary context, which all of the process's users of the
// device share.
type Context struct {
	library *Library
	device  *Device
	handle  C.mm_handle
}

// Retain makes the device's context, or joins it.
func (d *Device) Retain() (*Context, error) {
	c := &Context{library: d.library, device: d}
	err := c.library.check("cuDevicePrimaryCtxRetain", C.mm_cuDevicePrimaryCtxRetain(c.library.calls, &c.handle, d.id))
	if err != nil {
		return nil, err
	}
	return c, nil
}

// Release leaves the context; the last to leave ends it.
func (c *Context) Release() error {
	return c.library.check("cuDevicePrimaryCtxRelease", C.mm_cuDevicePrimaryCtxRelease_v2(c.library.calls, c.device.id))
}
