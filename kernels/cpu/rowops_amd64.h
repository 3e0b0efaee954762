// The row operations in C: rowops_body.h defines them once per instruction set,
// rowops_amd64.c chooses between these.
#ifndef MM_ROWOPS_H
#define MM_ROWOPS_H

#include <stdint.h>

// The instruction sets.
enum { MM_AVX2, MM_AVX512 };

// The most query rows of which attention keeps scores at a time: attentionTile.
enum { TILE = 3 };

// All of them: OP(result, name, (parameters), (the parameters' names)).
#define ROW_OPS(OP)                                                                                                   \
	OP(void, rms_norm,                                                                                            \
	   (float *dst, int64_t ldd, const float *x, int64_t ldx, const float *gain, float eps, int64_t rows,         \
	    int64_t cols),                                                                                            \
	   (dst, ldd, x, ldx, gain, eps, rows, cols))                                                                 \
	OP(void, add, (float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols),             \
	   (dst, ldd, x, ldx, rows, cols))                                                                            \
	OP(void, silu, (float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols),            \
	   (dst, ldd, x, ldx, rows, cols))                                                                            \
	OP(void, swiglu, (float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols),          \
	   (dst, ldd, x, ldx, rows, cols))                                                                            \
	OP(void, rope,                                                                                                \
	   (float *x, int64_t ldx, const float *cosines, int64_t ldc, const float *sines, int64_t lds,                \
	    const int32_t *positions, int64_t rows, int64_t heads, int64_t half),                                     \
	   (x, ldx, cosines, ldc, sines, lds, positions, rows, heads, half))                                          \
	OP(void, conv,                                                                                                \
	   (float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf, int64_t taps,     \
	    int64_t dilation, int64_t lo, int64_t hi, int64_t rows, int64_t cols),                                    \
	   (dst, ldd, x, ldx, filter, ldf, taps, dilation, lo, hi, rows, cols))                                       \
	OP(void, path_conv,                                                                                           \
	   (float *dst, int64_t ldd, const float *cache, int64_t ldx, const float *filter, int64_t ldf, int64_t taps, \
	    int64_t dilation, const int32_t *slots, const int32_t *start, const int32_t *count, int64_t lo,           \
	    int64_t hi, int64_t cols),                                                                                \
	   (dst, ldd, cache, ldx, filter, ldf, taps, dilation, slots, start, count, lo, hi, cols))                    \
	OP(void, gather_conv,                                                                                         \
	   (float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf, int64_t taps,     \
	    const int32_t *index, int64_t rows, int64_t cols),                                                        \
	   (dst, ldd, x, ldx, filter, ldf, taps, index, rows, cols))                                                  \
	OP(void, scatter,                                                                                             \
	   (float *dst, int64_t ldd, const float *x, int64_t ldx, const int32_t *where, const float *gates,           \
	    int64_t top, int64_t rows, int64_t cols),                                                                 \
	   (dst, ldd, x, ldx, where, gates, top, rows, cols))                                                         \
	OP(void, attention,                                                                                           \
	   (float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk, const float *v,        \
	    int64_t ldv, int64_t keys, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores),              \
	   (dst, ldd, q, ldq, k, ldk, v, ldv, keys, heads, d, lo, hi, scores))                                        \
	OP(void, path_attention,                                                                                      \
	   (float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk, const float *v,        \
	    int64_t ldv, const int32_t *slots, const int32_t *start, const int32_t *count, int64_t heads, int64_t d,  \
	    int64_t lo, int64_t hi, float *scores),                                                                   \
	   (dst, ldd, q, ldq, k, ldk, v, ldv, slots, start, count, heads, d, lo, hi, scores))                         \
	OP(float, top_k, (int32_t *ids, float *logs, int64_t k, const float *x, const int32_t *allowed, int64_t n),   \
	   (ids, logs, k, x, allowed, n))

// mm_add and the like, with the instruction set in front; mm_add_avx2, mm_add_avx512.
#define BARE(...) __VA_ARGS__
#define DECLARE(result, name, parameters, names)                                                                      \
	result mm_##name(int isa, BARE parameters);                                                                   \
	result mm_##name##_avx2 parameters;                                                                           \
	result mm_##name##_avx512 parameters;

ROW_OPS(DECLARE)

// Waits for about a tenth of a microsecond, and leaves the core to a thread that
// shares it.
void mm_pause(void);

#endif
