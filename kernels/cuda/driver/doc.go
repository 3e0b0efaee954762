// Package driver is a thin layer over the CUDA driver API. It opens libcuda.so.1
// when asked to, so the same program runs where there is no driver, and it is
// built with plain cgo: no CUDA header, no toolkit, no link flag. Every call that
// fails is an error that names the call and the driver's code. Contexts are bound
// to threads; each call binds its own, so goroutines may call from any thread.
package driver

// PathVariable is the environment variable that names another library to open,
// such as the emulator that the tests build.
const PathVariable = "MM_CUDA_DRIVER"

const defaultPath = "libcuda.so.1"

// MinVersion is the oldest driver that runs our kernels: they are compiled by
// CUDA 13.0, whose binaries older drivers refuse.
const MinVersion = 13000
