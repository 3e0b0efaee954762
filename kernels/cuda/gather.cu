// Operations that copy rows from or to where an index says: unfold, gather_rows, scatter_rows, store_rows. A warp copies 512
// columns of a row.

#pragma once

#include "common.cuh"

DEVICE void copy_row(const RowTeam &team, float *to, const float *from, int cols, bool wide) {
	int end = end_col(team, cols);
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) store4(to, c, cols, wide, load4(from, c, cols, wide));
}

struct UnfoldArgs {
	View dst, x;
	const int *index;
};

// unfold: dst (T, K·C): row t is the K rows of x (N, C) that index names, zeros for -1. A warp copies one of the K.
WORK(unfold, UnfoldArgs, ROW_THREADS) {
	int part = element_row(team), cols = a.x.cols, taps = a.dst.cols / cols, row = part / taps;
	if (row >= a.dst.rows) return;
	int at = a.index[part], offset = (part - row * taps) * cols, end = end_col(team, cols);
	float *to = a.dst.row(row) + offset;
	bool wide = a.dst.aligned() && a.x.aligned() && cols % 4 == 0;
	if (at >= 0) {
		copy_row(team, to, a.x.row(at), cols, wide);
		return;
	}
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) store4(to, c, cols, wide, make_float4(0, 0, 0, 0));
}

struct StoreArgs {
	View cache, x;
	const int *slots;
};

// store_rows: cache[slots[r]] = x[r]. Of several rows for one slot the last is stored, as if they came in order.
WORK(store_rows, StoreArgs, ROW_THREADS) {
	int r = element_row(team);
	if (r >= a.x.rows) return;
	int slot = a.slots[r];
	for (int first = r + 1; first < a.x.rows; first += WARP) {
		int later = first + lane_id();
		if (__any_sync(ALL_LANES, later < a.x.rows && a.slots[later] == slot)) return;
	}
	copy_row(team, a.cache.row(slot), a.x.row(r), a.x.cols, a.cache.aligned() && a.x.aligned());
}

struct RoutedArgs {
	View dst, x;
	const int *rows;     // of each pair; where scattering, each row's pairs
	const float *gates;  // of each pair
	int top, unused;
};

// gather_rows: dst (T·Top, D): the rows of x (T, D) in routing order.
WORK(gather_rows, RoutedArgs, ROW_THREADS) {
	int pair = element_row(team);
	if (pair >= a.dst.rows) return;
	copy_row(team, a.dst.row(pair), a.x.row(a.rows[pair]), a.dst.cols, a.dst.aligned() && a.x.aligned());
}

// scatter_rows: dst[row] += Σ gate · x[pair] over the row's pairs, in order of expert.
WORK(scatter_rows, RoutedArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	float *to = a.dst.row(r);
	bool wide = a.dst.aligned() && a.x.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 v = load4(to, c, cols, wide);
		for (int i = 0; i < a.top; i++) {
			int pair = a.rows[r * a.top + i];
			float gate = a.gates[pair];
			multiply_add(v, make_float4(gate, gate, gate, gate), load4(a.x.row(pair), c, cols, wide));
		}
		store4(to, c, cols, wide, v);
	}
}
