// rope: rotates pairs (i, i + half) of each head by the angle in row positions[r] of cos and sin. A warp has a row, its lanes
// the row's pairs in turn.

#pragma once

#include "common.cuh"

struct RopeArgs {
	View x, cos, sin;
	const int *positions;
	int heads, unused;
};

WORK(rope, RopeArgs, ROW_THREADS) {
	int r = element_row(team), half = a.cos.cols;
	if (r >= a.x.rows) return;
	float *row = a.x.row(r);
	const float *cosine = a.cos.row(a.positions[r]), *sine = a.sin.row(a.positions[r]);
	for (int pair = lane_id(); pair < a.heads * half; pair += WARP) {
		int head = pair / half, i = pair - head * half;
		float *left = row + 2 * head * half + i, *right = left + half;
		float u = *left, v = *right, c = cosine[i], s = sine[i];
		*left = u * c - v * s;
		*right = v * c + u * s;
	}
}
