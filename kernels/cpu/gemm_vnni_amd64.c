//go:build cgo

// Matrix products of int8 weights on AVX-512 VNNI, with activations as 16-bit
// integers. Rounding activations to 8 bits changes one translation in twelve,
// to 16 bits one in six hundred (bench/LOG.md); the second digit costs a second
// multiplication, but no second read of the weights.
//
// A row x becomes q = round(x · 32639 / max|x|) = 256·high + low, both digits
// signed 8-bit. VNNI multiplies unsigned by signed bytes, so the weights are
// stored plus 128 and 128 · Σ digits is taken off at the end. All sums are exact
// integers: 255 · 128 · in < 2³¹ for in up to 2¹⁶.
//
// A panel of 32 outputs holds, for every four inputs, 32 × 4 bytes.

#include <float.h>
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "gemm_amd64.h"

#define FUNC static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))
#define EXPORT __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")))

enum { LANES = 16, VECTORS = 2, PANEL = VECTORS * LANES, ROWS = 6, LARGEST = 32639 };

FUNC __m512 load_left(const float *p, int64_t left) {
	return _mm512_maskz_loadu_ps(left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1), p);
}

// A row with a number in it that is not finite becomes zeros with the scale NaN, as
// no digits stand for it: so are all its products.
FUNC void row_digits(int8_t *high, int8_t *low, int64_t stride, float *scale, int32_t *sums, const float *x, int64_t in) {
	__m512 top = _mm512_setzero_ps(), most = _mm512_set1_ps(FLT_MAX);
	__mmask16 bad = 0;
	for (int64_t i = 0; i < in; i += LANES) {
		__m512 size = _mm512_abs_ps(load_left(x + i, in - i));
		bad |= _mm512_cmp_ps_mask(size, most, _CMP_NLE_UQ);
		top = _mm512_max_ps(top, size);
	}
	if (bad) {
		memset(high, 0, stride), memset(low, 0, stride);
		sums[0] = sums[1] = 0, *scale = NAN;
		return;
	}
	float largest = _mm512_reduce_max_ps(top);
	*scale = largest / LARGEST;
	__m512 factor = _mm512_set1_ps(largest > 1e-30f ? LARGEST / largest : 0);
	__m512i total_high = _mm512_setzero_si512(), total_low = _mm512_setzero_si512();
	for (int64_t i = 0; i < stride; i += LANES) {
		__m512 value = i < in ? load_left(x + i, in - i) : _mm512_setzero_ps();
		__m512i q = _mm512_cvtps_epi32(_mm512_mul_ps(value, factor));
		__m512i h = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8);
		__m512i l = _mm512_sub_epi32(q, _mm512_slli_epi32(h, 8));
		total_high = _mm512_add_epi32(total_high, h);
		total_low = _mm512_add_epi32(total_low, l);
		_mm_storeu_si128((__m128i *)(high + i), _mm512_cvtepi32_epi8(h));
		_mm_storeu_si128((__m128i *)(low + i), _mm512_cvtepi32_epi8(l));
	}
	sums[0] = _mm512_reduce_add_epi32(total_high);
	sums[1] = _mm512_reduce_add_epi32(total_low);
}

EXPORT void mm_digits(int8_t *digits, int64_t stride, float *scales, int32_t *sums, const float *x, int64_t ldx, int64_t in,
                      int64_t lo, int64_t hi) {
	for (int64_t r = lo; r < hi; r++)
		row_digits(digits + 2 * r * stride, digits + (2 * r + 1) * stride, stride, scales + r, sums + 2 * r, x + r * ldx, in);
}

