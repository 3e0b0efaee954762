// What all kernels share. A kernel has one struct as its parameter, whose Go twin stands in the .go file of its operation;
// both are checked against each other when a device is opened. Sums run in an order that depends on the row alone, so that a
// row's result is the same to the bit in any company.

#pragma once

#include <cstdint>

#ifndef MM_EMU  // emu/src/emu.h has these for the host's compiler
#define KERNEL(name, Args, threads)                                                                           \
	__device__ __forceinline__ void name##_kernel(const Args &a);                                             \
	extern "C" __global__ void __launch_bounds__(threads) name(const __grid_constant__ Args a) {              \
		after_others();                                                                                       \
		name##_kernel(a);                                                                                     \
	}                                                                                                         \
	__device__ __forceinline__ void name##_kernel(const Args &a)
#define ONE_BLOCK(threads) threads, 1  // a multiprocessor, which may have all registers
#define SHARED(T, name) __shared__ T name
extern __shared__ __align__(1024) unsigned char dynamic_memory[];
#define DYNAMIC_SHARED(T, name) T *name = reinterpret_cast<T *>(dynamic_memory)
#else
#define ONE_BLOCK(threads) threads
#endif

#define DEVICE __device__ __forceinline__

// after_others lets the next kernel be put on the GPU and waits until the ones before have ended, where launches may overlap
// (driver.Shape's Programmatic); elsewhere it does nothing.
DEVICE void after_others() {
#if !defined(MM_EMU) && __CUDA_ARCH__ >= 900
	asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
	asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

// named_barrier waits for so many threads of the block at barrier 1 to 15; __syncthreads is barrier 0.
DEVICE void named_barrier(int barrier, int threads) {
#ifdef MM_EMU
	emu::named_barrier(barrier, threads);
#else
	__syncwarp();  // a warp has to come as one, which the compiler does not know of what it does not read
	asm volatile("bar.sync %0, %1;" ::"r"(barrier), "r"(threads) : "memory");
#endif
}

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

// Team is the threads that do one block's work: a block of the kernel's own, or part of a larger one in which several teams do
// the work of different blocks, or even of different kernels, side by side (program.cu).
template <int THREADS>
struct Team {
	int x, y;     // the block's number
	int thread;   // in the team
	int barrier;  // the number of the team's own in a larger block, or 0

	DEVICE static Team own() { return {int(blockIdx.x), int(blockIdx.y), int(threadIdx.x), 0}; }
	DEVICE int warp() const { return thread / WARP; }
	DEVICE void wait() const {
		if (barrier == 0) __syncthreads();
		else named_barrier(barrier, THREADS);
	}
};

// WORK defines a kernel by what a team does for a block: name_work. WORK_IN gives it shared memory of a type, too.
#define WORK(name, Args, threads)                                        \
	DEVICE void name##_work(const Args &a, const Team<threads> &team);   \
	KERNEL(name, Args, threads) { name##_work(a, Team<threads>::own()); } \
	DEVICE void name##_work(const Args &a, const Team<threads> &team)
#define WORK_IN(Memory, name, Args, threads)                                             \
	DEVICE void name##_work(const Args &a, const Team<threads> &team, Memory &shared);   \
	KERNEL(name, Args, threads) {                                                        \
		SHARED(Memory, shared);                                                          \
		name##_work(a, Team<threads>::own(), shared);                                    \
	}                                                                                    \
	DEVICE void name##_work(const Args &a, const Team<threads> &team, Memory &shared)

constexpr int ROW_THREADS = ROWS_PER_BLOCK * WARP;
using RowTeam = Team<ROW_THREADS>;

DEVICE int element_row(const RowTeam &team) { return team.x * ROWS_PER_BLOCK + team.warp(); }
DEVICE int first_col(const RowTeam &team) { return team.y * COLS_PER_WARP + 4 * lane_id(); }
DEVICE int end_col(const RowTeam &team, int cols) { return min(cols, (team.y + 1) * COLS_PER_WARP); }

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
