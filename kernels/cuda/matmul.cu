// matmul: dst (T, Out) = x (T, In) · wᵀ, or added to dst; and the same with the matrix of each row's expert. Weights are
// bfloat16, or int8 that become bfloat16 in registers; inputs are cut into bfloat16 parts (mma.cuh).
//
// Every sum runs in one order, whichever kernel computes it and however many rows there are: each tile of 64 inputs by itself,
// in four multiplications of each part; then the tiles' sums, in order; then the scale; then what stands in dst. So the kernels
// may be chosen by the number of rows, and a row's result is the same to the bit in any company.
//
// narrow, for up to 32 rows: reading the weights is all there is to do. A block has 16 outputs; its warps take the tiles along
// the inputs in turn, so that all of a tile row's weights are under way at once, and no weight is read twice. Rows go from
// memory to registers without a stop: a lane wants 16 inputs of one row, which are neighbours.
//
// wide, for more: the rows are read, cut and written to shared memory once for a block of 128 outputs, in the order in which
// lanes want them, 16 bytes at a time and free of bank conflicts. A warp multiplies each weight that it has widened with 64
// rows. While one tile is multiplied, the rows and weights of the next come in.
//
// hopper (matmul_hopper.cu), for Hopper's asynchronous products, comes after these.

#pragma once

#include "matmul.cuh"

constexpr int NARROW_WARPS = 4;
constexpr int NARROW_TILES = 16;  // whose sums are kept at a time

// NarrowSums are the tiles' sums, by tile, output and row; one more column keeps lanes off each other's banks.
template <int ROWS>
struct NarrowSums {
	float of[NARROW_TILES][TILE_OUT][ROWS + 1];
};

// multiply_tile: sums of one tile for 8 rows.
template <int TYPE>
DEVICE void multiply_tile(float (&c)[4], const LaneWeights<TYPE> &w, float (&x)[LANE_IN]) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS;
#pragma unroll
	for (int s = 0; s < 4; s++) {
		uint32_t left[4];
		w.operand(s, left);
#pragma unroll
		for (int part = 0; part < PARTS; part++) {
			uint32_t right[2] = {cut_pair(x[4 * s], x[4 * s + 1]), cut_pair(x[4 * s + 2], x[4 * s + 3])};
			mma(c, left, right);
		}
	}
}

using NarrowTeam = Team<NARROW_WARPS * WARP>;

template <int TYPE, int ROWS>
DEVICE void narrow(const MatMulArgs &a, const NarrowTeam &team, NarrowSums<ROWS> &tiles) {
	constexpr int PER_THREAD = TILE_OUT * ROWS / (NARROW_WARPS * WARP);
	Job job;
	if (!find_job(a, team.y, ROWS, job)) return;
	int out_tile = team.x, lane = lane_id(), warp = team.warp(), g = lane / 4, t = lane % 4;
	int64_t base = (int64_t(job.group) * a.w.tiles_out() + out_tile) * a.w.tiles_in;
	bool aligned = a.x.aligned();
	float total[PER_THREAD] = {};

	for (int first = 0; first < a.w.tiles_in; first += NARROW_TILES) {
		int end = min(a.w.tiles_in, first + NARROW_TILES);
		for (int tile = first + warp; tile < end; tile += NARROW_WARPS) {
			LaneWeights<TYPE> w;
			w.load(a.w.data, base + tile);
#pragma unroll
			for (int n = 0; n < ROWS / 8; n++) {
				float x[LANE_IN], c[4] = {0, 0, 0, 0};
				load_rows(x, a.x, job.first + 8 * n + g, job.end, tile, t, aligned);
				multiply_tile<TYPE>(c, w, x);
#pragma unroll
				for (int i = 0; i < 4; i++) tiles.of[tile - first][g + i / 2 * 8][8 * n + 2 * t + i % 2] = c[i];
			}
		}
		team.wait();
#pragma unroll
		for (int i = 0; i < PER_THREAD; i++) {
			int at = team.thread + i * NARROW_WARPS * WARP, o = at % TILE_OUT, row = at / TILE_OUT;
			for (int tile = first; tile < end; tile++) {
				total[i] = __fadd_rn(total[i], tiles.of[tile - first][o][row]);
			}
		}
		team.wait();
	}
#pragma unroll
	for (int i = 0; i < PER_THREAD; i++) {
		int at = team.thread + i * NARROW_WARPS * WARP;
		write(a, job, job.first + at / TILE_OUT, out_tile * TILE_OUT + at % TILE_OUT, total[i]);
	}
}

constexpr int WIDE_WARPS = 8;
constexpr int WIDE_ROWS = 64;

// WideRows are two tiles of rows, cut into parts: of each part the first and the second 8 inputs of a lane, by row and lane.
template <int PARTS>
struct WideRows {
	uint4 eight[2][PARTS][2][WIDE_ROWS][4];
};

// cut_rows writes a lane's 16 inputs of a row to shared memory.
template <int PARTS>
DEVICE void cut_rows(WideRows<PARTS> &rows, int buffer, float (&x)[LANE_IN], int row, int t) {
#pragma unroll
	for (int part = 0; part < PARTS; part++) {
#pragma unroll
		for (int h = 0; h < 2; h++) {
			float *v = x + 8 * h;
			rows.eight[buffer][part][h][row][t] =
			    make_uint4(cut_pair(v[0], v[1]), cut_pair(v[2], v[3]), cut_pair(v[4], v[5]), cut_pair(v[6], v[7]));
		}
	}
}

