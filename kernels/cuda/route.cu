// route: which experts each row goes to. One block does all: it is a few thousand comparisons, too few to be worth a second
// launch, and the order of the pairs, by expert and then by row, must not depend on which block is first.

#pragma once

#include "common.cuh"

struct RouteArgs {
	View logits;       // (T, E)
	int *offsets;      // (E + 1): expert e has the pairs offsets[e] up to offsets[e + 1]
	int *rows;         // of each pair
	float *gates;      // of each pair
	int *where;        // (T, Top): each row's pairs, by expert
	int *chosen;       // (T, Top): each row's experts, ascending
	float *weights;    // (T, Top): their gates
	int top, unused;
};

// choose fills experts with the ids of the largest logits, the lower id first among equals and ids of NaN last, then orders
// them by id, with the softmax over them as gates.
DEVICE void choose(int *experts, float *gates, const float *logits, int count, int top) {
	for (int n = 0; n < top; n++) {
		int best = -1;
		for (int e = 0; e < count; e++) {
			bool taken = false;
			for (int i = 0; i < n; i++) taken |= experts[i] == e;
			if (!taken && (best < 0 || logits[e] > logits[best])) best = e;
		}
		experts[n] = best;
	}
	float most = logits[experts[0]], sum = 0;
	for (int i = 1; i < top; i++) {
		for (int j = i; j > 0 && experts[j] < experts[j - 1]; j--) {
			int swap = experts[j];
			experts[j] = experts[j - 1];
			experts[j - 1] = swap;
		}
	}
	for (int i = 0; i < top; i++) {
		gates[i] = expf(logits[experts[i]] - most);
		sum += gates[i];
	}
	for (int i = 0; i < top; i++) gates[i] /= sum;
}

// pair_of is which of a row's chosen experts e is, or -1.
DEVICE int pair_of(const int *experts, int top, int e) {
	for (int i = 0; i < top; i++) {
		if (experts[i] == e) return i;
	}
	return -1;
}

constexpr int ROUTE_THREADS = 256;

WORK(route, RouteArgs, ROUTE_THREADS) {
	int rows = a.logits.rows, experts = a.logits.cols, top = a.top, lane = lane_id(), warps = ROUTE_THREADS / WARP;
	for (int r = team.thread; r < rows; r += ROUTE_THREADS) {
		choose(a.chosen + r * top, a.weights + r * top, a.logits.row(r), experts, top);
	}
	team.wait();
	// A warp an expert counts the rows that chose it, 32 at a time.
	for (int e = team.warp(); e < experts; e += warps) {
		int count = 0;
		for (int first = 0; first < rows; first += WARP) {
			int r = first + lane;
			bool mine = r < rows && pair_of(a.chosen + r * top, top, e) >= 0;
			count += __popc(__ballot_sync(ALL_LANES, mine));
		}
		if (lane == 0) a.offsets[e + 1] = count;
	}
	team.wait();
	if (team.thread == 0) {
		a.offsets[0] = 0;
		for (int e = 0; e < experts; e++) a.offsets[e + 1] += a.offsets[e];
	}
	team.wait();
	// The same walk again gives each pair its place.
	for (int e = team.warp(); e < experts; e += warps) {
		int next = a.offsets[e];
		for (int first = 0; first < rows; first += WARP) {
			int r = first + lane, which = r < rows ? pair_of(a.chosen + r * top, top, e) : -1;
			unsigned mine = __ballot_sync(ALL_LANES, which >= 0);
			if (which >= 0) {
				int pair = next + __popc(mine & ((1u << lane) - 1));
				a.rows[pair] = r;
				a.gates[pair] = a.weights[r * top + which];
				a.where[r * top + which] = pair;
			}
			next += __popc(mine);
		}
	}
}
