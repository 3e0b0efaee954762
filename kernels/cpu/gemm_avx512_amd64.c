//go:build cgo

#include "gemm_amd64.h"
#include "simd_avx512.h"
#include "simd_left.h"

#define ROWS 12 // 24 sums, 2 weights and a value: of 32 registers

#include "gemm_body.h"
