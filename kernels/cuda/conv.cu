// The convolutions of each column with its own filter: over segments, over paths of cached rows, and over rows that an index
// names. A warp computes 512 columns of a row; taps are added in order. Neighbouring rows read the same rows of x, which the
// cache serves: device memory sees each of them once.

#pragma once

#include "common.cuh"

struct SegmentConvArgs {
	View dst, x, filter;
	const int *segs;  // offsets, count + 1 of them
	int count, dilation;
};

WORK(depthwise_conv, SegmentConvArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.x.cols, taps = a.filter.rows, end = end_col(team, cols);
	if (r >= a.x.rows) return;
	int segment = segment_of(a.segs, a.count, r), lo = a.segs[segment], hi = a.segs[segment + 1];
	float *to = a.dst.row(r);
	bool wide = a.dst.aligned() && a.x.aligned() && a.filter.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 sum = make_float4(0, 0, 0, 0);
		for (int k = 0; k < taps; k++) {
			int64_t at = r + int64_t(k - taps / 2) * a.dilation;
			if (at < lo || at >= hi) continue;
			multiply_add(sum, load4(a.filter.row(k), c, cols, wide), load4(a.x.row(int(at)), c, cols, wide));
		}
		store4(to, c, cols, wide, sum);
	}
}

struct PathConvArgs {
	View dst, cache, filter;
	const int *slots, *start, *count;
	int dilation, unused;
};

// path_conv: dst[r] = Σ_k filter[k] · cache[path[n-1 - (K-1-k)·dilation]], the path of row r having n slots.
WORK(path_conv, PathConvArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, taps = a.filter.rows, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	const int *path = a.slots + a.start[r];
	int last = a.count[r] - 1;
	float *to = a.dst.row(r);
	bool wide = a.dst.aligned() && a.cache.aligned() && a.filter.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 sum = make_float4(0, 0, 0, 0);
		for (int k = 0; k < taps; k++) {
			int64_t at = last - int64_t(taps - 1 - k) * a.dilation;
			if (at < 0) continue;
			multiply_add(sum, load4(a.filter.row(k), c, cols, wide), load4(a.cache.row(path[at]), c, cols, wide));
		}
		store4(to, c, cols, wide, sum);
	}
}

struct GatherConvArgs {
	View dst, x, filter;
	const int *index;
};

// gather_conv: dst[t] = Σ_k filter[k] · x[index[t·K+k]], taps of index -1 left out.
WORK(gather_conv, GatherConvArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.dst.cols, taps = a.filter.rows, end = end_col(team, cols);
	if (r >= a.dst.rows) return;
	const int *index = a.index + int64_t(r) * taps;
	float *to = a.dst.row(r);
	bool wide = a.dst.aligned() && a.x.aligned() && a.filter.aligned();
	for (int c = first_col(team); c < end; c += COLS_PER_STEP) {
		float4 sum = make_float4(0, 0, 0, 0);
		for (int k = 0; k < taps; k++) {
			if (index[k] < 0) continue;
			multiply_add(sum, load4(a.filter.row(k), c, cols, wide), load4(a.x.row(index[k]), c, cols, wide));
		}
		store4(to, c, cols, wide, sum);
	}
}
