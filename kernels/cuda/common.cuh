// What all kernels share. A kernel has one struct as its parameter, whose Go twin stands in the .go file of its operation;
// both are checked against each other when a device is opened. Sums run in an order that depends on the row alone, so that a
// row's result is the same to the bit in any company.

#pragma once

#include <cstdint>

#ifndef MM_EMU  // emu/src/emu.h has these for the host's compiler
#define KERNEL(name, Args, threads) extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Args a)
#define SHARED(T, name) __shared__ T name
extern __shared__ __align__(1024) unsigned char dynamic_memory[];
#define DYNAMIC_SHARED(T, name) T *name = reinterpret_cast<T *>(dynamic_memory)
#endif

#define DEVICE __device__ __forceinline__

constexpr int WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// View is a matrix of rows that stand stride elements apart.
struct View {
	float *data;
	int rows, cols, stride, unused;

	DEVICE float *row(int r) const { return data + int64_t(r) * stride; }

	// aligned says whether all rows start at a multiple of 16 bytes.
	DEVICE bool aligned() const { return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % 4 == 0; }
};

// Element-wise kernels run on blocks of ROWS_PER_BLOCK warps, a warp for COLS_PER_WARP columns of a row, a lane for four columns
// at a time: one load of 16 bytes where the rows are aligned. Blocks are counted in x over rows and in y over columns.
constexpr int ROWS_PER_BLOCK = 8;
constexpr int COLS_PER_WARP = 512;
constexpr int COLS_PER_STEP = 4 * WARP;

DEVICE int lane_id() { return int(threadIdx.x) % WARP; }
DEVICE int warp_id() { return int(threadIdx.x) / WARP; }
DEVICE int element_row() { return int(blockIdx.x) * ROWS_PER_BLOCK + warp_id(); }
DEVICE int first_col() { return int(blockIdx.y) * COLS_PER_WARP + 4 * lane_id(); }
DEVICE int end_col(int cols) { return min(cols, (int(blockIdx.y) + 1) * COLS_PER_WARP); }

// load4 reads columns c up to c+4 of a row of cols, zeros past its end.
DEVICE float4 load4(const float *row, int c, int cols, bool aligned) {
	if (aligned && c + 4 <= cols) return *reinterpret_cast<const float4 *>(row + c);
	float4 v = make_float4(0, 0, 0, 0);
	if (c < cols) v.x = row[c];
	if (c + 1 < cols) v.y = row[c + 1];
	if (c + 2 < cols) v.z = row[c + 2];
	if (c + 3 < cols) v.w = row[c + 3];
	return v;
}

DEVICE void store4(float *row, int c, int cols, bool aligned, float4 v) {
	if (aligned && c + 4 <= cols) {
		*reinterpret_cast<float4 *>(row + c) = v;
		return;
	}
	if (c < cols) row[c] = v.x;
	if (c + 1 < cols) row[c + 1] = v.y;
	if (c + 2 < cols) row[c + 2] = v.z;
	if (c + 3 < cols) row[c + 3] = v.w;
}

// multiply_add: v += a · x.
DEVICE void multiply_add(float4 &v, float4 a, float4 x) {
	v.x = fmaf(a.x, x.x, v.x);
	v.y = fmaf(a.y, x.y, v.y);
	v.z = fmaf(a.z, x.z, v.z);
	v.w = fmaf(a.w, x.w, v.w);
}

DEVICE float4 scaled(float4 v, float by) { return make_float4(v.x * by, v.y * by, v.z * by, v.w * by); }

DEVICE float silu(float v) { return v / (1.0f + expf(-v)); }

// warp_sum and warp_max leave the result in every lane; lanes meet in the same order whatever they hold.
DEVICE float warp_sum(float v) {
#pragma unroll
	for (int with = WARP / 2; with > 0; with /= 2) v += __shfl_xor_sync(ALL_LANES, v, with);
	return v;
}

DEVICE float warp_max(float v) {
#pragma unroll
	for (int with = WARP / 2; with > 0; with /= 2) v = fmaxf(v, __shfl_xor_sync(ALL_LANES, v, with));
	return v;
}

// segment_of is the last of count segments that starts at or before row, which is the one that holds it: empty ones at the same
// offset come first.
DEVICE int segment_of(const int *segs, int count, int row) {
	int lo = 0, hi = count;
	while (hi - lo > 1) {
		int mid = (lo + hi) / 2;
		if (segs[mid] <= row) lo = mid;
		else hi = mid;
	}
	return lo;
}
