// The convolutions of rowops_go.go, over the vector vocabulary as rowops_body.h, which
// is included first.

// One row of a depthwise convolution: taps k0 up to k1, whose rows of x stand
// step apart, or at slots[i·step] where slots is given.
FUNC void conv_row(float *dst, const float *x, int64_t ldx, const float *filter, int64_t ldf, const int32_t *slots,
                   int64_t first, int64_t step, int64_t k0, int64_t k1, int64_t cols) {
	COLUMNS(c, cols, {
		vec acc = set1(0);
		for (int64_t k = k0; k < k1; k++) {
			int64_t at = first + k * step;
			const float *row = x + (slots ? slots[at] : at) * ldx;
			acc = madd(load_left(filter + k * ldf + c, left), load_left(row + c, left), acc);
		}
		store_left(dst + c, left, acc);
	});
}

EXPORT void NAME(conv)(float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf, int64_t taps,
                       int64_t dilation, int64_t lo, int64_t hi, int64_t rows, int64_t cols) {
	for (int64_t t = lo; t < hi; t++) {
		int64_t first = t - taps / 2 * dilation, k0 = 0, k1 = taps;
		while (k0 < taps && first + k0 * dilation < 0)
			k0++;
		while (k1 > k0 && first + (k1 - 1) * dilation >= rows)
			k1--;
		conv_row(dst + t * ldd, x, ldx, filter, ldf, 0, first, dilation, k0, k1, cols);
	}
}

EXPORT void NAME(path_conv)(float *dst, int64_t ldd, const float *cache, int64_t ldx, const float *filter, int64_t ldf,
                            int64_t taps, int64_t dilation, const int32_t *slots, const int32_t *start,
                            const int32_t *count, int64_t lo, int64_t hi, int64_t cols) {
	for (int64_t r = lo; r < hi; r++) {
		int64_t first = count[r] - 1 - (taps - 1) * dilation, k0 = 0;
		while (first + k0 * dilation < 0)
			k0++;
		conv_row(dst + r * ldd, cache, ldx, filter, ldf, slots + start[r], first, dilation, k0, taps, cols);
	}
}

// Four vectors of columns at a time: one look at an index serves them all.
EXPORT void NAME(gather_conv)(float *dst, int64_t ldd, const float *x, int64_t ldx, const float *filter, int64_t ldf,
                              int64_t taps, const int32_t *index, int64_t rows, int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, index += taps) {
		int64_t c = 0;
		for (; c + 4 * LANES <= cols; c += 4 * LANES) {
			vec a0 = set1(0), a1 = a0, a2 = a0, a3 = a0;
			for (int64_t k = 0; k < taps; k++) {
				if (index[k] < 0)
					continue;
				const float *f = filter + k * ldf + c, *row = x + index[k] * ldx + c;
				a0 = madd(load(f), load(row), a0);
				a1 = madd(load(f + LANES), load(row + LANES), a1);
				a2 = madd(load(f + 2 * LANES), load(row + 2 * LANES), a2);
				a3 = madd(load(f + 3 * LANES), load(row + 3 * LANES), a3);
			}
			store(dst + c, a0);
			store(dst + c + LANES, a1);
			store(dst + c + 2 * LANES, a2);
			store(dst + c + 3 * LANES, a3);
		}
		COLUMNS(e, cols - c, {
			vec acc = set1(0);
			for (int64_t k = 0; k < taps; k++)
				if (index[k] >= 0)
					acc = madd(load_left(filter + k * ldf + c + e, left),
					           load_left(x + index[k] * ldx + c + e, left), acc);
			store_left(dst + c + e, left, acc);
		});
	}
}
