//go:build cgo

#include "gemm_amd64.h"
#include "simd_avx2.h"
#include "simd_left.h"

#define ROWS 6 // 12 sums, 2 weights and a value: of 16 registers

#include "gemm_body.h"
