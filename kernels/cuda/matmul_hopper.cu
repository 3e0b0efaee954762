// matmul, the rung for Hopper (sm_90a): wgmma, which takes the rows from shared memory without a register and runs by itself
// while the warps that started it do something else.
//
// A block has 128 outputs and 128 rows, and three groups of four warps. The first reads rows, cuts them into parts and writes
// them to a ring of stages in shared memory; the other two have 64 outputs each: weights go from device memory to registers in
// the order in which they lie (the left operand of wgmma is spread over a warp as that of mma.sync is), are widened there, and
// are multiplied with all 128 rows of a stage. The groups wait for each other at two barriers of memory a stage: full and
// empty. Registers go from the group that reads to those that multiply. While one of these adds a tile's sums to its totals,
// the other multiplies. No tensor copies: the rows have to pass through registers anyway, to be cut.
//
// Sums run in matmul.cu's order. Whether the tensor cores round as for mma.sync only a GPU can say; TestHopper asks one, and
// no product is computed here before it has (matmul.go). In the emulator the bits are the same.

#pragma once

#include "hopper.cuh"

constexpr int HOPPER_ROWS = 128;

#ifdef HOPPER

// HopperStages are tiles of rows in parts. Multiplication s of a tile's four wants, of each row, the 16 inputs that lanes hold
// for it: half 0 has the first two of each lane's four, half 1 the others, so that 8 rows × 16 bytes are one of wgmma's core
// matrices.
template <int PARTS>
struct HopperStages {
	static constexpr int COUNT = STAGED_SHARED / (PARTS * 4 * 2 * HOPPER_ROWS * 16);
	uint4 eight[COUNT][PARTS][4][2][HOPPER_ROWS];
	Ring<COUNT> ring;
};

// A row's place in the block, for the group that reads: eight rows of a warp at a time, a lane for one row and one of four
// multiplications, so that 16 bytes of eight rows fill a line of shared memory.
DEVICE int reader_row(int i) { return i * 32 + warp_id() % 4 * 8 + lane_id() % 8; }

DEVICE void read_tile(float4 (&v)[4][4], const MatMulArgs &a, const Job &job, int tile, bool aligned) {
	int s = lane_id() / 8;
#pragma unroll
	for (int i = 0; i < 4; i++) {
		int row = job.first + reader_row(i), cols = row < job.end ? a.x.cols : 0;
#pragma unroll
		for (int t = 0; t < 4; t++) v[i][t] = load4(a.x.row(row), tile * TILE_IN + t * LANE_IN + 4 * s, cols, aligned);
	}
}

template <int PARTS>
DEVICE void read_rows(HopperStages<PARTS> &stages, const MatMulArgs &a, const Job &job) {
	bool aligned = a.x.aligned();
	int s = lane_id() / 8, tiles = a.w.tiles_in;
	float4 v[4][4];
	read_tile(v, a, job, 0, aligned);
	for (int tile = 0; tile < tiles; tile++) {
		int stage = tile % HopperStages<PARTS>::COUNT, round = tile / HopperStages<PARTS>::COUNT;
		barrier_wait(&stages.ring.empty[stage], (round + 1) % 2);
#pragma unroll
		for (int i = 0; i < 4; i++) {
#pragma unroll
			for (int part = 0; part < PARTS; part++) {
				uint4 low, high;
				low.x = cut_pair(v[i][0].x, v[i][0].y), high.x = cut_pair(v[i][0].z, v[i][0].w);
				low.y = cut_pair(v[i][1].x, v[i][1].y), high.y = cut_pair(v[i][1].z, v[i][1].w);
				low.z = cut_pair(v[i][2].x, v[i][2].y), high.z = cut_pair(v[i][2].z, v[i][2].w);
				low.w = cut_pair(v[i][3].x, v[i][3].y), high.w = cut_pair(v[i][3].z, v[i][3].w);
				stages.eight[stage][part][s][0][reader_row(i)] = low;
				stages.eight[stage][part][s][1][reader_row(i)] = high;
			}
		}
		written_for_products();
		barrier_arrive(&stages.ring.full[stage]);
		if (tile + 1 < tiles) read_tile(v, a, job, tile + 1, aligned);
	}
}

template <int TYPE>
DEVICE void multiply(HopperStages<LaneWeights<TYPE>::PARTS> &stages, const MatMulArgs &a, const Job &job) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS, COUNT = HopperStages<PARTS>::COUNT;
	int tiles = a.w.tiles_in, out_tile = int(blockIdx.x) * 4 * MULTIPLYING_GROUPS + warp_id() - 4;
	int64_t base = (int64_t(job.group) * a.w.tiles_out() + min(out_tile, a.w.tiles_out() - 1)) * tiles;
	float total[64] = {};
	LaneWeights<TYPE> w;
	w.load(a.w.data, base);
	for (int tile = 0; tile < tiles; tile++) {
		int stage = tile % COUNT;
		uint32_t left[4][4];
#pragma unroll
		for (int s = 0; s < 4; s++) w.operand(s, left[s]);
		if (tile + 1 < tiles) w.load(a.w.data, base + tile + 1);
		float c[64];
		barrier_wait(&stages.ring.full[stage], tile / COUNT % 2);
		settled(c);
		products_begin();
#pragma unroll
		for (int s = 0; s < 4; s++) {
#pragma unroll
			for (int part = 0; part < PARTS; part++) {
				wgmma(c, left[s], descriptor(&stages.eight[stage][part][s][0][0], HOPPER_ROWS * 16, 8 * 16), s + part > 0);
			}
		}
		products_end<0>();
		settled(c);
		if (lane_id() == 0) barrier_arrive(&stages.ring.empty[stage]);
#pragma unroll
		for (int i = 0; i < 64; i++) total[i] = __fadd_rn(total[i], c[i]);
	}
	write_sums(a, job, out_tile, total);
}

template <int TYPE>
DEVICE void hopper(const MatMulArgs &a) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS;
	DYNAMIC_SHARED(HopperStages<PARTS>, stages);
	Job job;
	if (!find_job(a, int(blockIdx.y), HOPPER_ROWS, job)) return;
	stages->ring.begin(GROUP);
	if (fills<104, 200>()) read_rows<PARTS>(*stages, a, job);  // with these nothing spills
	else multiply<TYPE>(*stages, a, job);
}

#else

template <int TYPE>
DEVICE void hopper(const MatMulArgs &) { __trap(); }

#endif

KERNEL(matmul_i8_hopper, MatMulArgs, ONE_BLOCK(STAGED_THREADS)) { hopper<WEIGHT_I8>(a); }
KERNEL(matmul_bf16_hopper, MatMulArgs, ONE_BLOCK(STAGED_THREADS)) { hopper<WEIGHT_BF16>(a); }
