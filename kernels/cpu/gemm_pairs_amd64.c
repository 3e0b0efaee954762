//go:build cgo

// Matrix products of int8 weights on AVX2, with the 16-bit activations of
// gemm_vnni_amd64.c: the same integers, here undivided, for the same sums.
//
// vpmaddwd multiplies 16-bit integers and adds the products of two neighbours, so
// weights are widened as they are read. A panel of 16 outputs holds, for every two
// inputs, 16 × 2 codes, up to a multiple of four inputs.
//
// Sums stay below 2³¹ where a row's activations are at most 2²⁴ - 1 in all, as those
// of up to 512 inputs are and hardly any others aren't. Else they are carried every
// 512 inputs, the bits above the lowest eight apart from these. Either way a sum is
// exact until it is rounded to float32, once.

#include <float.h>
#include <math.h>
#include <string.h>

#include "gemm_amd64.h"
#include "simd_avx2.h"
#include "simd_left.h"

enum { VECTORS = 2, PANEL = VECTORS * LANES, ROWS = 6, LARGEST = 32639, MOST = (1 << 24) - 1, EXACT = 512 };

// Pairs of inputs that a turn of the loop multiplies, and how far ahead of it weights
// are fetched, in bytes.
enum { STEP = 2, AHEAD = 1024 };

// Eight values as integers, zeros past the end of the row.
FUNC __m256i eight_codes(const float *x, int64_t left, vec factor) {
	return left > 0 ? _mm256_cvtps_epi32(mul(load_left(x, left), factor)) : _mm256_setzero_si256();
}

// A row with a number in it that is not finite becomes zeros with the scale NaN, as
// no integers stand for it: so are all its products.
FUNC void row_codes(int16_t *codes, int64_t stride, float *scale, int32_t *sum, const float *x, int64_t in) {
	vec top = set1(0), sign = set1(-0.0f), most = set1(FLT_MAX), bad = set1(0);
	for (int64_t i = 0; i < in; i += LANES) {
		vec size = _mm256_andnot_ps(sign, load_left(x + i, in - i));
		bad = _mm256_or_ps(bad, _mm256_cmp_ps(size, most, _CMP_NLE_UQ));
		top = larger(top, size);
	}
	if (_mm256_movemask_ps(bad)) {
		memset(codes, 0, 2 * stride), *scale = NAN, *sum = 0;
		return;
	}
	float most_of = largest(top);
	*scale = most_of / LARGEST;
	vec factor = set1(most_of > 1e-30f ? LARGEST / most_of : 0);
	__m256i total = _mm256_setzero_si256();
	for (int64_t i = 0; i < stride; i += 2 * LANES) {
		__m256i a = eight_codes(x + i, in - i, factor), b = eight_codes(x + i + LANES, in - i - LANES, factor);
		// The halves of a and b come out crossed.
		__m256i both = _mm256_permute4x64_epi64(_mm256_packs_epi32(a, b), 0xd8);
		_mm256_storeu_si256((__m256i *)(codes + i), both);
		total = _mm256_add_epi32(total, _mm256_madd_epi16(_mm256_abs_epi16(both), _mm256_set1_epi16(1)));
	}
	int32_t each[LANES];
	_mm256_storeu_si256((__m256i *)each, total);
	*sum = 0;
	for (int i = 0; i < LANES; i++)
		*sum += each[i];
}

EXPORT void mm_codes(int16_t *codes, int64_t stride, float *scales, int32_t *sums, const float *x, int64_t ldx, int64_t in, int64_t lo,
                     int64_t hi) {
	for (int64_t r = lo; r < hi; r++)
		row_codes(codes + r * stride, stride, scales + r, sums + r, x + r * ldx, in);
}

// Whether the sums of products with these rows fit undivided.
FUNC int small(const int32_t *row_sums, int64_t rows) {
	int all = 1;
	for (int64_t r = 0; r < rows; r++)
		all &= row_sums[r] <= MOST;
	return all;
}

// Vectors of sums that a tile has at most: few rows take several panels at once, as
// one panel's sums would wait for each other, and each end of a loop be guessed wrong.
enum { MOST_VECTORS = 4 * VECTORS };

// The sums over the pairs of inputs from up to to, of panels that are all pairs apart.
FUNC void sum_pairs(__m256i sums[][MOST_VECTORS], const int MR, const int panels, const int16_t *codes, int64_t stride,
                    const int8_t *w, int64_t pairs, int64_t from, int64_t to) {
	__m256i s[ROWS][MOST_VECTORS];
#pragma GCC unroll 16
	for (int r = 0; r < MR; r++)
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			s[r][v] = _mm256_setzero_si256();
	for (int64_t i = from; i < to; i += STEP) {
		if (panels == 1)
			_mm_prefetch((const char *)w + i * 2 * PANEL + AHEAD, _MM_HINT_T0);
#pragma GCC unroll 16
		for (int64_t j = i; j < i + STEP; j++)
#pragma GCC unroll 16
			for (int p = 0; p < panels; p++) {
				const __m128i *codes_of = (const __m128i *)w + (p * pairs + j) * VECTORS;
				__m256i column[VECTORS];
#pragma GCC unroll 16
				for (int v = 0; v < VECTORS; v++)
					column[v] = _mm256_cvtepi8_epi16(_mm_loadu_si128(codes_of + v));
#pragma GCC unroll 16
				for (int r = 0; r < MR; r++) {
					__m256i two = _mm256_set1_epi32(((const int32_t *)(codes + r * stride))[j]);
#pragma GCC unroll 16
					for (int v = 0; v < VECTORS; v++) {
						__m256i *to = &s[r][p * VECTORS + v];
						*to = _mm256_add_epi32(*to, _mm256_madd_epi16(two, column[v]));
						__asm__("" : "+x"(*to)); // else gcc adds products first, and runs out of registers
					}
				}
			}
	}
#pragma GCC unroll 16
	for (int r = 0; r < MR; r++)
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			sums[r][v] = s[r][v];
}

