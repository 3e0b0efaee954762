//go:build cgo

// The row operations as Go calls them: each goes to the instruction set that the
// device chose, MM_AVX2 or MM_AVX512.

#include "rowops_amd64.h"

#define CHOOSE(result, name, parameters, names)                                                                       \
	result mm_##name(int isa, BARE parameters) {                                                                  \
		return isa == MM_AVX512 ? mm_##name##_avx512 names : mm_##name##_avx2 names;                          \
	}

ROW_OPS(CHOOSE)

void mm_pause(void) {
	for (int i = 0; i < 4; i++)
		__builtin_ia32_pause();
}
