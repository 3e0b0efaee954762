package cpu

import "syscall"

// adviseHuge asks for pages of 2 MiB: weights are read from end to end at every step,
// and with pages of 4 KiB each panel of 256 inputs is on one of its own. Where the
// kernel has none to give nothing changes.
func adviseHuge(p []byte) { _ = syscall.Madvise(p, syscall.MADV_HUGEPAGE) }
