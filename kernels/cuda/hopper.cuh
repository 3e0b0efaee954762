// What Hopper (sm_90a) has for products and nobody else: barriers in shared memory, copies that the memory system makes by
// itself, asynchronous products of four warps. The emulator copies as late as it may and multiplies at once.

#pragma once

#include "matmul.cuh"

constexpr int GROUP = 4 * WARP;  // threads that make a product together

// Blocks of these kernels have a group that fills stages of shared memory and two that multiply what is in them.
constexpr int MULTIPLYING_GROUPS = 2;
constexpr int STAGED_THREADS = (1 + MULTIPLYING_GROUPS) * GROUP;
constexpr int STAGED_SHARED = 192 << 10;  // bytes of all stages

#if defined(MM_EMU) || defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define HOPPER 1

#ifdef MM_EMU

DEVICE uint32_t shared_address(const void *p) { return emu::shared_address(p); }
DEVICE void barrier_init(uint64_t *barrier, int arrivals) { emu::mbarrier_init(barrier, arrivals); }
DEVICE void barriers_ready() {}
DEVICE void barrier_arrive(uint64_t *barrier) { emu::mbarrier_arrive(barrier, 0); }
DEVICE void barrier_arrive_expecting(uint64_t *barrier, int bytes) { emu::mbarrier_arrive(barrier, bytes); }
DEVICE void barrier_wait(uint64_t *barrier, int parity) { emu::mbarrier_wait(barrier, parity); }
DEVICE void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier) { emu::bulk_copy(to, from, bytes, barrier); }
DEVICE void written_for_products() {}
DEVICE void products_begin() {}
template <int>
DEVICE void products_end() {}
DEVICE void products_done() {}
template <int>
DEVICE void more_registers() {}
template <int>
DEVICE void fewer_registers() {}
DEVICE void wgmma(float (&c)[64], const uint32_t (&w)[4], uint64_t rows, bool add) { emu::wgmma_bf16(c, 128, w, 0, rows, add); }
DEVICE void wgmma(float (&c)[64], uint64_t w, uint64_t rows, bool add) { emu::wgmma_bf16(c, 128, nullptr, w, rows, add); }
DEVICE void wgmma(float (&c)[128], uint64_t w, uint64_t rows, bool add) { emu::wgmma_bf16(c, 256, nullptr, w, rows, add); }
template <int N>
DEVICE void settled(float (&)[N]) {}

#else

DEVICE uint32_t shared_address(const void *p) { return uint32_t(__cvta_generic_to_shared(p)); }

DEVICE void barrier_init(uint64_t *barrier, int arrivals) {
	asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(barrier)), "r"(arrivals) : "memory");
}

// barriers_ready makes new barriers known to the copies; a __syncthreads has to follow.
DEVICE void barriers_ready() { asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory"); }

DEVICE void barrier_arrive(uint64_t *barrier) {
	asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(barrier)) : "memory");
}

// barrier_arrive_expecting arrives, and has the phase last until so many bytes have been copied, too.
DEVICE void barrier_arrive_expecting(uint64_t *barrier, int bytes) {
	asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
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

// bulk_copy has bytes of device memory copied to shared memory, both at multiples of 16; the barrier counts them.
DEVICE void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier) {
	asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared_address(to)),
	             "l"(from), "r"(bytes), "r"(shared_address(barrier))
	             : "memory");
}

// written_for_products lets the products see what the thread has written to shared memory.
DEVICE void written_for_products() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }

// Between products_begin and products_end a group may start products. The latter waits until all are done but those that were
// started between the last RUNNING of these; products_done waits for those, too.
DEVICE void products_begin() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
template <int RUNNING>
DEVICE void products_end() {
	asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
	asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(RUNNING) : "memory");
}
DEVICE void products_done() { asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory"); }

// more_registers and fewer_registers change how many a thread of the group has.
template <int COUNT>
DEVICE void more_registers() { asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT)); }
template <int COUNT>
DEVICE void fewer_registers() { asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT)); }

#define WGMMA(n) "wgmma.mma_async.sync.aligned.m64n" #n "k16.f32.bf16.bf16 {"
#define PLACES_64 \
	"%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
	"%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
	"%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
	"%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, "
#define PLACES_128 \
	"%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
	"%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
	"%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
	"%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63, " \
	"%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
	"%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95, " \
	"%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
	"%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127}, "
#define SUMS_64 \
	"+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]), "+f"(c[4]), "+f"(c[5]), "+f"(c[6]), "+f"(c[7]), \
	"+f"(c[8]), "+f"(c[9]), "+f"(c[10]), "+f"(c[11]), "+f"(c[12]), "+f"(c[13]), "+f"(c[14]), "+f"(c[15]), \
	"+f"(c[16]), "+f"(c[17]), "+f"(c[18]), "+f"(c[19]), "+f"(c[20]), "+f"(c[21]), "+f"(c[22]), "+f"(c[23]), \
	"+f"(c[24]), "+f"(c[25]), "+f"(c[26]), "+f"(c[27]), "+f"(c[28]), "+f"(c[29]), "+f"(c[30]), "+f"(c[31]), \
	"+f"(c[32]), "+f"(c[33]), "+f"(c[34]), "+f"(c[35]), "+f"(c[36]), "+f"(c[37]), "+f"(c[38]), "+f"(c[39]), \
	"+f"(c[40]), "+f"(c[41]), "+f"(c[42]), "+f"(c[43]), "+f"(c[44]), "+f"(c[45]), "+f"(c[46]), "+f"(c[47]), \
	"+f"(c[48]), "+f"(c[49]), "+f"(c[50]), "+f"(c[51]), "+f"(c[52]), "+f"(c[53]), "+f"(c[54]), "+f"(c[55]), \
	"+f"(c[56]), "+f"(c[57]), "+f"(c[58]), "+f"(c[59]), "+f"(c[60]), "+f"(c[61]), "+f"(c[62]), "+f"(c[63])
