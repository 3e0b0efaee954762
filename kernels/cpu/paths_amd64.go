//go:build cgo

package cpu

import "golang.org/x/sys/cpu"

// Paths are the instruction sets that can run here, slowest first.
func Paths() []string {
	paths := []string{"go"}
	if lacking("avx2") == "" {
		paths = append(paths, "avx2")
	}
	if lacking("avx512") == "" {
		paths = append(paths, "avx512")
	}
	return paths
}

// lacking says what this processor is missing for a path; empty when nothing.
func lacking(path string) string {
	x := &cpu.X86
	switch {
	case path == "avx2" && !(x.HasAVX2 && x.HasFMA):
		return "this processor lacks AVX2 or FMA"
	case path == "avx512" && !(x.HasAVX2 && x.HasFMA):
		return "this processor lacks AVX2 or FMA"
	case path == "avx512" && !(x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL && x.HasAVX512VNNI):
		return "this processor lacks AVX-512 F, BW, DQ, VL or VNNI"
	}
	return ""
}
