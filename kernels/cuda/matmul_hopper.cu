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
// no product is computed here before it has (matmul.go).

#pragma once

#include "matmul.cuh"

#ifndef MM_EMU  // knows no wgmma

constexpr int HOPPER_ROWS = 128;
constexpr int HOPPER_CONSUMERS = 2;  // groups of warps
constexpr int GROUP = 4 * WARP;
constexpr int HOPPER_THREADS = (1 + HOPPER_CONSUMERS) * GROUP;
constexpr int HOPPER_SHARED = 192 << 10;  // bytes of all stages

// HopperStages are tiles of rows in parts. Multiplication s of a tile's four wants, of each row, the 16 inputs that lanes hold
// for it: half 0 has the first two of each lane's four, half 1 the others, so that 8 rows × 16 bytes are one of wgmma's core
// matrices.
template <int PARTS>
struct HopperStages {
	static constexpr int COUNT = HOPPER_SHARED / (PARTS * 4 * 2 * HOPPER_ROWS * 16);
	uint4 eight[COUNT][PARTS][4][2][HOPPER_ROWS];
	uint64_t full[COUNT], empty[COUNT];
};

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

DEVICE uint32_t shared_address(const void *p) { return uint32_t(__cvta_generic_to_shared(p)); }

DEVICE void barrier_init(uint64_t *barrier, int arrivals) {
	asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

DEVICE void barrier_arrive(uint64_t *barrier) {
	asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

DEVICE uint64_t nanoseconds() {
	uint64_t now;
	asm volatile("mov.u64 %0, %globaltimer;" : "=l"(now));
	return now;
}

// barrier_wait waits for the barrier's phase of a parity to end. A wait without end is an error of the launch, after some
// seconds.
DEVICE void barrier_wait(uint64_t *barrier, int parity) {
	uint64_t begun = 0;
	for (;;) {
		uint32_t done;
		asm volatile(
		    "{.reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p;}"
		    : "=r"(done)
		    : "r"(shared_address(barrier)), "r"(parity)
		    : "memory");
		if (done) return;
		if (begun == 0) begun = nanoseconds();
		else if (nanoseconds() - begun > 5000000000u) __trap();
	}
}

// rows_descriptor describes 16 inputs of HOPPER_ROWS rows: core matrices, unshuffled, the halves 2048 bytes apart, groups of 8
// rows 128 bytes apart.
DEVICE uint64_t rows_descriptor(const uint4 *at) {
	constexpr uint64_t halves = HOPPER_ROWS * 16 >> 4, groups = 8 * 16 >> 4;
	return uint64_t(shared_address(at) >> 4 & 0x3fff) | halves << 16 | groups << 32;
}

// wgmma: c (64, 128) += w (64, 16) · rowsᵀ (16, 128), c and w spread over four warps.
DEVICE void wgmma(float (&c)[64], const uint32_t (&w)[4], uint64_t rows) {
	asm volatile(
	    "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
	    "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
	    "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
	    "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
	    "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
	    "}, {%64, %65, %66, %67}, %68, 1, 1, 1, 0;"
	    : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]),
	      "+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]),
	      "+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]), "+f"(c[23]),
	      "+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]),
	      "+f"(c[32]), "+f"(c[33]), "+f"(c[34]), "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]),
	      "+f"(c[40]), "+f"(c[41]), "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]),
	      "+f"(c[48]), "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]),
	      "+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63])
	    : "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]), "l"(rows));
}

// settled keeps the compiler from moving what reads or writes c to the other side.
DEVICE void settled(float (&c)[64]) {
#pragma unroll
	for (int i = 0; i < 64; i++) asm volatile("" : "+f"(c[i])::"memory");
}

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
		barrier_wait(&stages.empty[stage], (round + 1) % 2);
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
		asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); // what was written here, wgmma reads
		barrier_arrive(&stages.full[stage]);
		if (tile + 1 < tiles) read_tile(v, a, job, tile + 1, aligned);
	}
}

template <int TYPE>
DEVICE void multiply(HopperStages<LaneWeights<TYPE>::PARTS> &stages, const MatMulArgs &a, const Job &job) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS, COUNT = HopperStages<PARTS>::COUNT;
	int tiles = a.w.tiles_in, out_tile = int(blockIdx.x) * 4 * HOPPER_CONSUMERS + warp_id() - 4;
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
		float c[64] = {};
		barrier_wait(&stages.full[stage], tile / COUNT % 2);
		settled(c);
		asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
		for (int s = 0; s < 4; s++) {
#pragma unroll
			for (int part = 0; part < PARTS; part++) wgmma(c, left[s], rows_descriptor(&stages.eight[stage][part][s][0][0]));
		}
		asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
		asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
		settled(c);
		if (lane_id() == 0) barrier_arrive(&stages.empty[stage]);
#pragma unroll
		for (int i = 0; i < 64; i++) total[i] = __fadd_rn(total[i], c[i]);
	}
	int g = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
	for (int i = 0; i < 64; i++) {
		write(a, job, job.first + i / 4 * 8 + 2 * t + i % 2, out_tile * TILE_OUT + g + i % 4 / 2 * 8, total[i]);
	}
}

template <int TYPE>
DEVICE void hopper(const MatMulArgs &a) {
	constexpr int PARTS = LaneWeights<TYPE>::PARTS;
	DYNAMIC_SHARED(HopperStages<PARTS>, stages);
	Job job;
	if (!find_job(a, int(blockIdx.y), HOPPER_ROWS, job)) return;
	if (threadIdx.x == 0) {
		for (int i = 0; i < HopperStages<PARTS>::COUNT; i++) {
			barrier_init(&stages->full[i], GROUP);
			barrier_init(&stages->empty[i], 4 * HOPPER_CONSUMERS);
		}
		asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
	}
	__syncthreads();
	// Three groups start with 168 each, and what the first gives the others take: more than 504 would wait for ever. With these
	// nothing spills.
	constexpr int READING = 104, MULTIPLYING = 200;
	static_assert(READING + HOPPER_CONSUMERS * MULTIPLYING <= 168 * (1 + HOPPER_CONSUMERS), "registers that nobody gives");
	if (warp_id() < 4) {
		asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(READING));
		read_rows<PARTS>(*stages, a, job);
	} else {
		asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(MULTIPLYING));
		multiply<TYPE>(*stages, a, job);
	}
}

#else

template <int TYPE>
DEVICE void hopper(const MatMulArgs &) { __trap(); }

#endif

KERNEL(matmul_i8_hopper, MatMulArgs, ONE_BLOCK(HOPPER_THREADS)) { hopper<WEIGHT_I8>(a); }
KERNEL(matmul_bf16_hopper, MatMulArgs, ONE_BLOCK(HOPPER_THREADS)) { hopper<WEIGHT_BF16>(a); }

#endif
