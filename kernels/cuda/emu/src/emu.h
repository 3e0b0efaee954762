// The CUDA subset that the kernels use, for a host C++ compiler: force-included in front of every .cu file. A block's threads
// are coroutines of one OS thread; they switch only where CUDA threads wait for each other (block.cc).

#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#define MM_EMU 1

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)

struct uint3 { unsigned x, y, z; };
struct dim3 { unsigned x, y, z; };
struct alignas(8) float2 { float x, y; };
struct alignas(16) float4 { float x, y, z, w; };
struct alignas(8) uint2 { unsigned x, y; };
struct alignas(16) uint4 { unsigned x, y, z, w; };
struct alignas(8) int2 { int x, y; };

namespace emu {

// Thread is one CUDA thread, as its own code sees it.
struct Thread {
	uint3 index;    // threadIdx
	unsigned lane;  // in its warp
};

extern Thread *current;
extern uint3 block;       // blockIdx
extern dim3 blocks;       // gridDim
extern dim3 block_shape;  // blockDim

// Meeting is what the lanes of a warp do together. Each lane has one on its stack; when all of the mask have come to the same
// meeting, complete is called once with theirs, absent lanes being null.
struct Meeting {
	unsigned mask;
	void (*complete)(Meeting **lanes);
};
void meet(Meeting *m);

enum class Vote { none, any, all, count };
int barrier(Vote vote, int value);  // __syncthreads and its kin

// named_barrier is bar.sync id, threads: it waits until so many threads of the block, whole warps, have come to barrier id, 1
// up to 15.
void named_barrier(int id, int threads);

// A cluster is blocks that run at the same time; without them in the launch each block is a cluster of its own. Its barrier is
// for all threads of its blocks that have not ended (barrier.cluster.arrive and wait); the rank is %cluster_ctarank.
void cluster_barrier();
unsigned cluster_rank();
unsigned cluster_size();  // in blocks

// shared is a block's memory of the given size for one declaration, filled with NaNs when the block starts.
void *shared(const void *declaration, size_t bytes, size_t alignment);
void *dynamic_shared();

// report ends the launch with an error; fail does so from a thread, which ends there and then.
void report(const char *format, ...) __attribute__((format(printf, 1, 2)));
[[noreturn]] void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Registration makes a kernel known by its name.
struct Registration {
	const char *name;
	size_t bytes;  // of its parameter
	unsigned threads;
	void (*run)(const void *parameter);
	Registration *next;
	Registration(const char *name, size_t bytes, unsigned threads, void (*run)(const void *));
};

template <typename T>
struct Shuffle : Meeting {
	T value, result;
	unsigned source;
};

template <typename T>
T shuffle(unsigned mask, T value, unsigned source) {
	Shuffle<T> s;
	s.mask = mask;
	s.value = s.result = value;
	s.source = source & 31;
	s.complete = [](Meeting **lanes) {
		for (int i = 0; i < 32; i++) {
			if (!lanes[i]) continue;
			auto *to = static_cast<Shuffle<T> *>(lanes[i]);
			auto *from = static_cast<Shuffle<T> *>(lanes[to->source]);
			if (from) to->result = from->value;
			else report("lane %d shuffles with lane %u, which is not in the mask", i, to->source);
		}
	};
	meet(&s);
	return s.result;
}

unsigned ballot(unsigned mask, bool vote);
void sync_warp(unsigned mask);

// c (16, 8) += a (16, 16) · b (16, 8) in bfloat16, spread over the warp as mma.sync.m16n8k16 has it.
void mma_bf16(float *c, const uint32_t *a, const uint32_t *b);

// What Hopper has. shared_address is the place of p in the block's dynamic shared memory, as descriptors of matrices hold it.
uint32_t shared_address(const void *p);

// An mbarrier is eight bytes of shared memory. A phase of it ends with the last of its arrivals and of its bytes: an arrival may
// announce bytes that copies are to bring (mbarrier.arrive.expect_tx). Phases take turns in their parity, the first has 0, and
// mbarrier_wait waits while the barrier is in a phase of the given one (mbarrier.try_wait.parity, repeated).
void mbarrier_init(uint64_t *barrier, int arrivals);
void mbarrier_arrive(uint64_t *barrier, int expected_bytes);
void mbarrier_wait(uint64_t *barrier, int parity);

// bulk_copy is cp.async.bulk from global memory to dynamic shared memory, which gives its bytes to a barrier. It is made as late
// as can be: when a thread of the block waits at an mbarrier and none can go on.
void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier);

