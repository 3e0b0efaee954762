// The matrix products in C: gemm_body.h defines those with float32 activations
// once per instruction set, gemm_vnni_amd64.c those with integer ones.
#ifndef MM_GEMM_H
#define MM_GEMM_H

#include <stdint.h>

// Types of weights.
enum { MM_F32, MM_BF16, MM_I8 };

// dst (rows, out) = x (rows, in)·wᵀ, or += with add, for the units lo up to hi of
// the product (see gemm_body.h). w is in panels, scales one an output for MM_I8.
void mm_gemm_avx2(int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w,
                  const float *scales, int64_t in, int64_t out, int add, int64_t lo, int64_t hi);
void mm_gemm_avx512(int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w,
                    const float *scales, int64_t in, int64_t out, int add, int64_t lo, int64_t hi);

// Rows of float32 as two signed digits of base 256 each, and back (see
// gemm_vnni_amd64.c). digits (rows, 2, stride), sums (rows, 2).
void mm_digits(int8_t *digits, int64_t stride, float *scales, int32_t *sums, const float *x, int64_t ldx, int64_t in,
               int64_t lo, int64_t hi);
void mm_gemm_vnni(float *dst, int64_t ldd, const int8_t *digits, int64_t stride, const float *row_scales,
                  const int32_t *sums, int64_t rows, const uint8_t *w, const float *scales, int64_t in, int64_t out,
                  int add, int64_t lo, int64_t hi);

#endif