// Rows r < MR of dst's outputs first up to out; as tile in gemm_body.h.
FUNC void tile(const int MR, const int panels, float *dst, int64_t ldd, const int8_t *digits, int64_t stride,
               const float *row_scales, const int32_t *sums, const uint8_t *w, int64_t first, const float *scales,
               int64_t in, int64_t out, int add) {
	// Of fixed size, as only such arrays become registers; so do all loops unroll.
	__m512i high[ROWS][VECTORS * 4], low[ROWS][VECTORS * 4];
#pragma GCC unroll 16
	for (int r = 0; r < MR; r++)
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			high[r][v] = low[r][v] = _mm512_setzero_si512();
	int64_t quads = (in + 3) / 4;
	const uint8_t *panel = w + first * quads * 4;
	for (int64_t i = 0; i < quads; i++) {
		__m512i column[VECTORS * 4];
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			column[v] = _mm512_loadu_si512(panel + ((v / VECTORS * quads + i) * VECTORS + v % VECTORS) * 64);
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++) {
			const int32_t *four = (const int32_t *)(digits + 2 * r * stride) + i;
			__m512i h = _mm512_set1_epi32(four[0]), l = _mm512_set1_epi32(four[stride / 4]);
#pragma GCC unroll 16
			for (int v = 0; v < panels * VECTORS; v++) {
				high[r][v] = _mm512_dpbusd_epi32(high[r][v], column[v], h);
				low[r][v] = _mm512_dpbusd_epi32(low[r][v], column[v], l);
			}
		}
	}
#pragma GCC unroll 16
	for (int v = 0; v < panels * VECTORS; v++) {
		int64_t c = first + v * LANES, left = out - c;
		if (left <= 0)
			break;
		__mmask16 some = left >= LANES ? 0xffff : (__mmask16)((1u << left) - 1);
		__m512 scale = _mm512_maskz_loadu_ps(some, scales + c);
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++) {
			__m512i h = _mm512_sub_epi32(high[r][v], _mm512_set1_epi32(128 * sums[2 * r]));
			__m512i l = _mm512_sub_epi32(low[r][v], _mm512_set1_epi32(128 * sums[2 * r + 1]));
			__m512 sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(h), _mm512_set1_ps(256), _mm512_cvtepi32_ps(l));
			sum = _mm512_mul_ps(_mm512_mul_ps(sum, _mm512_set1_ps(row_scales[r])), scale);
			__asm__("" : "+v"(sum)); // else gcc may round it together with what it is added to, in some tiles
			float *to = dst + r * ldd + c;
			if (add)
				sum = _mm512_add_ps(_mm512_maskz_loadu_ps(some, to), sum);
			_mm512_mask_storeu_ps(to, some, sum);
		}
	}
}

#define TILE(mr, panels) tile(mr, panels, dst, ldd, digits, stride, row_scales, sums, w, first, scales, in, out, add)

// Rows that meet one panel, largest tiles first.
FUNC void panel_rows(float *dst, int64_t ldd, const int8_t *digits, int64_t stride, const float *row_scales,
                     const int32_t *sums, int64_t rows, const uint8_t *w, int64_t first, const float *scales, int64_t in,
                     int64_t out, int add) {
	while (rows > 0) {
		int64_t done;
		if (rows >= ROWS)
			TILE(ROWS, 1), done = ROWS;
		else if (rows >= 4)
			TILE(4, 1), done = 4;
		else if (rows >= 2)
			TILE(2, 1), done = 2;
		else
			TILE(1, 1), done = 1;
		rows -= done, dst += done * ldd, digits += 2 * done * stride, row_scales += done, sums += 2 * done;
	}
}

// The units are those of next_tiles.
EXPORT void mm_gemm_vnni(float *dst, int64_t ldd, const int8_t *digits, int64_t stride, const float *row_scales,
                         const int32_t *sums, int64_t rows, const uint8_t *w, const float *scales, int64_t in, int64_t out,
                         int add, int64_t lo, int64_t hi) {
	int64_t tiles = (rows + ROWS - 1) / ROWS, panels = (out + PANEL - 1) / PANEL;
	while (lo < hi) {
		if (rows == 1 && hi - lo >= 4) {
			int64_t first = lo * PANEL;
			TILE(1, 4);
			lo += 4;
			continue;
		}
		struct tiles t = next_tiles(lo, hi, tiles, panels, 2 * ROWS * stride);
		int64_t from = t.from * ROWS, end = t.end * ROWS < rows ? t.end * ROWS : rows;
		panel_rows(dst + from * ldd, ldd, digits + 2 * from * stride, stride, row_scales + from, sums + 2 * from, end - from, w,
		           t.panel * PANEL, scales, in, out, add);
		lo += t.end - t.from;
	}
}
