// advance: what stands between two decode steps (kernels.Chain): each search chooses, of the candidates that top_k left, what
// its rows go on with, and the lists that the next step reads are changed where they lie. A search has a block.
//
// A beam's candidates are a few dozen: one warp finds the best that comes after the one found before, in the order of falling
// sums, rows and ranks, until as many continue as there are rows. Then a warp each copies the paths: to the other half of
// their memory, as a path may be several rows' past. A greedy search adds to its path where it stands.

#pragma once

#include "common.cuh"

constexpr int MOST_BEAM = 64;
constexpr int ADVANCE_THREADS = 128;

// SearchState is a search's; the twin of searchState in chain.go.
struct SearchState {
	double best, longest;  // of the outputs that have ended, the best score; the factor of the longest
	int ended;             // outputs
	int step, stopped, unused;
};

struct ChainArgs {
	const int *searches;       // offsets of their rows
	SearchState *states;
	const double *factors;     // (searches, steps)
	double *logs;              // (rows) so far
	int *tokens, *positions, *slots, *starts, *counts, *paths;
	const int *fresh;          // (steps - 1, rows)
	const int *header;         // steps, half of the paths' memory, the end token
	const int *ids;            // (rows, k) candidates of this step
	const float *scores;
	int *taken_ids;            // (steps, rows, k), and so on: what the host reads in the end
	float *taken_scores;
	int *taken_tokens, *taken_from;
	int *going;                // searches that have not stopped
	int *ran;                  // steps so far in which some search went on, this one included
	int rows, k;
};

struct Continuation {
	double log;
	int row, rank, token;
};

DEVICE bool before(const Continuation &a, const Continuation &b) {
	return a.log > b.log || (a.log == b.log && (a.row < b.row || (a.row == b.row && a.rank < b.rank)));
}

struct Choice {
	Continuation next[MOST_BEAM];
	int count;  // of next, or -1 where the search stops
};

// next_best is the best continuation that comes after last, for the whole warp; its token is -1 where there is none.
DEVICE Continuation next_best(const ChainArgs &a, int first, int rows, int look, const Continuation &last, bool any) {
	Continuation best = {0, 0, 0, -1};
	for (int row = first; row < first + rows; row++) {
#pragma unroll 1  // a beam has no more than a few
		for (int rank = lane_id(); rank < look; rank += WARP) {
			int from = row * a.k + rank;
			Continuation c = {a.logs[row] + double(a.scores[from]), row, rank, a.ids[from]};
			if (c.token >= 0 && (!any || before(last, c)) && (best.token < 0 || before(c, best))) best = c;
		}
	}
#pragma unroll
	for (int with = WARP / 2; with > 0; with /= 2) {
		Continuation c = {__shfl_xor_sync(ALL_LANES, best.log, with), __shfl_xor_sync(ALL_LANES, best.row, with),
		                  __shfl_xor_sync(ALL_LANES, best.rank, with), __shfl_xor_sync(ALL_LANES, best.token, with)};
		if (c.token >= 0 && (best.token < 0 || before(c, best))) best = c;
	}
	return best;
}

// choose fills choice, by one warp: the best continuations; those of the best that end are counted.
DEVICE void choose_next(const ChainArgs &a, int search, Choice &choice) {
	int first = a.searches[search], rows = a.searches[search + 1] - first, look = rows > 1 ? 2 * rows : 1;
	int steps = a.header[0], end = a.header[2], found = 0;
	SearchState &state = a.states[search];
	double best = state.best;
	int ended = state.ended;
	Continuation last = {0, 0, 0, 0};
	for (int rank = 0; found < rows; rank++) {
		last = next_best(a, first, rows, look, last, rank > 0);
		if (last.token < 0) break;
		if (last.token != end) {
			if (lane_id() == 0) choice.next[found] = last;
			found++;
		} else if (rank < rows) {
			double score = last.log * a.factors[search * steps + state.step];
			best = score > best ? score : best;
			ended++;
		}
	}
	__syncwarp();
	bool stops = found < rows;
	if (!stops && rows > 1 && ended >= rows) stops = best >= choice.next[0].log * state.longest || ended >= 2 * rows;
	__syncwarp();
	if (lane_id() == 0) {
		state.best = best;
		state.ended = ended;
		choice.count = stops ? -1 : rows;
	}
}

// record copies the step's candidates, and what was chosen of them, to where the host reads them.
DEVICE void record(const ChainArgs &a, const Team<ADVANCE_THREADS> &team, int first, int rows, int step, const Choice &choice) {
	int64_t to = (int64_t(step) * a.rows + first) * a.k;
	for (int i = team.thread; i < rows * a.k; i += ADVANCE_THREADS) {
		a.taken_ids[to + i] = a.ids[first * a.k + i];
		a.taken_scores[to + i] = a.scores[first * a.k + i];
	}
	for (int j = team.thread; j < rows; j += ADVANCE_THREADS) {
		int64_t at = int64_t(step) * a.rows + first + j;
		a.taken_tokens[at] = choice.count < 0 ? -1 : choice.next[j].token;
		a.taken_from[at] = choice.count < 0 ? -1 : choice.next[j].row;
	}
}

WORK_IN(Choice, advance, ChainArgs, ADVANCE_THREADS) {
	int search = team.x, first = a.searches[search], rows = a.searches[search + 1] - first;
	SearchState &state = a.states[search];
	int step = state.step, steps = a.header[0], half = a.header[1];
	if (state.stopped) return;
	if (team.warp() == 0) choose_next(a, search, shared);
	team.wait();
	record(a, team, first, rows, step, shared);
	bool last = step + 1 == steps;
	if (shared.count > 0 && !last) {
		for (int j = team.warp(); j < rows; j += ADVANCE_THREADS / WARP) {
			int from = shared.next[j].row, length = a.counts[from], start = a.starts[from], to = start;
			if (rows > 1) {
				to = a.starts[first + j];
				to = to < half ? to + half : to - half;
				for (int i = lane_id(); i < length; i += WARP) a.paths[to + i] = a.paths[start + i];
			}
			if (lane_id() == 0) a.paths[to + length] = a.fresh[int64_t(step) * a.rows + first + j];
		}
	}
	team.wait(); // all has been read
	if (shared.count > 0 && !last) {
		for (int j = team.thread; j < rows; j += ADVANCE_THREADS) {
			int r = first + j;
			a.tokens[r] = shared.next[j].token;
			a.logs[r] = shared.next[j].log;
			a.slots[r] = a.fresh[int64_t(step) * a.rows + r];
			a.positions[r]++;
			a.counts[r]++;
			if (rows > 1) a.starts[r] = a.starts[r] < half ? a.starts[r] + half : a.starts[r] - half;
		}
	}
	if (team.thread == 0) {
		state.step = *a.ran = step + 1;
		if (shared.count < 0) {
			state.stopped = 1;
			atomicAdd(a.going, -1);
		}
	}
}