// c (64, n) = a (64, 16) · bᵀ (n, 16) in bfloat16, plus c where add says so, spread over four warps as wgmma.m64nNk16 has it:
// lane 4g + q of warp w has, in c[4j] and c[4j + 1], columns 8j + 2q and 8j + 2q + 1 of row 16w + g, and in the two that follow
// those of row 16w + g + 8. Without registers a, spread over each warp as for mma_bf16, a is read from shared memory like b.
// Descriptors are those of matrices that are not swizzled and have K innermost. The product is made at once.
void wgmma_bf16(float *c, int n, const uint32_t *a, uint64_t a_descriptor, uint64_t b_descriptor, bool add);

}  // namespace emu

#define threadIdx (emu::current->index)
#define blockIdx (emu::block)
#define blockDim (emu::block_shape)
#define gridDim (emu::blocks)

inline void __syncthreads() { emu::barrier(emu::Vote::none, 0); }
inline int __syncthreads_or(int v) { return emu::barrier(emu::Vote::any, v); }
inline int __syncthreads_and(int v) { return emu::barrier(emu::Vote::all, v); }
inline int __syncthreads_count(int v) { return emu::barrier(emu::Vote::count, v); }
inline void __syncwarp(unsigned mask = 0xffffffffu) { emu::sync_warp(mask); }
inline unsigned __ballot_sync(unsigned mask, int vote) { return emu::ballot(mask, vote != 0); }
inline int __any_sync(unsigned mask, int vote) { return emu::ballot(mask, vote != 0) != 0; }
inline int __all_sync(unsigned mask, int vote) { return emu::ballot(mask, vote != 0) == mask; }

template <typename T>
T __shfl_sync(unsigned mask, T v, int lane) { return emu::shuffle(mask, v, unsigned(lane)); }
template <typename T>
T __shfl_xor_sync(unsigned mask, T v, int with) { return emu::shuffle(mask, v, emu::current->lane ^ unsigned(with)); }
template <typename T>
T __shfl_up_sync(unsigned mask, T v, unsigned by) {
	unsigned lane = emu::current->lane;
	return emu::shuffle(mask, v, lane < by ? lane : lane - by);
}
template <typename T>
T __shfl_down_sync(unsigned mask, T v, unsigned by) {
	unsigned lane = emu::current->lane;
	return emu::shuffle(mask, v, lane + by > 31 ? lane : lane + by);
}

// Coroutines switch nowhere else, so plain memory operations are atomic.
template <typename T>
T atomicAdd(T *at, T v) { T old = *at; *at = old + v; return old; }
template <typename T>
T atomicMax(T *at, T v) { T old = *at; *at = std::max(old, v); return old; }

using std::max;
using std::min;

inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline unsigned __float_as_uint(float v) { unsigned u; memcpy(&u, &v, 4); return u; }
inline float __uint_as_float(unsigned u) { float v; memcpy(&v, &u, 4); return v; }
inline int __popc(unsigned v) { return __builtin_popcount(v); }
inline int __ffs(unsigned v) { return __builtin_ffs(int(v)); }
template <typename T>
T __ldg(const T *p) { return *p; }
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }

inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
	uint64_t both = uint64_t(b) << 32 | a;
	unsigned result = 0;
	for (int i = 0; i < 4; i++) result |= unsigned(both >> 8 * (selector >> 4 * i & 7) & 0xff) << 8 * i;
	return result;
}

// What common.cuh defines for nvcc: a kernel with one struct as its parameter, a declaration of shared memory, and the
// launch's dynamic shared memory.
#define KERNEL(name, Args, threads)                                                                                 \
	static void name(const Args &a);                                                                                \
	static emu::Registration name##_kernel(#name, sizeof(Args), threads,                                            \
	                                       [](const void *p) { name(*static_cast<const Args *>(p)); });             \
	static void name(const Args &a)
#define SHARED(T, name)                        \
	static const char name##_declaration = 0;  \
	T &name = *static_cast<T *>(emu::shared(&name##_declaration, sizeof(T), alignof(T)))
#define DYNAMIC_SHARED(T, name) T *name = static_cast<T *>(emu::dynamic_shared())
