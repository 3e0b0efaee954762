// The inner loops of rowops_go.go, written once over a vector vocabulary (see
// simd_avx512.h) and compiled for each instruction set. Matrices come as a pointer
// to the first element and the number of elements from row to row.
#include <math.h>
#include <stdint.h>

// A loop over columns c: whole vectors, then the columns left, of which there are
// LANES or fewer, for load_left and store_left.
#define COLUMNS(c, cols, ...)                                                 \
	do {                                                                  \
		int64_t c = 0;                                                \
		for (; c + LANES <= (cols); c += LANES) {                     \
			const int64_t left = LANES;                           \
			__VA_ARGS__                                           \
		}                                                             \
		if (c < (cols)) {                                             \
			const int64_t left = (cols) - c;                      \
			__VA_ARGS__                                           \
		}                                                             \
	} while (0)

// e^x to about one unit in the last place: x = n·ln 2 + r, a polynomial in r
// (Moshier's Cephes, expf), times 2^n. Arguments below -110 give 0 and above 90
// infinity; NaN stays NaN.
FUNC vec vexp(vec x) {
	x = negate(larger(set1(-90.0f), negate(larger(set1(-110.0f), x))));
	vec n = nearest(mul(x, set1(1.44269504088896341f)));
	vec r = madd(n, set1(-0.693359375f), x);
	r = madd(n, set1(2.12194440e-4f), r);
	vec p = set1(1.9875691500e-4f);
	p = madd(p, r, set1(1.3981999507e-3f));
	p = madd(p, r, set1(8.3334519073e-3f));
	p = madd(p, r, set1(4.1665795894e-2f));
	p = madd(p, r, set1(1.6666665459e-1f));
	p = madd(p, r, set1(5.0000001201e-1f));
	p = add(madd(mul(r, r), p, r), set1(1));
	return scale(p, n);
}

FUNC vec vsilu(vec x) { return divide(x, add(set1(1), vexp(negate(x)))); }

EXPORT void NAME(rms_norm)(float *dst, int64_t ldd, const float *x, int64_t ldx, const float *gain, float eps, int64_t rows,
                           int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, x += ldx) {
		vec even = set1(0), odd = set1(0);
		COLUMNS(c, cols, {
			vec v = load_left(x + c, left);
			vec s = madd(v, v, even);
			even = odd;
			odd = s;
		});
		vec factor = set1(1 / sqrtf(sum(add(even, odd)) / cols + eps));
		COLUMNS(c, cols, {
			vec v = mul(load_left(x + c, left), factor);
			store_left(dst + c, left, mul(v, load_left(gain + c, left)));
		});
	}
}

EXPORT void NAME(add)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, x += ldx)
		COLUMNS(c, cols, { store_left(dst + c, left, add(load_left(dst + c, left), load_left(x + c, left))); });
}

EXPORT void NAME(silu)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, x += ldx)
		COLUMNS(c, cols, { store_left(dst + c, left, vsilu(load_left(x + c, left))); });
}

EXPORT void NAME(swiglu)(float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, x += ldx)
		COLUMNS(c, cols, {
			vec gate = vsilu(load_left(x + c, left));
			store_left(dst + c, left, mul(gate, load_left(x + cols + c, left)));
		});
}

EXPORT void NAME(rope)(float *x, int64_t ldx, const float *cosines, int64_t ldc, const float *sines, int64_t lds,
                       const int32_t *positions, int64_t rows, int64_t heads, int64_t half) {
	for (int64_t r = 0; r < rows; r++, x += ldx) {
		const float *co = cosines + positions[r] * ldc, *si = sines + positions[r] * lds;
		for (int64_t h = 0; h < heads; h++) {
			float *a = x + 2 * h * half, *b = a + half;
			COLUMNS(c, half, {
				vec u = load_left(a + c, left), v = load_left(b + c, left);
				vec cosine = load_left(co + c, left), sine = load_left(si + c, left);
				store_left(a + c, left, madd(u, cosine, negate(mul(v, sine))));
				store_left(b + c, left, madd(v, cosine, mul(u, sine)));
			});
		}
	}
}

EXPORT void NAME(scatter)(float *dst, int64_t ldd, const float *x, int64_t ldx, const int32_t *where, const float *gates,
                          int64_t top, int64_t rows, int64_t cols) {
	for (int64_t r = 0; r < rows; r++, dst += ldd, where += top)
		COLUMNS(c, cols, {
			vec acc = load_left(dst + c, left);
			for (int64_t i = 0; i < top; i++)
				acc = madd(set1(gates[where[i]]), load_left(x + where[i] * ldx + c, left), acc);
			store_left(dst + c, left, acc);
		});
}

// As insert in topk_go.go.
static inline void NAME(insert)(int32_t *ids, float *logs, int64_t k, int32_t id, float v) {
	int64_t i = k - 1;
	if (!(v > logs[i] || (v == logs[i] && id < ids[i])))
		return;
	for (; i > 0 && (v > logs[i - 1] || (v == logs[i - 1] && id < ids[i - 1])); i--)
		ids[i] = ids[i - 1], logs[i] = logs[i - 1];
	ids[i] = id, logs[i] = v;
}

// The j-th vector of the allowed logits, -infinity past their end.
FUNC vec allowed_logits(const float *x, const int32_t *allowed, int64_t j, int64_t n) {
	int64_t some = n - j < LANES ? n - j : LANES;
	if (!allowed)
		return some == LANES ? load(x + j) : load_some(x + j, some, set1(-INFINITY));
	float picked[LANES];
	for (int64_t i = 0; i < LANES; i++)
		picked[i] = i < some ? x[allowed[j + i]] : -INFINITY;
	return load(picked);
}

// The k best of the n allowed logits, best first, and what it returns: the sum over
// all of them of exp(logit - best). Most vectors hold nothing above the k-th best
// so far and cost a comparison.
EXPORT float NAME(top_k)(int32_t *ids, float *logs, int64_t k, const float *x, const int32_t *allowed, int64_t n) {
	for (int64_t i = 0; i < k; i++)
		ids[i] = -1, logs[i] = -INFINITY;
	for (int64_t j = 0; j < n; j += LANES) {
		vec v = allowed_logits(x, allowed, j, n), bar = set1(logs[k - 1]);
		unsigned hits = allowed ? greater_equal(v, bar) : greater(v, bar);
		for (; hits; hits &= hits - 1) {
			int64_t at = j + __builtin_ctz(hits);
			if (at < n) {
				int32_t id = allowed ? allowed[at] : (int32_t)at;
				NAME(insert)(ids, logs, k, id, x[id]);
			}
		}
	}
	if (ids[0] < 0)
		return 0;
	vec best = set1(logs[0]), total = set1(0);
	for (int64_t j = 0; j < n; j += LANES)
		total = add(total, vexp(sub(allowed_logits(x, allowed, j, n), best)));
	return sum(total);
}
