// What follows from the vector vocabulary of either instruction set (simd_avx2.h,
// simd_avx512.h), which is included first.

// The first left lanes, all when there are more; the others read as 0.
FUNC vec load_left(const float *p, int64_t left) { return left >= LANES ? load(p) : load_some(p, left, set1(0)); }
FUNC void store_left(float *p, int64_t left, vec v) {
	if (left >= LANES)
		store(p, v);
	else
		store_some(p, left, v);
}