// The same over all pairs of one panel, carried.
FUNC void sum_carried(vec sums[][MOST_VECTORS], const int MR, const int16_t *codes, int64_t stride, const int8_t *w, int64_t pairs) {
	__m256i s[ROWS][MOST_VECTORS], high[ROWS][VECTORS], low[ROWS][VECTORS];
	memset(high, 0, sizeof high), memset(low, 0, sizeof low);
	for (int64_t from = 0; from < pairs; from += EXACT / 2) {
		sum_pairs(s, MR, 1, codes, stride, w, pairs, from, pairs - from < EXACT / 2 ? pairs : from + EXACT / 2);
		for (int r = 0; r < MR; r++)
			for (int v = 0; v < VECTORS; v++) {
				high[r][v] = _mm256_add_epi32(high[r][v], _mm256_srai_epi32(s[r][v], 8));
				low[r][v] = _mm256_add_epi32(low[r][v], _mm256_and_si256(s[r][v], _mm256_set1_epi32(255)));
			}
	}
	for (int r = 0; r < MR; r++)
		for (int v = 0; v < VECTORS; v++)
			sums[r][v] = madd(_mm256_cvtepi32_ps(high[r][v]), set1(256), _mm256_cvtepi32_ps(low[r][v]));
}

// Rows r < MR of dst's outputs first up to out, or to the end of the last panel; as
// tile in gemm_body.h.
FUNC void tile(const int MR, const int panels, float *dst, int64_t ldd, const int16_t *codes, int64_t stride,
               const float *row_scales, const int32_t *row_sums, const int8_t *w, int64_t first, const float *scales,
               int64_t in, int64_t out, int add_to) {
	__m256i exact[ROWS][MOST_VECTORS];
	vec sums_of[ROWS][MOST_VECTORS];
	int64_t pairs = (in + 3) / 4 * 2;
	if (panels > 1 || small(row_sums, MR)) { // of several panels they are
		sum_pairs(exact, MR, panels, codes, stride, w, pairs, 0, pairs);
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++)
#pragma GCC unroll 16
			for (int v = 0; v < panels * VECTORS; v++)
				sums_of[r][v] = _mm256_cvtepi32_ps(exact[r][v]);
	} else
		sum_carried(sums_of, MR, codes, stride, w, pairs);
#pragma GCC unroll 16
	for (int v = 0; v < panels * VECTORS; v++) {
		int64_t c = first + v * LANES, left = out - c;
		if (left <= 0)
			break;
		vec scale_of = load_left(scales + c, left);
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++) {
			vec sum = mul(mul(sums_of[r][v], set1(row_scales[r])), scale_of);
			__asm__("" : "+x"(sum)); // else gcc rounds it together with what it is added to, in some tiles
			float *to = dst + r * ldd + c;
			store_left(to, left, add_to ? add(load_left(to, left), sum) : sum);
		}
	}
}

#define TILE(mr, panels) tile(mr, panels, dst, ldd, codes, stride, row_scales, row_sums, w, first, scales, in, out, add_to)
#define CASE(mr) \
	case mr: \
		TILE(mr, 1); \
		break;

// A row tile of rows <= ROWS rows; w is the panel.
FUNC void panel_rows(float *dst, int64_t ldd, const int16_t *codes, int64_t stride, const float *row_scales,
                     const int32_t *row_sums, int64_t rows, const int8_t *w, int64_t first, const float *scales, int64_t in,
                     int64_t out, int add_to) {
	switch (rows) {
		CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
	}
}

// As many panels of the count that are left as few rows take at once; 0 where they take each by itself.
FUNC int64_t panels_at_once(float *dst, int64_t ldd, const int16_t *codes, int64_t stride, const float *row_scales,
                            const int32_t *row_sums, int64_t rows, const int8_t *w, int64_t first, const float *scales, int64_t in,
                            int64_t out, int add_to, int64_t count) {
	if (rows == 1 && count >= 4)
		return TILE(1, 4), 4;
	if (rows == 2 && count >= 2)
		return TILE(2, 2), 2;
	return 0;
}

// The units are those of next_tiles.
EXPORT void mm_gemm_pairs(float *dst, int64_t ldd, const int16_t *codes, int64_t stride, const float *row_scales,
                          const int32_t *row_sums, int64_t rows, const int8_t *w, const float *scales, int64_t in, int64_t out,
                          int add_to, int64_t lo, int64_t hi) {
	int64_t tiles = (rows + ROWS - 1) / ROWS, panels = (out + PANEL - 1) / PANEL, panel = (in + 3) / 4 * 4 * PANEL;
	if (rows <= 2 && small(row_sums, rows))
		for (int64_t n; (n = panels_at_once(dst, ldd, codes, stride, row_scales, row_sums, rows, w + lo * panel, lo * PANEL, scales,
		                                    in, out, add_to, hi - lo));)
			lo += n;
	while (lo < hi) {
		struct tiles t = next_tiles(lo, hi, tiles, panels, 2 * ROWS * stride);
		for (int64_t r = t.from * ROWS; r < t.end * ROWS && r < rows; r += ROWS)
			panel_rows(dst + r * ldd, ldd, codes + r * stride, stride, row_scales + r, row_sums + r, rows - r < ROWS ? rows - r : ROWS,
			           w + t.panel * panel, t.panel * PANEL, scales, in, out, add_to);
		lo += t.end - t.from;
	}
}
