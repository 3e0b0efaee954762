// What the kernels for matrix products share: their argument, a block's part of the work, how rows are read and sums written.

#pragma once

#include "mma.cuh"

struct MatMulArgs {
	View dst, x;
	Weight w;
	const int *offsets;  // of the experts' rows, or null: then w has one group
	int experts, add;
};

// Job is a block's part: rows first up to end, with the group's matrix.
struct Job {
	int group, first, end;
};

// find_job is the block's rows, counted in blocks of rows_per_block for each expert; false where there are none left.
DEVICE bool find_job(const MatMulArgs &a, int block, int rows_per_block, Job &job) {
	if (!a.offsets) {
		job = {0, block * rows_per_block, a.x.rows};
		return job.first < job.end;
	}
	for (int e = 0; e < a.experts; e++) {
		int lo = a.offsets[e], hi = a.offsets[e + 1], blocks = (hi - lo + rows_per_block - 1) / rows_per_block;
		if (block < blocks) {
			job = {e, lo + block * rows_per_block, hi};
			return true;
		}
		block -= blocks;
	}
	return false;
}

// write finishes the sum of an element.
DEVICE void write(const MatMulArgs &a, const Job &job, int row, int o, float sum) {
	if (row >= job.end || o >= a.w.out) return;
	if (a.w.type == WEIGHT_I8) sum = __fmul_rn(sum, a.w.scales[job.group * a.w.out + o]);
	float *to = a.dst.row(row) + o;
	*to = a.add ? __fadd_rn(*to, sum) : sum;
}

// load_rows reads the 16 inputs of a tile that lane t of a row wants.
DEVICE void load_rows(float (&v)[LANE_IN], const View &x, int row, int end, int tile, int t, bool aligned) {
	const float *from = x.row(row);
	int cols = row < end ? x.cols : 0;
#pragma unroll
	for (int i = 0; i < LANE_IN; i += 4) {
		float4 four = load4(from, tile * TILE_IN + t * LANE_IN + i, cols, aligned);
		v[i] = four.x, v[i + 1] = four.y, v[i + 2] = four.z, v[i + 3] = four.w;
	}
}
