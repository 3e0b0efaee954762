// attention: dst = softmax(q·kᵀ/√d)·v per head, over the keys of a query's segment or over a path of cached rows. Sums and the
// running maximum follow the order of the keys, so a row's result does not depend on its company.
//
// plain: a warp has one head of one row. It takes 32 keys at a time, a lane for each; the products become weights against the
// largest product so far, and what was summed before is scaled when that grows (online softmax). Then the lanes share the
// columns of the values. Any head width will do, but a lane reads a key by itself, 4 bytes at a time, far from its neighbours'.
//
// split, for rows with paths of their own (a decode step): a head of a row has a block, and a key a few lanes of it, which read
// it side by side, 16 bytes each. The keys are dealt out in batches of four to the groups of lanes, so that of a short path all
// are under way at once. Each group keeps a maximum, a sum and an output of its own; in the end they are joined, in order.
//
// tile, for segments (the trunk): 32 queries of a segment share the keys that a block has read into shared memory, 32 at a
// time, so device memory sees each key once for 32 queries. A lane multiplies its key with 8 queries per read of it; the sums
// of weights stay in lanes until the end.

#pragma once

#include "common.cuh"

struct AttentionArgs {
	View dst, q, k, v;
	const int *first, *second;  // offsets of the queries' and the keys' segments; or each row's start and count of slots
	const int *slots;           // or null, where the keys of a segment follow each other; the tiles of tile
	int segments, heads;
	float scale;
	int unused;
};

// Keys are the rows that a query sees.
struct Keys {
	const int *slots;
	int first, count;

	DEVICE int row(int j) const { return slots ? slots[first + j] : first + j; }
};

DEVICE Keys keys_of(const AttentionArgs &a, int row) {
	if (a.slots) return {a.slots, a.first[row], a.second[row]};
	int segment = segment_of(a.first, a.segments, row);
	return {nullptr, a.second[segment], a.second[segment + 1] - a.second[segment]};
}

constexpr int ATTENTION_WARPS = 4;

struct AttentionWeights {
	float of[ATTENTION_WARPS][WARP];
};

KERNEL(attention_plain, AttentionArgs, ATTENTION_WARPS * WARP) {
	SHARED(AttentionWeights, weights);
	DYNAMIC_SHARED(float, sums);  // (warps, d)
	int unit = int(blockIdx.x) * ATTENTION_WARPS + warp_id(), row = unit / a.heads, d = a.q.cols / a.heads, lane = lane_id();
	if (row >= a.q.rows) return;
	int column = (unit - row * a.heads) * d;
	const float *q = a.q.row(row) + column;
	float *weight = weights.of[warp_id()], *out = sums + warp_id() * d;
	Keys keys = keys_of(a, row);
	for (int c = lane; c < d; c += WARP) out[c] = 0;

	float most = -INFINITY, total = 0;
	for (int first = 0; first < keys.count; first += WARP) {
		int here = min(WARP, keys.count - first);
		float product = -INFINITY;
		if (lane < here) {
			const float *k = a.k.row(keys.row(first + lane)) + column;
			product = 0;
			for (int c = 0; c < d; c++) product = fmaf(q[c], k[c], product);
		}
		float now = fmaxf(most, warp_max(product)), shrink = expf((most - now) * a.scale);
		float mine = lane < here ? expf((product - now) * a.scale) : 0.0f;
		total = fmaf(total, shrink, warp_sum(mine));
		most = now;
		weight[lane] = mine;
		__syncwarp();
		for (int c = lane; c < d; c += WARP) {
			float sum = out[c] * shrink;
			for (int j = 0; j < here; j++) sum = fmaf(weight[j], a.v.row(keys.row(first + j))[column + c], sum);
			out[c] = sum;
		}
		__syncwarp();
	}
	float *to = a.dst.row(row) + column;
	for (int c = lane; c < d; c += WARP) to[c] = keys.count > 0 ? out[c] / total : 0.0f;
}

// Split is what the groups of lanes of a block have found, for widths of D.
template <int D>
struct Split {
	static constexpr int LANES = D / 4, GROUPS = ATTENTION_WARPS * WARP / LANES;
	float most[GROUPS], total[GROUPS];
	float4 sum[GROUPS][LANES];
};

constexpr int SPLIT_BATCH = 4;

using AttentionTeam = Team<ATTENTION_WARPS * WARP>;

