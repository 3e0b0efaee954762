// The vector vocabulary of rowops_body.h in AVX2 with FMA: 8 lanes.
#include <immintrin.h>
#include <stdint.h>

#define FUNC static inline __attribute__((always_inline, target("avx2,fma")))
#define EXPORT __attribute__((target("avx2,fma")))
#define NAME(op) mm_##op##_avx2
#define LANES 8

typedef __m256 vec;

FUNC vec set1(float x) { return _mm256_set1_ps(x); }
FUNC vec load(const float *p) { return _mm256_loadu_ps(p); }
FUNC void store(float *p, vec v) { _mm256_storeu_ps(p, v); }
FUNC vec load_bf16(const uint16_t *p) {
	return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)p)), 16));
}
FUNC __m256i first(int64_t n) {
	return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
FUNC vec keep_some(vec v, int64_t n, vec fill) { return _mm256_blendv_ps(fill, v, _mm256_castsi256_ps(first(n))); }
// The first n lanes, 1 <= n < LANES, the others being fill.
FUNC vec load_some(const float *p, int64_t n, vec fill) { return keep_some(_mm256_maskload_ps(p, first(n)), n, fill); }
FUNC void store_some(float *p, int64_t n, vec v) { _mm256_maskstore_ps(p, first(n), v); }
FUNC vec add(vec a, vec b) { return _mm256_add_ps(a, b); }
FUNC vec sub(vec a, vec b) { return _mm256_sub_ps(a, b); }
FUNC vec mul(vec a, vec b) { return _mm256_mul_ps(a, b); }
FUNC vec divide(vec a, vec b) { return _mm256_div_ps(a, b); }
FUNC vec larger(vec a, vec b) { return _mm256_max_ps(a, b); }
FUNC vec madd(vec a, vec b, vec c) { return _mm256_fmadd_ps(a, b, c); }
FUNC unsigned greater(vec a, vec b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GT_OQ)); }
FUNC unsigned greater_equal(vec a, vec b) { return _mm256_movemask_ps(_mm256_cmp_ps(a, b, _CMP_GE_OQ)); }

FUNC float sum(vec v) {
	__m128 x = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	x = _mm_add_ps(x, _mm_movehl_ps(x, x));
	return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

FUNC float largest(vec v) {
	__m128 x = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
	x = _mm_max_ps(x, _mm_movehl_ps(x, x));
	return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}

FUNC vec negate(vec v) { return _mm256_xor_ps(v, _mm256_set1_ps(-0.0f)); }

// The integer nearest to v, as a float.
FUNC vec nearest(vec v) { return _mm256_round_ps(v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }

// v · 2^n for a whole n, in two factors as 2^n alone may lie outside float32:
// underflows to 0, overflows to infinity, for n within ±252.
FUNC vec scale(vec v, vec n) {
	__m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1), bias = _mm256_set1_epi32(127);
	__m256i other = _mm256_sub_epi32(whole, half);
	v = mul(v, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(half, bias), 23)));
	return mul(v, _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(other, bias), 23)));
}

// Four vectors' sums within each half: lane 4i+j is half i of vector j.
FUNC vec four_sums(const vec *a) {
	return _mm256_hadd_ps(_mm256_hadd_ps(a[0], a[1]), _mm256_hadd_ps(a[2], a[3]));
}

// Lane i is the sum over the lanes of vector i, from the four_sums of each four of
// LANES vectors.
FUNC vec join_sums(const vec *s) { return add(_mm256_permute2f128_ps(s[0], s[1], 0x20), _mm256_permute2f128_ps(s[0], s[1], 0x31)); }
