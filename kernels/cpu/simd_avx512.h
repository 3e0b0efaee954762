// The vector vocabulary of rowops_body.h in AVX-512: 16 lanes.
#include <immintrin.h>
#include <stdint.h>

#define FUNC static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512dq,avx512vl")))
#define EXPORT __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define NAME(op) mm_##op##_avx512
#define LANES 16

typedef __m512 vec;

FUNC vec set1(float x) { return _mm512_set1_ps(x); }
FUNC vec load(const float *p) { return _mm512_loadu_ps(p); }
FUNC void store(float *p, vec v) { _mm512_storeu_ps(p, v); }
FUNC vec load_bf16(const uint16_t *p) {
	return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p)), 16));
}
FUNC __mmask16 first(int64_t n) { return (__mmask16)((1u << n) - 1); }
// The first n lanes, 1 <= n < LANES, the others being fill.
FUNC vec load_some(const float *p, int64_t n, vec fill) { return _mm512_mask_loadu_ps(fill, first(n), p); }
FUNC void store_some(float *p, int64_t n, vec v) { _mm512_mask_storeu_ps(p, first(n), v); }
FUNC vec keep_some(vec v, int64_t n, vec fill) { return _mm512_mask_mov_ps(fill, first(n), v); }
FUNC vec add(vec a, vec b) { return _mm512_add_ps(a, b); }
FUNC vec sub(vec a, vec b) { return _mm512_sub_ps(a, b); }
FUNC vec mul(vec a, vec b) { return _mm512_mul_ps(a, b); }
FUNC vec divide(vec a, vec b) { return _mm512_div_ps(a, b); }
FUNC vec larger(vec a, vec b) { return _mm512_max_ps(a, b); }
FUNC vec madd(vec a, vec b, vec c) { return _mm512_fmadd_ps(a, b, c); }
FUNC float sum(vec v) { return _mm512_reduce_add_ps(v); }
FUNC float largest(vec v) { return _mm512_reduce_max_ps(v); }
FUNC unsigned greater(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
FUNC unsigned greater_equal(vec a, vec b) { return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ); }

FUNC vec negate(vec v) { return _mm512_xor_ps(v, _mm512_set1_ps(-0.0f)); }

// The integer nearest to v, as a float.
FUNC vec nearest(vec v) { return _mm512_roundscale_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// v · 2^n for a whole n; underflows to 0, overflows to infinity.
FUNC vec scale(vec v, vec n) { return _mm512_scalef_ps(v, n); }

// Four vectors' sums within each quarter: lane 4i+j is quarter i of vector j.
FUNC vec four_sums(const vec *a) {
	vec x = add(_mm512_unpacklo_ps(a[0], a[1]), _mm512_unpackhi_ps(a[0], a[1]));
	vec y = add(_mm512_unpacklo_ps(a[2], a[3]), _mm512_unpackhi_ps(a[2], a[3]));
	__m512d p = _mm512_castps_pd(x), q = _mm512_castps_pd(y);
	return add(_mm512_castpd_ps(_mm512_unpacklo_pd(p, q)), _mm512_castpd_ps(_mm512_unpackhi_pd(p, q)));
}

// Lane i is the sum over the lanes of vector i, from the four_sums of each four of
// LANES vectors.
FUNC vec join_sums(const vec *s) {
	vec x = add(_mm512_shuffle_f32x4(s[0], s[1], 0x88), _mm512_shuffle_f32x4(s[0], s[1], 0xdd));
	vec y = add(_mm512_shuffle_f32x4(s[2], s[3], 0x88), _mm512_shuffle_f32x4(s[2], s[3], 0xdd));
	return add(_mm512_shuffle_f32x4(x, y, 0x88), _mm512_shuffle_f32x4(x, y, 0xdd));
}
