// Operations that move or combine rows element by element: copy, add, concat, silu, swiglu. They are bound by memory: each
// element is read and written once, 16 bytes at a time, with four of a lane's loads in flight.

#pragma once

#include "common.cuh"

struct PairArgs {
	View dst, x;
};

WORK(copy, PairArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	const float *from = a.x.row(r);
	bool wide = a.dst.aligned() && a.x.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) store4(to, c, cols, wide, load4(from, c, cols, wide));
}

WORK(add, PairArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	const float *from = a.x.row(r);
	bool wide = a.dst.aligned() && a.x.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 v = load4(to, c, cols, wide), w = load4(from, c, cols, wide);
		store4(to, c, cols, wide, make_float4(v.x + w.x, v.y + w.y, v.z + w.z, v.w + w.w));
	}
}

WORK(silu_rows, PairArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	const float *from = a.x.row(r);
	bool wide = a.dst.aligned() && a.x.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 v = load4(from, c, cols, wide);
		store4(to, c, cols, wide, make_float4(silu(v.x), silu(v.y), silu(v.z), silu(v.w)));
	}
}

// swiglu: dst (T, F) = silu(x[:, :F]) · x[:, F:].
WORK(swiglu, PairArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	const float *gate = a.x.row(r), *up = gate + cols;
	bool wide = a.dst.aligned() && a.x.aligned() && cols % 4 == 0;
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 g = load4(gate, c, cols, wide), u = load4(up, c, cols, wide);
		store4(to, c, cols, wide, make_float4(silu(g.x) * u.x, silu(g.y) * u.y, silu(g.z) * u.z, silu(g.w) * u.w));
	}
}

struct ConcatArgs {
	View dst, left, right;
};

WORK(concat, ConcatArgs, ROW_THREADS) {
	int r = element_row(team), split = a.left.cols, cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	const float *left = a.left.row(r), *right = a.right.row(r);
	bool wide = a.dst.aligned() && a.left.aligned() && a.right.aligned() && split % 4 == 0;
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 v;
		if (c + 4 <= split || wide) {
			v = c < split ? load4(left, c, split, wide) : load4(right, c - split, cols - split, wide);
		} else { // four columns may lie on both sides
			float each[4];
			for (int i = 0; i < 4; i++) {
				int at = c + i;
				each[i] = at < split ? left[at] : at < cols ? right[at - split] : 0.0f;
			}
			v = make_float4(each[0], each[1], each[2], each[3]);
		}
		store4(to, c, cols, wide, v);
	}
}
