// top_k: the K best of a row of logits among the allowed ids, with their log-probabilities among those. A block has a row. Each
// of K walks over the row finds the best that comes after the one found before, in the order of falling logits and rising ids;
// the row stays in the cache. One more walk sums the exponentials.

#pragma once

#include "common.cuh"

struct TopKArgs {
	View logits;
	const int *ids;     // allowed ids of all rows, one after the other
	const int *start;   // (T + 1): row r's are ids[start[r]] up to ids[start[r + 1]]
	const int *limits;  // (T): where a row has none, it allows ids below its limit
	int *best;          // (T, K), -1 for none
	float *logs;        // (T, K), -Inf for none
	int k, unused;
};

constexpr int TOP_K_THREADS = 256;

struct Candidate {
	float logit;
	int id;
};

// better says whether c comes before d.
DEVICE bool better(Candidate c, Candidate d) { return c.logit > d.logit || (c.logit == d.logit && c.id < d.id); }

struct TopKShared {
	Candidate best[TOP_K_THREADS / WARP];
	float sums[TOP_K_THREADS / WARP];
};

WORK_IN(TopKShared, top_k, TopKArgs, TOP_K_THREADS) {
	const float lowest = -INFINITY;
	int r = team.x, lane = lane_id(), warp = team.warp();
	const float *row = a.logits.row(r);
	const int *ids = a.ids + a.start[r];
	int listed = a.start[r + 1] - a.start[r], count = listed > 0 ? listed : a.limits[r];
	int *best = a.best + int64_t(r) * a.k;
	float *logs = a.logs + int64_t(r) * a.k;

	Candidate first = {lowest, -1}, last = {INFINITY, -1};
	int found = 0;
	for (; found < a.k; found++) {
		// -Inf and NaN are never better than what stands here at first.
		Candidate mine = {lowest, -1};
		for (int i = team.thread; i < count; i += TOP_K_THREADS) {
			Candidate c = {0, listed > 0 ? ids[i] : i};
			c.logit = row[c.id];
			if (better(c, mine) && better(last, c)) mine = c;
		}
		for (int with = WARP / 2; with > 0; with /= 2) {
			Candidate c = {__shfl_xor_sync(ALL_LANES, mine.logit, with), __shfl_xor_sync(ALL_LANES, mine.id, with)};
			if (better(c, mine)) mine = c;
		}
		if (lane == 0) shared.best[warp] = mine;
		team.wait();
		for (int w = 0; w < TOP_K_THREADS / WARP; w++) {
			if (better(shared.best[w], mine)) mine = shared.best[w];
		}
		team.wait();
		if (mine.id < 0) break;
		if (found == 0) first = mine;
		last = mine;
		if (team.thread == 0) {
			best[found] = mine.id;
			logs[found] = mine.logit;
		}
	}
	float sum = 0;
	for (int i = team.thread; i < count; i += TOP_K_THREADS) sum += expf(row[listed > 0 ? ids[i] : i] - first.logit);
	sum = warp_sum(sum);
	if (lane == 0) shared.sums[warp] = sum;
	team.wait();
	if (team.thread > 0) return;
	sum = 0;
	for (int w = 0; w < TOP_K_THREADS / WARP; w++) sum += shared.sums[w];
	float norm = logf(sum);
	for (int i = 0; i < found; i++) logs[i] = logs[i] - first.logit - norm;
	for (int i = found; i < a.k; i++) {
		best[i] = -1;
		logs[i] = lowest;
	}
}
