//go:build cgo

// The row operations as Go calls them: each goes to the instruction set that the
// device chose, MM_AVX2 or MM_AVX512.

#include "rowops_amd64.h"

void mm_rms_norm(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const float *gain, float eps,
    int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_rms_norm_avx512(dst, ldd, x, ldx, gain, eps, rows, cols);
	else
		mm_rms_norm_avx2(dst, ldd, x, ldx, gain, eps, rows, cols);
}

void mm_add(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_add_avx512(dst, ldd, x, ldx, rows, cols);
	else
		mm_add_avx2(dst, ldd, x, ldx, rows, cols);
}

void mm_silu(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_silu_avx512(dst, ldd, x, ldx, rows, cols);
	else
		mm_silu_avx2(dst, ldd, x, ldx, rows, cols);
}

void mm_swiglu(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_swiglu_avx512(dst, ldd, x, ldx, rows, cols);
	else
		mm_swiglu_avx2(dst, ldd, x, ldx, rows, cols);
}

void mm_rope(int isa, float *x, int64_t ldx, const float *cosines, int64_t ldc, const float *sines, int64_t lds,
    const int32_t *positions, int64_t rows, int64_t heads, int64_t half) {
	if (isa == MM_AVX512)
		mm_rope_avx512(x, ldx, cosines, ldc, sines, lds, positions, rows, heads, half);
	else
		mm_rope_avx2(x, ldx, cosines, ldc, sines, lds, positions, rows, heads, half);
}

void mm_conv(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf,
    int64_t taps, int64_t dilation, int64_t lo, int64_t hi, int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_conv_avx512(dst, ldd, x, ldx, filter, ldf, taps, dilation, lo, hi, rows, cols);
	else
		mm_conv_avx2(dst, ldd, x, ldx, filter, ldf, taps, dilation, lo, hi, rows, cols);
}

void mm_path_conv(int isa, float *dst, int64_t ldd, const float *cache, int64_t ldx, const float *filter,
    int64_t ldf, int64_t taps, int64_t dilation, const int32_t *slots, const int32_t *start, const int32_t
    *count, int64_t lo, int64_t hi, int64_t cols) {
	if (isa == MM_AVX512)
		mm_path_conv_avx512(dst, ldd, cache, ldx, filter, ldf, taps, dilation, slots, start, count, lo, hi, cols);
	else
		mm_path_conv_avx2(dst, ldd, cache, ldx, filter, ldf, taps, dilation, slots, start, count, lo, hi, cols);
}

void mm_scatter(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const int32_t *where, const float
    *gates, int64_t top, int64_t rows, int64_t cols) {
	if (isa == MM_AVX512)
		mm_scatter_avx512(dst, ldd, x, ldx, where, gates, top, rows, cols);
	else
		mm_scatter_avx2(dst, ldd, x, ldx, where, gates, top, rows, cols);
}

void mm_attention(int isa, float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk,
    const float *v, int64_t ldv, int64_t keys, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores)
    {
	if (isa == MM_AVX512)
		mm_attention_avx512(dst, ldd, q, ldq, k, ldk, v, ldv, keys, heads, d, lo, hi, scores);
	else
		mm_attention_avx2(dst, ldd, q, ldq, k, ldk, v, ldv, keys, heads, d, lo, hi, scores);
}

void mm_path_attention(int isa, float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t
    ldk, const float *v, int64_t ldv, const int32_t *slots, const int32_t *start, const int32_t *count, int64_t
    heads, int64_t d, int64_t lo, int64_t hi, float *scores) {
	if (isa == MM_AVX512)
		mm_path_attention_avx512(dst, ldd, q, ldq, k, ldk, v, ldv, slots, start, count, heads, d, lo, hi, scores);
	else
		mm_path_attention_avx2(dst, ldd, q, ldq, k, ldk, v, ldv, slots, start, count, heads, d, lo, hi, scores);
}

float mm_top_k(int isa, int32_t *ids, float *logs, int64_t k, const float *x, const int32_t *allowed, int64_t n)
    {
	if (isa == MM_AVX512)
		return mm_top_k_avx512(ids, logs, k, x, allowed, n);
	else
		return mm_top_k_avx2(ids, logs, k, x, allowed, n);
}
