// matmul, the next rung for Hopper (sm_90a) with bfloat16 weights: neither weights nor rows pass through registers. A kernel of
// its own, cut_rows, writes the rows' parts to device memory first, in the weights' layout, so that rows that many blocks of
// outputs read are cut once and not by each. Then the memory system copies whole tiles of both to shared memory, asked by one
// thread (bulk copies of 2 KiB: tiles lie in one piece, so no tensor map is needed), and wgmma takes both from there.
//
// A block has 128 outputs and three groups of four warps: one of whose first threads asks for the copies of a ring of stages, as
// soon as the products of a stage are done, and two that multiply 64 outputs each with all of the block's rows. Blocks that run
// at once share outputs and rows as far as they can, so that most copies come from the L2 cache.
//
// bulk: 128 rows in three parts; sums run in matmul.cu's order. While one group adds a tile's sums to its totals, the other
// multiplies.
//
// rounded: rows are rounded to bfloat16, what other libraries call a bfloat16 product and what is compared with theirs: no model
// computes with it. A group keeps its sums in the products' own registers from the first tile to the last, which leaves room for
// 256 rows, and starts a tile's products before those of the last are done.

#pragma once

#include "hopper.cuh"

constexpr int BULK_OUTS = 8;  // tiles of a block
constexpr int BULK_NEAR = 16;  // blocks of outputs that share rows at the same time

// PartTile is 16 rows × 64 inputs in bfloat16, in core matrices as a weight's tile.
struct PartTile {
	uint4 eight[2][8][8];
};

struct CutArgs {
	View x;
	PartTile *parts;  // (parts, tiles of rows, tiles of inputs)
	int count, tiles_in;
};

// round_pair packs two floats, rounded to bfloat16, the first in the lower half.
DEVICE uint32_t round_pair(float low, float high) {
	uint32_t u = __float_as_uint(low), v = __float_as_uint(high);
	u += 0x7fffu + (u >> 16 & 1);
	v += 0x7fffu + (v >> 16 & 1);
	return __byte_perm(u, v, 0x7632);
}

// cut_rows has a block for a tile: in x the tiles of rows, of which those past the last row are zeros, in y those of inputs.
KERNEL(cut_rows, CutArgs, 4 * WARP) {
	int at = int(threadIdx.x), row = int(blockIdx.x) * TILE_OUT + at / 64 * 8 + at % 8, matrix = at / 8 % 8;
	int first = int(blockIdx.y) * TILE_IN + matrix % 2 * 2 * LANE_IN + matrix / 2 * 4; // inputs of two lanes for one multiplication
	bool aligned = a.x.aligned();
	const float *from = a.x.row(row);
	int cols = row < a.x.rows ? a.x.cols : 0;
	float4 low = load4(from, first, cols, aligned), high = load4(from, first + LANE_IN, cols, aligned);
	int64_t tile = int64_t(blockIdx.x) * a.tiles_in + blockIdx.y, tiles = int64_t(gridDim.x) * a.tiles_in;
	for (int part = 0; part < a.count; part++) {
		uint4 eight;
		if (a.count == 1) {
			eight = make_uint4(round_pair(low.x, low.y), round_pair(low.z, low.w), round_pair(high.x, high.y), round_pair(high.z, high.w));
		} else {
			eight = make_uint4(cut_pair(low.x, low.y), cut_pair(low.z, low.w), cut_pair(high.x, high.y), cut_pair(high.z, high.w));
		}
		(&a.parts[part * tiles + tile].eight[0][0][0])[at] = eight;
	}
}

struct BulkArgs {
	MatMulArgs product;     // of a weight of one group
	const PartTile *parts;  // of its rows, which are looked at nowhere else
	int tiles_rows, unused;
};

#ifdef HOPPER

template <int PARTS, int ROWS>
struct BulkStages {
	static constexpr int ROW_TILES = ROWS / TILE_OUT, BYTES = (BULK_OUTS + PARTS * ROW_TILES) * sizeof(PartTile);
	static constexpr int COUNT = STAGED_SHARED / BYTES;
	struct Stage {
		PartTile weights[BULK_OUTS], rows[PARTS][ROW_TILES];
	} of[COUNT];
	Ring<COUNT> ring;
};

// BulkPlace is a block's tiles: the first of outputs and of rows.
struct BulkPlace {
	int out, row;
};

DEVICE BulkPlace bulk_place(int row_tiles) {
	int at = int(blockIdx.y * gridDim.x + blockIdx.x), near = BULK_NEAR * int(gridDim.y), first = at / near * BULK_NEAR;
	int width = min(BULK_NEAR, int(gridDim.x) - first);
	return {(first + at % near % width) * BULK_OUTS, at % near / width * row_tiles};
}

