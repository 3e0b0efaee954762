// Matrix products with float32 activations, written once over the vector
// vocabulary (see simd_avx512.h).
//
// A weight (out, in) lies in panels of PANEL outputs: panel p holds, input by
// input, the weights of outputs p·PANEL up to (p+1)·PANEL, zeros past the last.
// A tile is MR rows times one or more panels, its sums all in registers; each sum
// runs over the inputs in order, whatever the tile's size.

#define VECTORS 2 // of a panel
#define PANEL (VECTORS * LANES)

FUNC vec weights(int type, const void *w, int64_t at) {
	return type == MM_F32 ? load((const float *)w + at) : load_bf16((const uint16_t *)w + at);
}

// Rows r < MR of dst's outputs first up to out get the tile's sums; panels are
// consecutive.
FUNC void tile(const int MR, const int panels, const int type, float *dst, int64_t ldd, const float *x, int64_t ldx,
               const void *w, int64_t first, int64_t in, int64_t out, int add_to) {
	// Of fixed size, as only such arrays become registers; so do all loops unroll.
	enum { MOST = ROWS > 4 ? ROWS : 4 };
	vec sums_of[MOST][VECTORS * 4];
#pragma GCC unroll 16
	for (int r = 0; r < MR; r++)
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			sums_of[r][v] = set1(0);
	for (int64_t i = 0; i < in; i++) {
		vec column[VECTORS * 4];
#pragma GCC unroll 16
		for (int v = 0; v < panels * VECTORS; v++)
			column[v] = weights(type, w, first * in + (v / VECTORS * in + i) * PANEL + v % VECTORS * LANES);
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++) {
			vec value = set1(x[r * ldx + i]);
#pragma GCC unroll 16
			for (int v = 0; v < panels * VECTORS; v++)
				sums_of[r][v] = madd(value, column[v], sums_of[r][v]);
		}
	}
#pragma GCC unroll 16
	for (int v = 0; v < panels * VECTORS; v++) {
		int64_t c = first + v * LANES, left = out - c;
		if (left <= 0)
			break;
#pragma GCC unroll 16
		for (int r = 0; r < MR; r++) {
			float *to = dst + r * ldd + c;
			store_left(to, left, add_to ? add(load_left(to, left), sums_of[r][v]) : sums_of[r][v]);
		}
	}
}

#define TILE(mr, panels) tile(mr, panels, type, dst, ldd, x, ldx, w, first, in, out, add_to)

// Rows that meet one panel, largest tiles first.
FUNC void panel_rows(const int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w,
                     int64_t first, int64_t in, int64_t out, int add_to) {
	while (rows > 0) {
		int64_t done;
		if (rows >= ROWS)
			TILE(ROWS, 1), done = ROWS;
#if ROWS > 8
		else if (rows >= 8)
			TILE(8, 1), done = 8;
#endif
		else if (rows >= 4)
			TILE(4, 1), done = 4;
		else if (rows >= 2)
			TILE(2, 1), done = 2;
		else
			TILE(1, 1), done = 1;
		rows -= done, dst += done * ldd, x += done * ldx;
	}
}

FUNC void units(const int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w, int64_t in,
                int64_t out, int add_to, int64_t lo, int64_t hi) {
	int64_t tiles = (rows + ROWS - 1) / ROWS, panels = (out + PANEL - 1) / PANEL;
	while (lo < hi) {
		if (rows == 1 && hi - lo >= 4) { // one panel's sums would wait for each other
			int64_t first = lo * PANEL;
			TILE(1, 4);
			lo += 4;
			continue;
		}
		struct tiles t = next_tiles(lo, hi, tiles, panels, 4 * ROWS * in);
		int64_t from = t.from * ROWS, end = t.end * ROWS < rows ? t.end * ROWS : rows;
		panel_rows(type, dst + from * ldd, ldd, x + from * ldx, ldx, end - from, w, t.panel * PANEL, in, out, add_to);
		lo += t.end - t.from;
	}
}

EXPORT void NAME(gemm)(int type, float *dst, int64_t ldd, const float *x, int64_t ldx, int64_t rows, const void *w, int64_t in,
                       int64_t out, int add_to, int64_t lo, int64_t hi) {
	if (type == MM_F32)
		units(MM_F32, dst, ldd, x, ldx, rows, w, in, out, add_to, lo, hi);
	else
		units(MM_BF16, dst, ldd, x, ldx, rows, w, in, out, add_to, lo, hi);
}
