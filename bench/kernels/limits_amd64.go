//go:build cgo && amd64

package main

/*
#include <stddef.h>

// Each turn is 16 independent multiplications, more than any core has in flight.
#define SIXTEEN(op, r) \
	op " %%" r "31,%%" r "31,%%" r "0\n" op " %%" r "31,%%" r "31,%%" r "1\n" \
	op " %%" r "31,%%" r "31,%%" r "2\n" op " %%" r "31,%%" r "31,%%" r "3\n" \
	op " %%" r "31,%%" r "31,%%" r "4\n" op " %%" r "31,%%" r "31,%%" r "5\n" \
	op " %%" r "31,%%" r "31,%%" r "6\n" op " %%" r "31,%%" r "31,%%" r "7\n" \
	op " %%" r "31,%%" r "31,%%" r "8\n" op " %%" r "31,%%" r "31,%%" r "9\n" \
	op " %%" r "31,%%" r "31,%%" r "10\n" op " %%" r "31,%%" r "31,%%" r "11\n" \
	op " %%" r "31,%%" r "31,%%" r "12\n" op " %%" r "31,%%" r "31,%%" r "13\n" \
	op " %%" r "31,%%" r "31,%%" r "14\n" op " %%" r "31,%%" r "31,%%" r "15\n"

#define LOOP(name, op) \
	static void name(size_t turns) { \
		__asm__ volatile("vzeroall\n" "vpxorq %%zmm31,%%zmm31,%%zmm31\n" \
			"1:\n" SIXTEEN(op, "zmm") "dec %0\n" "jnz 1b\n" "vzeroupper\n" : "+r"(turns) : : "cc", \
			"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", \
			"xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"); \
	}

LOOP(peak_f32, "vfmadd231ps")
LOOP(peak_bf16, "vdpbf16ps")
LOOP(peak_i8, "vpdpbusd")

// With 16 registers only: TWELVE sums, as many as a core of that kind has in flight.
#define TWELVE(op) op("0") op("1") op("2") op("3") op("4") op("5") op("6") op("7") op("8") op("9") op("10") op("11")
#define FMA(n) "vfmadd231ps %%ymm15,%%ymm15,%%ymm" n "\n"
// Without VNNI pairs of 16 bits are multiplied, then added: two instructions for 16 multiplications.
#define PAIRS(n) "vpmaddwd %%ymm15,%%ymm15,%%ymm12\n" "vpaddd %%ymm12,%%ymm" n ",%%ymm" n "\n"

#define LOOP_AVX2(name, op) \
	static void name(size_t turns) { \
		__asm__ volatile("vzeroall\n" "1:\n" TWELVE(op) "dec %0\n" "jnz 1b\n" "vzeroupper\n" : "+r"(turns) : : "cc", \
			"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", \
			"xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"); \
	}

LOOP_AVX2(peak_f32_avx2, FMA)
LOOP_AVX2(peak_i8_avx2, PAIRS)

// Read size bytes, a multiple of 512, so many times.
static void read_avx512(const char *data, size_t size, size_t turns) {
	for (; turns; turns--)
		for (const char *p = data; p < data + size; p += 512)
			__asm__ volatile("vmovdqu64 (%0),%%zmm0\n" "vmovdqu64 64(%0),%%zmm1\n"
				"vmovdqu64 128(%0),%%zmm2\n" "vmovdqu64 192(%0),%%zmm3\n"
				"vmovdqu64 256(%0),%%zmm4\n" "vmovdqu64 320(%0),%%zmm5\n"
				"vmovdqu64 384(%0),%%zmm6\n" "vmovdqu64 448(%0),%%zmm7\n" : : "r"(p) : "memory",
				"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
	__asm__ volatile("vzeroupper");
}

static void read_avx2(const char *data, size_t size, size_t turns) {
	for (; turns; turns--)
		for (const char *p = data; p < data + size; p += 256)
			__asm__ volatile("vmovdqu (%0),%%ymm0\n" "vmovdqu 32(%0),%%ymm1\n"
				"vmovdqu 64(%0),%%ymm2\n" "vmovdqu 96(%0),%%ymm3\n"
				"vmovdqu 128(%0),%%ymm4\n" "vmovdqu 160(%0),%%ymm5\n"
				"vmovdqu 192(%0),%%ymm6\n" "vmovdqu 224(%0),%%ymm7\n" : : "r"(p) : "memory",
				"xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");
	__asm__ volatile("vzeroupper");
}
*/
import "C"

import (
	"unsafe"

	"golang.org/x/sys/cpu"
)

func peakLoops() []peakLoop {
	x := &cpu.X86
	var loops []peakLoop
	switch {
	case x.HasAVX512F && x.HasAVX512DQ:
		loops = append(loops, peakLoop{"f32", 16 * 32, func(turns int) { C.peak_f32(C.size_t(turns)) }})
	case x.HasFMA && x.HasAVX2:
		loops = append(loops, peakLoop{"f32", 12 * 16, func(turns int) { C.peak_f32_avx2(C.size_t(turns)) }})
	}
	switch {
	case x.HasAVX512BF16:
		loops = append(loops, peakLoop{"bf16", 16 * 64, func(turns int) { C.peak_bf16(C.size_t(turns)) }})
	case len(loops) > 0: // widened and multiplied as f32
		loops = append(loops, peakLoop{"bf16", loops[0].flops, loops[0].run})
	}
	switch {
	case x.HasAVX512VNNI:
		loops = append(loops, peakLoop{"i8", 16 * 128, func(turns int) { C.peak_i8(C.size_t(turns)) }})
	case x.HasAVX2:
		loops = append(loops, peakLoop{"i8", 12 * 32, func(turns int) { C.peak_i8_avx2(C.size_t(turns)) }})
	}
	return loops
}

func canRead() bool { return cpu.X86.HasAVX2 }

// readAll reads data, a multiple of 512 bytes, so many times.
func readAll(data []byte, turns int) {
	p, n := (*C.char)(unsafe.Pointer(unsafe.SliceData(data))), C.size_t(len(data))
	if cpu.X86.HasAVX512F {
		C.read_avx512(p, n, C.size_t(turns))
		return
	}
	C.read_avx2(p, n, C.size_t(turns))
}
