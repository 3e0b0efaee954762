// attention: dst = softmax(q·kᵀ/√d)·v per head, over the keys of a query's segment or over a path of cached rows. Sums and the
// running maximum follow the order of the keys, so a row's result does not depend on its company.
//
// plain: a warp has one head of one row. It takes 32 keys at a time, a lane for each; the products become weights against the
// largest product so far, and what was summed before is scaled when that grows (online softmax). Then the lanes share the
// columns of the values. Any head width will do.

#include "common.cuh"

struct AttentionArgs {
	View dst, q, k, v;
	const int *first, *second;  // offsets of the queries' and the keys' segments; or each row's start and count of slots
	const int *slots;           // or null, where the keys of a segment follow each other
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
	int lo = 0, hi = a.segments;
	while (hi - lo > 1) { // the last segment that starts at or before the row
		int mid = (lo + hi) / 2;
		if (a.first[mid] <= row) lo = mid;
		else hi = mid;
	}
	return {nullptr, a.second[lo], a.second[lo + 1] - a.second[lo]};
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
