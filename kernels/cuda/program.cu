// program: the decode steps of a chain as one kernel, operations, choices and all, for few rows. One cluster of blocks stays on
// the GPU and does what the launches of a step would have done, in their order, by the same code, so to the same bits; then the
// next step, until all have been done or no search goes on. Between two operations the blocks wait for each other at the
// cluster's barrier, a quarter of a microsecond, where two nodes of a graph are one and more apart. Operations of one block that
// follow each other, such as the normalization of a row and what is done with it before the next product, stay with one
// block, which waits for none. A block has the threads of several teams; each takes blocks of an operation in turn. The program,
// its operations' arguments among it, lies in shared memory. Clusters are of compute capability 9.0.
//
// sequence: launches of one block each that follow each other, as one launch of one block. With few rows that is all but the
// products and attention: a step of 87 launches becomes one of 58.
//
// This file is also the unit that is compiled: all other kernels are included here.

#include "attention.cu"
#include "chain.cu"
#include "conv.cu"
#include "embed.cu"
#include "gather.cu"
#include "matmul.cu"
#include "matmul_bulk.cu"
#include "matmul_hopper.cu"
#include "rms_norm.cu"
#include "rope.cu"
#include "route.cu"
#include "rows.cu"
#include "top_k.cu"

constexpr int PROGRAM_THREADS = 512;
constexpr int PROGRAM_WORDS = 4096;  // of operations and arguments, 8 bytes each
constexpr int SEQUENCE_THREADS = 256;
constexpr int SEQUENCE_OPERATIONS = 8;
constexpr int SEQUENCE_WORDS = 112;  // of arguments

// Operation is a launch; the twin of operation in program.go.
struct Operation {
	int code, x, y;
	int argument;  // in words behind the operations
	int apart;     // the blocks wait for each other in front of it
	int unused;
};

struct ProgramArgs {
	const uint64_t *program;  // operations, then arguments
	const int *header;        // of the chain: steps
	const int *going;         // searches that have not stopped
	int operations, words;
};

struct SequenceArgs {
	Operation operations[SEQUENCE_OPERATIONS];
	uint64_t arguments[SEQUENCE_WORDS];
	int count, unused;
};

// TeamMemory is what each team of the smallest size of a block has of shared memory; larger teams take several.
template <int THREADS, size_t SIZE>
struct TeamMemory {
	static constexpr int BLOCK = THREADS, SMALLEST = 4 * WARP, BYTES = SIZE;
	alignas(16) unsigned char of[THREADS / SMALLEST][SIZE];
};
using ProgramTeams = TeamMemory<PROGRAM_THREADS, sizeof(NarrowSums<8>)>;
using SequenceTeams = TeamMemory<SEQUENCE_THREADS, (sizeof(Choice) + 15) / 16 * 16>;

struct ProgramMemory {
	uint64_t program[PROGRAM_WORDS];
	ProgramTeams teams;
};

#ifdef MM_EMU
DEVICE void cluster_wait() { emu::cluster_barrier(); }
DEVICE int cluster_rank() { return int(emu::cluster_rank()); }
DEVICE int cluster_size() { return int(emu::cluster_size()); }
#elif __CUDA_ARCH__ >= 900
// What was written before it, also to device memory, the other blocks of the cluster see behind it.
DEVICE void cluster_wait() {
	__syncwarp();
	asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory");
	asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory");
}
DEVICE int cluster_rank() {
	int rank;
	asm("mov.u32 %0, %%cluster_ctarank;" : "=r"(rank));
	return rank;
}
DEVICE int cluster_size() {
	int size;
	asm("mov.u32 %0, %%cluster_nctarank;" : "=r"(size));
	return size;
}
#else
DEVICE void cluster_wait() { __trap(); }
DEVICE int cluster_rank() { return 0; }
DEVICE int cluster_size() { return 1; }
#endif

// each_block lets the teams of all blocks do the blocks of an operation, neighbours in different blocks of the cluster.
template <int THREADS, typename Teams, typename Work>
DEVICE void each_block(const Operation &op, Teams &teams, Work work) {
	constexpr int TEAMS = Teams::BLOCK / THREADS, SMALLEST = THREADS / Teams::SMALLEST;
	int mine = int(threadIdx.x) / THREADS;
	for (int block = mine * cluster_size() + cluster_rank(); block < op.x * op.y; block += TEAMS * cluster_size()) {
		Team<THREADS> team = {block % op.x, block / op.x, int(threadIdx.x) % THREADS, 1 + mine};
		work(team, teams.of[mine * SMALLEST]);
		team.wait();  // its shared memory is the next one's
	}
}

