// The matrix products in C: gemm_body.h defines those with float32 activations
// once per instruction set, gemm_vnni_amd64.c and gemm_pairs_amd64.c those with
// integer ones.
#ifndef MM_GEMM_H
#define MM_GEMM_H

#include <stdint.h>

// Types of weights that meet float32.
enum { MM_F32, MM_BF16 };

// dst (rows, out) = x (rows, in)·wᵀ, or += with add, for the units lo up to hi of
// the product (see next_tiles). w is in panels (see gemm_body.h).
void mm_gemm_avx2(int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w, int64_t in,
                  int64_t out, int add, int64_t lo, int64_t hi);
void mm_gemm_avx512(int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w, int64_t in,
                    int64_t out, int add, int64_t lo, int64_t hi);

// Rows of float32 as two signed digits of base 256 each, and back (see
// gemm_vnni_amd64.c). digits (rows, 2, stride), sums (rows, 2).
void mm_digits(int8_t *digits, int64_t stride, float *scales, int32_t *sums, const float *x, int64_t ldx, int64_t in,
               int64_t lo, int64_t hi);
void mm_gemm_vnni(float *dst, int64_t ldd, const int8_t *digits, int64_t stride, const float *row_scales,
                  const int32_t *sums, int64_t rows, const uint8_t *w, const float *scales, int64_t in, int64_t out,
                  int add, int64_t lo, int64_t hi);

// Rows of float32 as 16-bit integers, and back (see gemm_pairs_amd64.c). codes
// (rows, stride), sums (rows): of their sizes.
void mm_codes(int16_t *codes, int64_t stride, float *scales, int32_t *sums, const float *x, int64_t ldx, int64_t in, int64_t lo,
              int64_t hi);
void mm_gemm_pairs(float *dst, int64_t ldd, const int16_t *codes, int64_t stride, const float *row_scales, const int32_t *sums,
                   int64_t rows, const int8_t *w, const float *scales, int64_t in, int64_t out, int add, int64_t lo, int64_t hi);

// A unit of a product is a row tile times a panel of weights. Row tiles come in
// blocks that the second cache level holds; a block meets one panel after another,
// each of which stays in the nearest level while the tiles pass by.
struct tiles {
	int64_t panel, from, end; // row tiles of one panel
};

enum { BLOCK_BYTES = 192 << 10 };

// The first of the units lo up to hi that share a panel, and a block of row tiles of
// tile_bytes each.
static inline struct tiles next_tiles(int64_t lo, int64_t hi, int64_t tiles, int64_t panels, int64_t tile_bytes) {
	int64_t most = tile_bytes < BLOCK_BYTES ? BLOCK_BYTES / tile_bytes : 1;
	int64_t block = lo / (most * panels), first = block * most;
	int64_t here = tiles - first < most ? tiles - first : most, unit = lo - first * panels;
	int64_t from = unit % here, end = here - from < hi - lo ? here : from + hi - lo;
	return (struct tiles){unit / here, first + from, first + end};
}

#endif