#define SUMS_128 \
	SUMS_64, \
	"+f"(c[64]), "+f"(c[65]), "+f"(c[66]), "+f"(c[67]), "+f"(c[68]), "+f"(c[69]), "+f"(c[70]), "+f"(c[71]), \
	"+f"(c[72]), "+f"(c[73]), "+f"(c[74]), "+f"(c[75]), "+f"(c[76]), "+f"(c[77]), "+f"(c[78]), "+f"(c[79]), \
	"+f"(c[80]), "+f"(c[81]), "+f"(c[82]), "+f"(c[83]), "+f"(c[84]), "+f"(c[85]), "+f"(c[86]), "+f"(c[87]), \
	"+f"(c[88]), "+f"(c[89]), "+f"(c[90]), "+f"(c[91]), "+f"(c[92]), "+f"(c[93]), "+f"(c[94]), "+f"(c[95]), \
	"+f"(c[96]), "+f"(c[97]), "+f"(c[98]), "+f"(c[99]), "+f"(c[100]), "+f"(c[101]), "+f"(c[102]), "+f"(c[103]), \
	"+f"(c[104]), "+f"(c[105]), "+f"(c[106]), "+f"(c[107]), "+f"(c[108]), "+f"(c[109]), "+f"(c[110]), "+f"(c[111]), \
	"+f"(c[112]), "+f"(c[113]), "+f"(c[114]), "+f"(c[115]), "+f"(c[116]), "+f"(c[117]), "+f"(c[118]), "+f"(c[119]), \
	"+f"(c[120]), "+f"(c[121]), "+f"(c[122]), "+f"(c[123]), "+f"(c[124]), "+f"(c[125]), "+f"(c[126]), "+f"(c[127])

// wgmma: c (64, N) = w (64, 16) · rowsᵀ (16, N), added to c where that is wanted; c, and w where it is in registers, are spread
// over a group.
DEVICE void wgmma(float (&c)[64], const uint32_t (&w)[4], uint64_t rows, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %69, 0; " WGMMA(128) PLACES_64 "{%64, %65, %66, %67}, %68, p, 1, 1, 0;}"
	             : SUMS_64
	             : "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]), "l"(rows), "r"(int(add)));
}
DEVICE void wgmma(float (&c)[64], uint64_t w, uint64_t rows, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %66, 0; " WGMMA(128) PLACES_64 "%64, %65, p, 1, 1, 0, 0;}"
	             : SUMS_64
	             : "l"(w), "l"(rows), "r"(int(add)));
}
DEVICE void wgmma(float (&c)[128], uint64_t w, uint64_t rows, bool add) {
	asm volatile("{.reg .pred p; setp.ne.b32 p, %130, 0; " WGMMA(256) PLACES_128 "%128, %129, p, 1, 1, 0, 0;}"
	             : SUMS_128
	             : "l"(w), "l"(rows), "r"(int(add)));
}
#undef WGMMA
#undef PLACES_64
#undef PLACES_128
#undef SUMS_64
#undef SUMS_128

// settled keeps the compiler from moving what reads or writes c to the other side.
template <int N>
DEVICE void settled(float (&c)[N]) {
#pragma unroll
	for (int i = 0; i < N; i++) asm volatile("" : "+f"(c[i])::"memory");
}

#endif

// Ring is the barriers of COUNT stages.
template <int COUNT>
struct Ring {
	uint64_t full[COUNT], empty[COUNT];

	// begin is called by all threads of a block. A stage is full when so many have arrived, and empty when every warp that
	// multiplies has.
	DEVICE void begin(int filling) {
		if (threadIdx.x == 0) {
			for (int i = 0; i < COUNT; i++) {
				barrier_init(&full[i], filling);
				barrier_init(&empty[i], 4 * MULTIPLYING_GROUPS);
			}
			barriers_ready();
		}
		__syncthreads();
	}
};

// fills says whether the thread's group is the one that fills stages; those that multiply take registers from it. All groups
// start with 168 each: more than these together would wait for ever.
template <int FILLING, int MULTIPLYING>
DEVICE bool fills() {
	static_assert(FILLING + MULTIPLYING_GROUPS * MULTIPLYING <= 168 * (1 + MULTIPLYING_GROUPS), "registers that nobody gives");
	if (warp_id() < 4) {
		fewer_registers<FILLING>();
		return true;
	}
	more_registers<MULTIPLYING>();
	return false;
}

// write_sums finishes a warp's sums of a tile of outputs, for 2·N rows.
template <int N>
DEVICE void write_sums(const MatMulArgs &a, const Job &job, int out_tile, const float (&sums)[N]) {
	int g = lane_id() / 4, t = lane_id() % 4;
#pragma unroll
	for (int i = 0; i < N; i++) {
		write(a, job, job.first + i / 4 * 8 + 2 * t + i % 2, out_tile * TILE_OUT + g + i % 4 / 2 * 8, sums[i]);
	}
}

// descriptor describes 16 inputs of many outputs or rows in shared memory, in core matrices of 8 × 8, rows of 16 bytes one
// behind the other: along bytes from one to the next along the inputs, across from one to the next along the rows.
DEVICE uint64_t descriptor(const void *at, int along, int across) {
	return uint64_t(shared_address(at) >> 4 & 0x3fff) | uint64_t(along >> 4) << 16 | uint64_t(across >> 4) << 32;
}

#endif