// copy_tiles asks for the copies of all stages, by one thread.
template <int PARTS, int ROWS>
DEVICE void copy_tiles(BulkStages<PARTS, ROWS> &stages, const BulkArgs &a, const BulkPlace &place) {
	using Stages = BulkStages<PARTS, ROWS>;
	const Weight &w = a.product.w;
	const PartTile *weights = static_cast<const PartTile *>(w.data);
	for (int tile = 0; tile < w.tiles_in; tile++) {
		int stage = tile % Stages::COUNT;
		uint64_t *full = &stages.ring.full[stage];
		barrier_wait(&stages.ring.empty[stage], (tile / Stages::COUNT + 1) % 2);
		barrier_arrive_expecting(full, Stages::BYTES);
#pragma unroll 1  // one thread, with few registers and much time
		for (int i = 0; i < BULK_OUTS; i++) {
			int out = min(place.out + i, w.tiles_out() - 1);
			bulk_copy(&stages.of[stage].weights[i], &weights[int64_t(out) * w.tiles_in + tile], sizeof(PartTile), full);
		}
#pragma unroll 1
		for (int i = 0; i < PARTS * Stages::ROW_TILES; i++) {
			int part = i / Stages::ROW_TILES, row = i % Stages::ROW_TILES;
			const PartTile *from = &a.parts[(int64_t(part) * a.tiles_rows + place.row + row) * w.tiles_in + tile];
			bulk_copy(&stages.of[stage].rows[part][row], from, sizeof(PartTile), full);
		}
	}
}

// multiply_stage starts the products of a stage for a group: c (64, ROWS), sums added to where that is wanted.
template <int PARTS, int ROWS>
DEVICE void multiply_stage(float (&c)[ROWS / 2], const typename BulkStages<PARTS, ROWS>::Stage &stage, bool add) {
	constexpr int ALONG = 8 * sizeof(uint4), ACROSS = 8 * ALONG;
	int group = warp_id() / 4 - 1;
#pragma unroll
	for (int s = 0; s < 4; s++) {
		uint64_t left = descriptor(&stage.weights[4 * group].eight[0][2 * s][0], ALONG, ACROSS);
#pragma unroll
		for (int part = 0; part < PARTS; part++) {
			wgmma(c, left, descriptor(&stage.rows[part][0].eight[0][2 * s][0], ALONG, ACROSS), add || s + part > 0);
		}
	}
}

// bulk_sums: total (64, ROWS) of all stages, for a group.
template <int PARTS, int ROWS>
DEVICE void bulk_sums(float (&total)[ROWS / 2], BulkStages<PARTS, ROWS> &stages, int tiles) {
	constexpr int COUNT = BulkStages<PARTS, ROWS>::COUNT;
#pragma unroll
	for (int i = 0; i < ROWS / 2; i++) total[i] = 0;
	settled(total);
	for (int tile = 0; tile < tiles; tile++) {
		int stage = tile % COUNT;
		barrier_wait(&stages.ring.full[stage], tile / COUNT % 2);
		if constexpr (PARTS == 1) {
			products_begin();
			multiply_stage<PARTS, ROWS>(total, stages.of[stage], true);
			products_end<1>();
			if (tile > 0 && lane_id() == 0) barrier_arrive(&stages.ring.empty[(tile - 1) % COUNT]);
		} else {
			float c[ROWS / 2];
			settled(c);
			products_begin();
			multiply_stage<PARTS, ROWS>(c, stages.of[stage], false);
			products_end<0>();
			settled(c);
			if (lane_id() == 0) barrier_arrive(&stages.ring.empty[stage]);
#pragma unroll
			for (int i = 0; i < ROWS / 2; i++) total[i] = __fadd_rn(total[i], c[i]);
		}
	}
	products_done();
	settled(total);
}

template <int PARTS, int ROWS>
DEVICE void bulk(const BulkArgs &a) {
	using Stages = BulkStages<PARTS, ROWS>;
	DYNAMIC_SHARED(Stages, stages);
	stages->ring.begin(1);
	BulkPlace place = bulk_place(Stages::ROW_TILES);
	if (fills<40, 232>()) {
		if (threadIdx.x == 0) copy_tiles<PARTS, ROWS>(*stages, a, place);
		return;
	}
	float total[ROWS / 2];
	bulk_sums<PARTS, ROWS>(total, *stages, a.product.w.tiles_in);
	Job job = {0, place.row * TILE_OUT, a.product.x.rows};
	write_sums(a.product, job, place.out + warp_id() - 4, total);
}

#else

template <int PARTS, int ROWS>
DEVICE void bulk(const BulkArgs &) { __trap(); }

#endif

KERNEL(matmul_bf16_bulk, BulkArgs, ONE_BLOCK(STAGED_THREADS)) { bulk<3, 128>(a); }
KERNEL(matmul_bf16_rounded, BulkArgs, ONE_BLOCK(STAGED_THREADS)) { bulk<1, 256>(a); }