template <int D>
DEVICE void split(const AttentionArgs &a, const AttentionTeam &team, Split<D> &groups) {
	constexpr int LANES = Split<D>::LANES, GROUPS = Split<D>::GROUPS;
	int row = team.x / a.heads, column = (team.x - row * a.heads) * D;
	int group = team.thread / LANES, lane = team.thread % LANES, mine = column + 4 * lane;
	Keys keys = keys_of(a, row);
	float4 q = *reinterpret_cast<const float4 *>(a.q.row(row) + mine), sum = make_float4(0, 0, 0, 0);

	float most = -INFINITY, total = 0;
	for (int base = 0; base < keys.count; base += GROUPS * SPLIT_BATCH) {
		int first = base + group * SPLIT_BATCH;
		float4 values[SPLIT_BATCH];
		float products[SPLIT_BATCH], now = most;
#pragma unroll
		for (int i = 0; i < SPLIT_BATCH; i++) {
			float4 k = make_float4(0, 0, 0, 0);
			values[i] = k;
			if (first + i < keys.count) {
				int at = keys.row(first + i);
				k = *reinterpret_cast<const float4 *>(a.k.row(at) + mine);
				values[i] = *reinterpret_cast<const float4 *>(a.v.row(at) + mine);
			}
			products[i] = fmaf(q.x, k.x, fmaf(q.y, k.y, fmaf(q.z, k.z, q.w * k.w)));
		}
#pragma unroll
		for (int i = 0; i < SPLIT_BATCH; i++) {
#pragma unroll
			for (int with = LANES / 2; with > 0; with /= 2) products[i] += __shfl_xor_sync(ALL_LANES, products[i], with);
			if (first + i < keys.count) now = fmaxf(now, products[i]);
		}
		float shrink = most == -INFINITY ? 0.0f : expf((most - now) * a.scale);
		total *= shrink;
		sum = scaled(sum, shrink);
#pragma unroll
		for (int i = 0; i < SPLIT_BATCH; i++) {
			float weight = first + i < keys.count ? expf((products[i] - now) * a.scale) : 0.0f;
			total += weight;
			multiply_add(sum, make_float4(weight, weight, weight, weight), values[i]);
		}
		most = now;
	}
	if (lane == 0) groups.most[group] = most, groups.total[group] = total;
	groups.sum[group][lane] = sum;
	team.wait();
	if (group > 0) return;
	for (int g = 1; g < GROUPS; g++) most = fmaxf(most, groups.most[g]);
	total = 0;
	sum = make_float4(0, 0, 0, 0);
	for (int g = 0; g < GROUPS; g++) {
		if (groups.total[g] == 0) continue; // had no keys, or none that count
		float weight = expf((groups.most[g] - most) * a.scale);
		total = fmaf(groups.total[g], weight, total);
		multiply_add(sum, make_float4(weight, weight, weight, weight), groups.sum[g][lane]);
	}
	*reinterpret_cast<float4 *>(a.dst.row(row) + mine) = scaled(sum, keys.count > 0 ? 1.0f / total : 0.0f);
}

WORK_IN(Split<32>, attention_split_32, AttentionArgs, ATTENTION_WARPS * WARP) { split<32>(a, team, shared); }
WORK_IN(Split<64>, attention_split_64, AttentionArgs, ATTENTION_WARPS * WARP) { split<64>(a, team, shared); }
WORK_IN(Split<128>, attention_split_128, AttentionArgs, ATTENTION_WARPS * WARP) { split<128>(a, team, shared); }

constexpr int TILE_QUERIES = 8;  // of a warp

// Tile is what a block has in shared memory. Four more columns keep the lanes' keys off each other's banks.
template <int D>
struct Tile {
	float q[ATTENTION_WARPS * TILE_QUERIES][D];
	float k[WARP][D + 4];
	float v[WARP][D];
	float4 weights[ATTENTION_WARPS][WARP][TILE_QUERIES / 4];
};

// read_rows copies rows first up to first + count of a head to shared memory, zeros where rows end.
template <int STRIDE, int D>
DEVICE void read_rows(float (*to)[STRIDE], const View &from, int first, int count, int end, int column) {
	constexpr int PER_ROW = D / 4;
	for (int i = int(threadIdx.x); i < count * PER_ROW; i += ATTENTION_WARPS * WARP) {
		int row = i / PER_ROW, c = i % PER_ROW * 4;
		float4 v = make_float4(0, 0, 0, 0);
		if (first + row < end) v = *reinterpret_cast<const float4 *>(from.row(first + row) + column + c);
		*reinterpret_cast<float4 *>(&to[row][c]) = v;
	}
}

