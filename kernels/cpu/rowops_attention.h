// Attention of rowops_go.go and attention_go.go, over the vector vocabulary as
// rowops_body.h, which is included first. Query rows that see the same keys go over
// them together, TILE at most: each key and value is then loaded once for all, and
// their sums fill the registers of AVX2. What a row sums, in which order, is the same
// in any company.

// The products q_i·k_j of some query rows i and up to LANES keys, the j-th at row
// slots[j] or j; lanes from keys on hold anything.
FUNC void key_dots(vec *dots, const float *q, int64_t ldq, const float *k, int64_t ldk, const int32_t *slots, int64_t keys,
                   int64_t d, const int rows) {
	vec part[TILE][LANES / 4];
	for (int g = 0; g < LANES / 4; g++) {
		const float *key[4];
		vec acc[TILE][4];
#pragma GCC unroll 4
		for (int j = 0; j < 4; j++) {
			int64_t at = 4 * g + j < keys ? 4 * g + j : keys - 1;
			key[j] = k + (slots ? slots[at] : at) * ldk;
#pragma GCC unroll 4
			for (int i = 0; i < rows; i++)
				acc[i][j] = set1(0);
		}
		if (4 * g < keys)
			COLUMNS(c, d, {
				vec x[TILE];
				_Pragma("GCC unroll 4") for (int i = 0; i < rows; i++) x[i] = load_left(q + i * ldq + c, left);
				_Pragma("GCC unroll 4") for (int j = 0; j < 4; j++) {
					vec y = load_left(key[j] + c, left);
					_Pragma("GCC unroll 4") for (int i = 0; i < rows; i++) acc[i][j] = madd(x[i], y, acc[i][j]);
				}
			});
#pragma GCC unroll 4
		for (int i = 0; i < rows; i++)
			part[i][g] = four_sums(acc[i]);
	}
#pragma GCC unroll 4
	for (int i = 0; i < rows; i++)
		dots[i] = join_sums(part[i]);
}

// dst_i = factor_i · Σ_j w_ij·v_j, group vectors of columns at a time, of which d is a
// multiple.
FUNC void weigh(float *dst, int64_t ldd, const float *w, int64_t ldw, const float *v, int64_t ldv, const int32_t *slots,
                int64_t keys, const vec *factor, int64_t d, const int rows, const int group) {
	for (int64_t c = 0; c < d; c += group * LANES) {
		vec acc[TILE][64 / LANES];
#pragma GCC unroll 16
		for (int g = 0; g < group; g++)
#pragma GCC unroll 4
			for (int i = 0; i < rows; i++)
				acc[i][g] = set1(0);
		for (int64_t j = 0; j < keys; j++) {
			const float *value = v + (slots ? slots[j] : j) * ldv + c;
			vec weight[TILE];
#pragma GCC unroll 4
			for (int i = 0; i < rows; i++)
				weight[i] = set1(w[i * ldw + j]);
#pragma GCC unroll 16
			for (int g = 0; g < group; g++) {
				vec y = load(value + g * LANES);
#pragma GCC unroll 4
				for (int i = 0; i < rows; i++)
					acc[i][g] = madd(weight[i], y, acc[i][g]);
			}
		}
#pragma GCC unroll 16
		for (int g = 0; g < group; g++)
#pragma GCC unroll 4
			for (int i = 0; i < rows; i++)
				store(dst + i * ldd + c + g * LANES, mul(acc[i][g], factor[i]));
	}
}

// The same for one row of any width.
FUNC void weigh_any(float *dst, const float *w, const float *v, int64_t ldv, const int32_t *slots, int64_t keys, vec factor,
                    int64_t d) {
	COLUMNS(c, d, {
		vec acc = set1(0);
		for (int64_t j = 0; j < keys; j++)
			acc = madd(set1(w[j]), load_left(v + (slots ? slots[j] : j) * ldv + c, left), acc);
		store_left(dst + c, left, mul(acc, factor));
	});
}