#define CASE(code, name, Args, threads)                                                                            \
	case code:                                                                                                     \
		each_block<threads>(op, teams, [&](const Team<threads> &team, unsigned char *) {                           \
			name##_work(*static_cast<const Args *>(argument), team);                                               \
		});                                                                                                        \
		break;
#define CASE_IN(Memory, code, name, Args, threads)                                                                 \
	case code:                                                                                                     \
		static_assert(sizeof(Memory) <= Teams::BYTES * (threads / Teams::SMALLEST), #name);                        \
		each_block<threads>(op, teams, [&](const Team<threads> &team, unsigned char *shared) {                     \
			name##_work(*static_cast<const Args *>(argument), team, *reinterpret_cast<Memory *>(shared));          \
		});                                                                                                        \
		break;

// run_rows does one operation of rows; the codes are those of programCodes in program.go.
template <typename Teams>
DEVICE void run_rows(const Operation &op, const void *argument, Teams &teams) {
	switch (op.code) {
		CASE(0, copy, PairArgs, ROW_THREADS)
		CASE(1, add, PairArgs, ROW_THREADS)
		CASE(2, silu_rows, PairArgs, ROW_THREADS)
		CASE(3, swiglu, PairArgs, ROW_THREADS)
		CASE(4, concat, ConcatArgs, ROW_THREADS)
		CASE(5, rms_norm, NormArgs, ROW_THREADS)
		CASE(6, rope, RopeArgs, ROW_THREADS)
		CASE(7, embed, EmbedArgs, ROW_THREADS)
		CASE(8, store_rows, StoreArgs, ROW_THREADS)
		CASE(9, gather_rows, RoutedArgs, ROW_THREADS)
		CASE(10, scatter_rows, RoutedArgs, ROW_THREADS)
		CASE(11, path_conv, PathConvArgs, ROW_THREADS)
		CASE(12, route, RouteArgs, ROUTE_THREADS)
		CASE(13, matmul_f32, MatMulArgs, ROW_THREADS)
		CASE_IN(TopKShared, 14, top_k, TopKArgs, TOP_K_THREADS)
		CASE_IN(Choice, 15, advance, ChainArgs, ADVANCE_THREADS)
	}
}

// run does any operation of a program.
DEVICE void run(const Operation &op, const void *argument, ProgramTeams &teams) {
	using Teams = ProgramTeams;
	switch (op.code) {
		CASE_IN(NarrowSums<8>, 16, matmul_i8_8, MatMulArgs, NARROW_WARPS * WARP)
		CASE_IN(NarrowSums<8>, 17, matmul_bf16_8, MatMulArgs, NARROW_WARPS * WARP)
		CASE_IN(Split<32>, 18, attention_split_32, AttentionArgs, ATTENTION_WARPS * WARP)
		CASE_IN(Split<64>, 19, attention_split_64, AttentionArgs, ATTENTION_WARPS * WARP)
		CASE_IN(Split<128>, 20, attention_split_128, AttentionArgs, ATTENTION_WARPS * WARP)
	default: run_rows(op, argument, teams);
	}
}

KERNEL(program, ProgramArgs, ONE_BLOCK(PROGRAM_THREADS)) {
	DYNAMIC_SHARED(ProgramMemory, memory);
	for (int i = int(threadIdx.x); i < a.words; i += PROGRAM_THREADS) memory->program[i] = a.program[i];
	__syncthreads();
	const Operation *operations = reinterpret_cast<const Operation *>(memory->program);
	const uint64_t *arguments = memory->program + a.operations * sizeof(Operation) / sizeof(uint64_t);
	bool goes_on = true;
	for (int step = 0; goes_on && step < a.header[0]; step++) {
		for (int i = 0; i < a.operations; i++) {
			Operation op = operations[i];
			if (op.apart) cluster_wait();
			else __syncthreads();
			run(op, arguments + op.argument, memory->teams);
		}
		cluster_wait();
		goes_on = *a.going > 0;  // the next step changes it behind a barrier, its first operation standing apart
	}
}

KERNEL(sequence, SequenceArgs, ONE_BLOCK(SEQUENCE_THREADS)) {
	SHARED(SequenceTeams, teams);
	for (int i = 0; i < a.count; i++) {
		run_rows(a.operations[i], a.arguments + a.operations[i].argument, teams);
		__syncthreads();
	}
}
