// The row operations in C: rowops_body.h defines them once per instruction set,
// rowops_amd64.c chooses between these.
#ifndef MM_ROWOPS_H
#define MM_ROWOPS_H

#include <stdint.h>

enum { MM_AVX2, MM_AVX512 };

void mm_rms_norm(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const float *gain, float eps,
    int64_t rows, int64_t cols);
void mm_add(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);
void mm_silu(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);
void mm_swiglu(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);
void mm_rope(int isa, float *x, int64_t ldx, const float *cosines, int64_t ldc, const float *sines, int64_t lds,
    const int32_t *positions, int64_t rows, int64_t heads, int64_t half);
void mm_conv(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf,
    int64_t taps, int64_t dilation, int64_t lo, int64_t hi, int64_t rows, int64_t cols);
void mm_path_conv(int isa, float *dst, int64_t ldd, const float *cache, int64_t ldx, const float *filter,
    int64_t ldf, int64_t taps, int64_t dilation, const int32_t *slots, const int32_t *start, const int32_t
    *count, int64_t lo, int64_t hi, int64_t cols);
void mm_scatter(int isa, float *dst, int64_t ldd, const float *x, int64_t ldx, const int32_t *where, const float
    *gates, int64_t top, int64_t rows, int64_t cols);
void mm_attention(int isa, float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk,
    const float *v, int64_t ldv, int64_t keys, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores);
void mm_path_attention(int isa, float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t
    ldk, const float *v, int64_t ldv, const int32_t *slots, const int32_t *start, const int32_t *count, int64_t
    heads, int64_t d, int64_t lo, int64_t hi, float *scores);
float mm_top_k(int isa, int32_t *ids, float *logs, int64_t k, const float *x, const int32_t *allowed, int64_t
    n);

#define DECLARE(ISA)                                                                                                   \
	void mm_rms_norm_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, const float *gain, float eps,           \
	                       int64_t rows, int64_t cols);                                                                  \
	void mm_add_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);                       \
	void mm_silu_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);                      \
	void mm_swiglu_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols);                    \
	void mm_rope_##ISA(float *x, int64_t ldx, const float *cosines, int64_t ldc, const float *sines, int64_t lds,           \
	                   const int32_t *positions, int64_t rows, int64_t heads, int64_t half);                                \
	void mm_conv_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf, int64_t taps,   \
	                   int64_t dilation, int64_t lo, int64_t hi, int64_t rows, int64_t cols);                                     \
	void mm_path_conv_##ISA(float *dst, int64_t ldd, const float *cache, int64_t ldx, const float *filter, int64_t ldf,     \
	                        int64_t taps, int64_t dilation, const int32_t *slots, const int32_t *start,                  \
	                        const int32_t *count, int64_t lo, int64_t hi, int64_t cols);                                    \
	void mm_scatter_##ISA(float *dst, int64_t ldd, const float *x, int64_t ldx, const int32_t *where,                    \
	                      const float *gates, int64_t top, int64_t rows, int64_t cols);                                     \
	void mm_attention_##ISA(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk,              \
	                        const float *v, int64_t ldv, int64_t keys, int64_t heads, int64_t d, int64_t lo, int64_t hi,             \
	                        float *scores);                                                                        \
	void mm_path_attention_##ISA(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk,         \
	                             const float *v, int64_t ldv, const int32_t *slots, const int32_t *start,             \
	                             const int32_t *count, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores);       \
	float mm_top_k_##ISA(int32_t *ids, float *logs, int64_t k, const float *x, const int32_t *allowed, int64_t n);

DECLARE(avx2)
DECLARE(avx512)

#endif