template <int TYPE>
DEVICE void wide(const MatMulArgs &a) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS;
	DYNAMIC_SHARED(WideRows<PARTS>, shared);
	WideRows<PARTS> &rows = *shared;
	Job job;
	if (!find_job(a, int(blockIdx.y), WIDE_ROWS, job)) return;
	int lane = lane_id(), g = lane / 4, t = lane % 4, tiles = a.w.tiles_in;
	int out_tile = int(blockIdx.x) * WIDE_WARPS + warp_id();
	int64_t base = (int64_t(job.group) * a.w.tiles_out() + min(out_tile, a.w.tiles_out() - 1)) * tiles;
	int my_row = int(threadIdx.x) / 4, my_t = int(threadIdx.x) % 4;
	bool aligned = a.x.aligned();

	float total[WIDE_ROWS / 8][4] = {}, x[LANE_IN];
	LaneWeights<TYPE> w;
	load_rows(x, a.x, job.first + my_row, job.end, 0, my_t, aligned);
	w.load(a.w.data, base);
	for (int tile = 0; tile < tiles; tile++) {
		int buffer = tile % 2;
		cut_rows<PARTS>(rows, buffer, x, my_row, my_t);
		__syncthreads(); // of two buffers the other was read before the barrier in front of this one
		LaneWeights<TYPE> now = w;
		if (tile + 1 < tiles) {
			load_rows(x, a.x, job.first + my_row, job.end, tile + 1, my_t, aligned);
			w.load(a.w.data, base + tile + 1);
		}
		float c[WIDE_ROWS / 8][4] = {};
#pragma unroll
		for (int h = 0; h < 2; h++) {
			uint32_t left[2][4];
			now.operand(2 * h, left[0]);
			now.operand(2 * h + 1, left[1]);
#pragma unroll
			for (int n = 0; n < WIDE_ROWS / 8; n++) {
				uint4 parts[PARTS];
#pragma unroll
				for (int part = 0; part < PARTS; part++) parts[part] = rows.eight[buffer][part][h][8 * n + g][t];
#pragma unroll
				for (int part = 0; part < PARTS; part++) mma(c[n], left[0], {parts[part].x, parts[part].y});
#pragma unroll
				for (int part = 0; part < PARTS; part++) mma(c[n], left[1], {parts[part].z, parts[part].w});
			}
		}
#pragma unroll
		for (int n = 0; n < WIDE_ROWS / 8; n++) {
#pragma unroll
			for (int i = 0; i < 4; i++) total[n][i] = __fadd_rn(total[n][i], c[n][i]);
		}
	}
#pragma unroll
	for (int n = 0; n < WIDE_ROWS / 8; n++) {
#pragma unroll
		for (int i = 0; i < 4; i++) {
			write(a, job, job.first + 8 * n + 2 * t + i % 2, out_tile * TILE_OUT + g + i / 2 * 8, total[n][i]);
		}
	}
}

WORK_IN(NarrowSums<8>, matmul_i8_8, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_I8, 8>(a, team, shared); }
WORK_IN(NarrowSums<16>, matmul_i8_16, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_I8, 16>(a, team, shared); }
WORK_IN(NarrowSums<32>, matmul_i8_32, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_I8, 32>(a, team, shared); }
KERNEL(matmul_i8_wide, MatMulArgs, WIDE_WARPS * WARP) { wide<WEIGHT_I8>(a); }
WORK_IN(NarrowSums<8>, matmul_bf16_8, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_BF16, 8>(a, team, shared); }
WORK_IN(NarrowSums<16>, matmul_bf16_16, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_BF16, 16>(a, team, shared); }
WORK_IN(NarrowSums<32>, matmul_bf16_32, MatMulArgs, NARROW_WARPS * WARP) { narrow<WEIGHT_BF16, 32>(a, team, shared); }
KERNEL(matmul_bf16_wide, MatMulArgs, WIDE_WARPS * WARP) { wide<WEIGHT_BF16>(a); }

// float32 weights belong to gates and heads, small matrices: a warp has one output for up to 8 rows, and its lanes share the
// inputs. Each weight is read once for those rows.
constexpr int PLAIN_ROWS = 8;

WORK(matmul_f32, MatMulArgs, ROW_THREADS) {
	Job job;
	if (!find_job(a, team.y, PLAIN_ROWS, job)) return;
	int o = team.x * 8 + team.warp(), in = a.w.in;
	if (o >= a.w.out) return;
	const float *w = static_cast<const float *>(a.w.data) + (int64_t(job.group) * a.w.out + o) * in;
	bool aligned = a.x.aligned(), aligned_w = in % 4 == 0;
	float4 sums[PLAIN_ROWS];
#pragma unroll
	for (int r = 0; r < PLAIN_ROWS; r++) sums[r] = make_float4(0, 0, 0, 0);
	for (int i = 4 * lane_id(); i < in; i += COLS_PER_STEP) {
		float4 weight = load4(w, i, in, aligned_w);
#pragma unroll
		for (int r = 0; r < PLAIN_ROWS; r++) {
			if (job.first + r < job.end) multiply_add(sums[r], weight, load4(a.x.row(job.first + r), i, in, aligned));
		}
	}
#pragma unroll
	for (int r = 0; r < PLAIN_ROWS; r++) {
		float sum = warp_sum((sums[r].x + sums[r].y) + (sums[r].z + sums[r].w));
		if (lane_id() == 0) write(a, job, job.first + r, o, sum);
	}
}