// One head of some query rows: dst = softmax(q·kᵀ/√d)·v. scores has room for keys
// rounded up to LANES for each.
FUNC void attend(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk, const float *v, int64_t ldv,
                 const int32_t *slots, int64_t keys, int64_t d, float *scores, const int rows) {
	int64_t lds = (keys + LANES - 1) / LANES * LANES;
	vec top[TILE], factor[TILE], inverse = set1(1 / sqrtf(d));
#pragma GCC unroll 4
	for (int i = 0; i < rows; i++)
		top[i] = set1(-INFINITY);
	for (int64_t j = 0; j < keys; j += LANES) {
		int64_t some = keys - j < LANES ? keys - j : LANES;
		vec dots[TILE];
		if (slots)
			key_dots(dots, q, ldq, k, ldk, slots + j, some, d, rows);
		else
			key_dots(dots, q, ldq, k + j * ldk, ldk, 0, some, d, rows);
#pragma GCC unroll 4
		for (int i = 0; i < rows; i++) {
			vec s = some < LANES ? keep_some(dots[i], some, set1(-INFINITY)) : dots[i];
			top[i] = larger(top[i], s);
			store(scores + i * lds + j, s);
		}
	}
	for (int i = 0; i < rows; i++) {
		vec best = set1(largest(top[i])), total = set1(0);
		for (int64_t j = i * lds; j < (i + 1) * lds; j += LANES) {
			vec e = vexp(mul(sub(load(scores + j), best), inverse));
			total = add(total, e);
			store(scores + j, e);
		}
		factor[i] = set1(1 / sum(total));
	}
	if (d != 64)
		weigh_any(dst, scores, v, ldv, slots, keys, factor[0], d);
	else if (rows == 1)
		weigh(dst, ldd, scores, lds, v, ldv, slots, keys, factor, d, 1, 64 / LANES);
	else
		weigh(dst, ldd, scores, lds, v, ldv, slots, keys, factor, d, rows, 4);
}

// One head of up to TILE query rows. The width 64, that of most models, is compiled
// apart: its loops over columns unroll.
FUNC void attend_tile(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk, const float *v,
                      int64_t ldv, const int32_t *slots, int64_t keys, int64_t d, float *scores, int64_t rows) {
	if (d == 64 && keys > 0) {
		if (rows == 3)
			attend(dst, ldd, q, ldq, k, ldk, v, ldv, slots, keys, 64, scores, 3);
		else if (rows == 2)
			attend(dst, ldd, q, ldq, k, ldk, v, ldv, slots, keys, 64, scores, 2);
		else
			attend(dst, ldd, q, ldq, k, ldk, v, ldv, slots, keys, 64, scores, 1);
		return;
	}
	for (int64_t i = 0; i < rows; i++) {
		float *to = dst + i * ldd;
		if (keys == 0)
			COLUMNS(c, d, { store_left(to + c, left, set1(0)); });
		else
			attend(to, ldd, q + i * ldq, ldq, k, ldk, v, ldv, slots, keys, d, scores, 1);
	}
}

// Head by head, so that the keys and values of one stay in the second cache level
// while the rows go over them.
EXPORT void NAME(attention)(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk, const float *v,
                            int64_t ldv, int64_t keys, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores) {
	for (int64_t h = 0; h < heads; h++) {
		int64_t r = (lo - h + heads - 1) / heads, end = (hi - h + heads - 1) / heads, c = h * d;
		for (; r < end; r += TILE)
			attend_tile(dst + r * ldd + c, ldd, q + r * ldq + c, ldq, k + c, ldk, v + c, ldv, 0, keys, d, scores,
			            end - r < TILE ? end - r : TILE);
	}
}

// Asks for the d columns of keys and values that stand apart in memory, of as many
// as the second cache level holds with ease.
FUNC void fetch(const float *k, int64_t ldk, const float *v, int64_t ldv, const int32_t *slots, int64_t keys, int64_t d) {
	int64_t most = 4096 / d;
	for (int64_t j = 0; j < keys && j < most; j++)
		for (int64_t c = 0; c < d; c += 16) {
			_mm_prefetch((const char *)(k + slots[j] * ldk + c), _MM_HINT_T1);
			_mm_prefetch((const char *)(v + slots[j] * ldv + c), _MM_HINT_T1);
		}
}

// Rows of one path that stand together, as those that see one memory, make a tile.
EXPORT void NAME(path_attention)(float *dst, int64_t ldd, const float *q, int64_t ldq, const float *k, int64_t ldk,
                                 const float *v, int64_t ldv, const int32_t *slots, const int32_t *start,
                                 const int32_t *count, int64_t heads, int64_t d, int64_t lo, int64_t hi, float *scores) {
	for (int64_t r = lo / heads, n; r * heads < hi; r += n) {
		for (n = 1; n < TILE && (r + n) * heads < hi && start[r + n] == start[r] && count[r + n] == count[r];)
			n++;
		for (int64_t h = 0; h < heads; h++) {
			int64_t first = r * heads + h < lo ? r + 1 : r, end = r + n, c = h * d;
			if ((end - 1) * heads + h >= hi)
				end--;
			if ((r + n) * heads + h < hi) // the same head of the next row
				fetch(k + c, ldk, v + c, ldv, slots + start[r + n], count[r + n], d);
			if (first < end)
				attend_tile(dst + first * ldd + c, ldd, q + first * ldq + c, ldq, k + c, ldk, v + c, ldv,
				            slots + start[r], count[r], d, scores, end - first);
		}
	}
}