// Blocks are counted in x over tiles of queries, which a.slots lists as pairs of a segment, or -1, and a first query, and in y
// over heads.
template <int D>
DEVICE void tile(const AttentionArgs &a) {
	constexpr int COLS = D / WARP, QUERIES = ATTENTION_WARPS * TILE_QUERIES;
	DYNAMIC_SHARED(Tile<D>, shared);
	int segment = a.slots[2 * blockIdx.x], first = a.slots[2 * blockIdx.x + 1], column = int(blockIdx.y) * D;
	if (segment < 0) return;
	int lane = lane_id(), warp = warp_id(), end = a.first[segment + 1];
	int key0 = a.second[segment], keys = a.second[segment + 1] - key0;
	read_rows<D, D>(shared->q, a.q, first, QUERIES, end, column);

	float most[TILE_QUERIES], total[TILE_QUERIES], sums[TILE_QUERIES][COLS];
#pragma unroll
	for (int i = 0; i < TILE_QUERIES; i++) {
		most[i] = -INFINITY, total[i] = 0;
#pragma unroll
		for (int c = 0; c < COLS; c++) sums[i][c] = 0;
	}
	for (int base = 0; base < keys; base += WARP) {
		int here = min(WARP, keys - base);
		__syncthreads(); // the tile before has been read
		read_rows<D + 4, D>(shared->k, a.k, key0 + base, WARP, key0 + keys, column);
		read_rows<D, D>(shared->v, a.v, key0 + base, WARP, key0 + keys, column);
		__syncthreads();
		float products[TILE_QUERIES] = {};
#pragma unroll 2
		for (int c = 0; c < D; c += 4) {
			float4 k = *reinterpret_cast<const float4 *>(&shared->k[lane][c]);
#pragma unroll
			for (int i = 0; i < TILE_QUERIES; i++) {
				float4 q = *reinterpret_cast<const float4 *>(&shared->q[warp * TILE_QUERIES + i][c]);
				products[i] = fmaf(q.x, k.x, fmaf(q.y, k.y, fmaf(q.z, k.z, fmaf(q.w, k.w, products[i]))));
			}
		}
		float weights[TILE_QUERIES];
#pragma unroll
		for (int i = 0; i < TILE_QUERIES; i++) {
			float now = fmaxf(most[i], warp_max(lane < here ? products[i] : -INFINITY));
			float shrink = expf((most[i] - now) * a.scale), weight = lane < here ? expf((products[i] - now) * a.scale) : 0.0f;
			most[i] = now;
			total[i] = fmaf(total[i], shrink, weight);
			weights[i] = weight;
#pragma unroll
			for (int c = 0; c < COLS; c++) sums[i][c] *= shrink;
		}
		shared->weights[warp][lane][0] = make_float4(weights[0], weights[1], weights[2], weights[3]);
		shared->weights[warp][lane][1] = make_float4(weights[4], weights[5], weights[6], weights[7]);
		__syncwarp();
#pragma unroll 2
		for (int j = 0; j < here; j++) {
			float4 low = shared->weights[warp][j][0], high = shared->weights[warp][j][1];
			float each[TILE_QUERIES] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
			for (int c = 0; c < COLS; c++) {
				float v = shared->v[j][lane + c * WARP];
#pragma unroll
				for (int i = 0; i < TILE_QUERIES; i++) sums[i][c] = fmaf(each[i], v, sums[i][c]);
			}
		}
	}
#pragma unroll
	for (int i = 0; i < TILE_QUERIES; i++) {
		int row = first + warp * TILE_QUERIES + i;
		float all = warp_sum(total[i]);
		if (row >= end) continue;
		float *to = a.dst.row(row) + column + lane;
#pragma unroll
		for (int c = 0; c < COLS; c++) to[c * WARP] = keys > 0 ? sums[i][c] / all : 0.0f;
	}
}

KERNEL(attention_tile_32, AttentionArgs, ATTENTION_WARPS * WARP) { tile<32>(a); }
KERNEL(attention_tile_64, AttentionArgs, ATTENTION_WARPS * WARP) { tile<64>(a); }
KERNEL(attention_tile_128, AttentionArgs, ATTENTION_WARPS * WARP) { tile<128>(a); }
