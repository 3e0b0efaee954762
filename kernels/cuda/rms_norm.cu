// rms_norm: dst[r] = x[r] / sqrt(mean(x[r]²) + eps) · gain, a warp for a row. The row is read twice; the second time it comes
// from the cache, as a row of a few kilobytes fits where a warp's share of it does not fit in registers.

#pragma once

#include "common.cuh"

struct NormArgs {
	View dst, x, gain;
	float eps;
	int unused;
};

WORK(rms_norm, NormArgs, ROW_THREADS) {
	int r = element_row(team), cols = a.x.cols;
	if (r >= a.x.rows) return;
	const float *x = a.x.row(r), *gain = a.gain.data;
	float *to = a.dst.row(r);
	bool wide = a.x.aligned() && a.dst.aligned() && a.gain.aligned();
	float4 sums = make_float4(0, 0, 0, 0);
	for (int c = 4 * lane_id(); c < cols; c += COLS_PER_STEP) {
		float4 v = load4(x, c, cols, wide);
		multiply_add(sums, v, v);
	}
	float sum = warp_sum((sums.x + sums.y) + (sums.z + sums.w));
	float scale = 1.0f / sqrtf(sum / float(cols) + a.eps);
	for (int c = 4 * lane_id(); c < cols; c += COLS_PER_STEP) {
		float4 v = load4(x, c, cols, wide), g = load4(gain, c, cols, wide);
		store4(to, c, cols, wide, make_float4(v.x * scale * g.x, v.y * scale * g.y, v.z * scale * g.z, v.w * scale * g.w));
	}
}
