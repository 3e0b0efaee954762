// Kernels for the tests of package driver; the emulator runs them.

struct FillArgs {
	float *to;
	float value;
	int count;
};

KERNEL(fill, FillArgs, 64) {
	int i = int(blockIdx.x * blockDim.x + threadIdx.x);
	if (i < a.count) a.to[i] = a.value;
}

struct ReverseArgs {
	float *data;
};

// reverse turns a block's elements around through dynamic shared memory.
KERNEL(reverse, ReverseArgs, 1024) {
	DYNAMIC_SHARED(float, all);
	unsigned n = blockDim.x, i = threadIdx.x;
	all[i] = a.data[i];
	__syncthreads();
	a.data[i] = all[n - 1 - i];
}

// torn is reverse without its barrier.
KERNEL(torn, ReverseArgs, 1024) {
	DYNAMIC_SHARED(float, all);
	unsigned n = blockDim.x, i = threadIdx.x;
	all[i] = a.data[i];
	a.data[i] = all[n - 1 - i];
}

// warps leaves in each element the sum over the element's warp.
KERNEL(warps, ReverseArgs, 1024) {
	float v = a.data[threadIdx.x];
	for (int with = 16; with > 0; with /= 2) v += __shfl_xor_sync(0xffffffffu, v, with);
	a.data[threadIdx.x] = v;
}

// split waits in half of a warp for the whole of it.
KERNEL(split, ReverseArgs, 1024) {
	if (threadIdx.x < 16) __syncwarp();
	__syncthreads();
	a.data[threadIdx.x] = 0;
}

template <int N>
struct Floats {
	float at[N];
};

struct ClusterArgs {
	float *from, *to;
	int mode;
};

// exchange turns around what the blocks of a cluster have, through global memory: first each half of a block by itself, then
// the halves of a block, then the blocks. mode says which barrier it leaves out; 0 is none.
KERNEL(exchange, ClusterArgs, 512) {
	SHARED(Floats<512>, shared);
	float *mine = shared.at;
	unsigned n = blockDim.x, i = threadIdx.x, half = n / 2, which = i / half;
	unsigned rank = emu::cluster_rank(), first = blockIdx.x - rank, other = first + emu::cluster_size() - 1 - rank;
	mine[i] = a.from[blockIdx.x * n + i];
	if (a.mode != 1) emu::named_barrier(1 + int(which), int(half));
	float v = mine[which * half + half - 1 - i % half];
	if (a.mode != 2) emu::named_barrier(1 + int(which), int(half));
	mine[i] = v;
	if (a.mode != 3) emu::named_barrier(15, int(n));
	a.to[blockIdx.x * n + i] = mine[(i + half) % n];
	if (a.mode != 4) emu::cluster_barrier();
	v = a.to[other * n + i];
	if (a.mode != 5) emu::cluster_barrier();
	a.to[blockIdx.x * n + i] = v;
}

// inherit leaves the sum of a block's element and of the one before it in the cluster. Without the first barrier, mode 1, that
// is right only in the order of the blocks, without the second, mode 2, only in the other.
KERNEL(inherit, ClusterArgs, 32) {
	unsigned at = blockIdx.x, rank = emu::cluster_rank();
	if (threadIdx.x) return;
	a.to[at] = a.from[at];
	if (a.mode != 1) emu::cluster_barrier();
	float before = rank ? a.to[at - 1] : 0;
	if (a.mode != 2) emu::cluster_barrier();
	a.to[at] += before;
}

// follow has the second warp of a block read what the first has left, each behind barriers of its own; the one for both, which
// mode 1 leaves out, is what makes it right.
KERNEL(follow, ClusterArgs, 64) {
	SHARED(Floats<32>, left);
	int warp = int(threadIdx.x / 32), lane = int(threadIdx.x % 32);
	if (warp == 0) left.at[lane] = a.from[lane];
	for (int i = 0; i < 3; i++) emu::named_barrier(1 + warp, 32);
	if (a.mode != 1) emu::named_barrier(3, 64);
	if (warp == 1) a.to[lane] = left.at[lane];
}

struct RanksArgs {
	float *to;  // three for each block, in the order of the grid
};

// ranks says of each block its rank, the size of its cluster, and whether dynamic shared memory is its own. The last block of a
// cluster ends early: nobody waits for it.
KERNEL(ranks, RanksArgs, 64) {
	DYNAMIC_SHARED(unsigned, own);
	unsigned at = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
	if (threadIdx.x == 0) {
		*own = at;
		a.to[3 * at] = float(emu::cluster_rank());
		a.to[3 * at + 1] = float(emu::cluster_size());
	}
	__syncthreads();
	if (emu::cluster_rank() + 1 < emu::cluster_size()) emu::cluster_barrier();
	if (threadIdx.x == 63) a.to[3 * at + 2] = *own == at && at == (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
}

// wrong uses barriers as they must not be used.
KERNEL(wrong, ClusterArgs, 64) {
	unsigned i = threadIdx.x;
	switch (a.mode) {
	case 1:  // two kinds of barrier
		if (i < 32) __syncthreads();
		else emu::cluster_barrier();
		break;
	case 2:  // one block of the cluster at a barrier of its own, too few for it
		if (emu::cluster_rank() == 0) emu::cluster_barrier();
		else if (i < 32) emu::named_barrier(4, 64);
		break;
	case 3: emu::named_barrier(16, 64); break;
	case 4: emu::named_barrier(0, 64); break;
	case 5: emu::named_barrier(1, 48); break;
	case 6: emu::named_barrier(1, i < 32 ? 64 : 32); break;
	case 7:  // half a warp of each
		if (i % 32 < 16) emu::named_barrier(2, 32);
		else __syncthreads();
		break;
	case 8:  // more threads than it is for
		if (i % 32 < 20) emu::named_barrier(2, 32);
		break;
	}
	a.to[i] = 0;
}

// Ring is what the kernel of that name has in dynamic shared memory: stages of two halves, which two bulk copies bring.
struct Ring {
	static constexpr int stages = 3, values = 64;
	float at[stages][values];
	uint64_t full[stages], empty[stages];
};

struct RingArgs {
	float *from, *to;
	int rounds, mode;
};

// ring brings rounds of values through the stages: a warp asks for copies, two others turn each round around. In mode 1 one of
// them does not wait for the last round, in mode 2 neither for any; in mode 3 the first does not wait for empty stages, in mode
// 4 not for the last one; in mode 5 it announces no bytes, in mode 6 too few, in mode 7 too many; in mode 8 one of the others
// keeps its stages; in mode 9 all waits are for the other parity; in mode 10 nobody waits for anything.
KERNEL(ring, RingArgs, 96) {
	DYNAMIC_SHARED(Ring, ring);
	constexpr int half = Ring::values / 2, bytes = int(half * sizeof(float));
	int warp = int(threadIdx.x / 32), lane = int(threadIdx.x % 32), first = int(blockIdx.x) * a.rounds;
	if (threadIdx.x == 0) {
		for (int i = 0; i < Ring::stages; i++) {
			emu::mbarrier_init(&ring->full[i], 1);
			emu::mbarrier_init(&ring->empty[i], 2);
		}
	}
	__syncthreads();
	for (int round = 0; round < a.rounds; round++) {
		int stage = round % Ring::stages, parity = round / Ring::stages % 2 ^ (a.mode == 9);
		bool last = round == a.rounds - 1;
		if (warp == 0) {
			if (lane) continue;
			if (a.mode != 3 && a.mode != 10 && !(a.mode == 4 && last)) emu::mbarrier_wait(&ring->empty[stage], parity ^ 1);
			int announced = a.mode == 5 ? 0 : a.mode == 6 ? bytes : a.mode == 7 ? 3 * bytes : 2 * bytes;
			emu::mbarrier_arrive(&ring->full[stage], announced);
			emu::bulk_copy(&ring->at[stage][0], a.from + (first + round) * Ring::values, bytes, &ring->full[stage]);
			emu::bulk_copy(&ring->at[stage][half], a.from + (first + round) * Ring::values + half, bytes, &ring->full[stage]);
			continue;
		}
		if (a.mode != 2 && a.mode != 10 && !(a.mode == 1 && last && warp == 2)) emu::mbarrier_wait(&ring->full[stage], parity);
		int i = (warp - 1) * half + lane;
		a.to[(first + round) * Ring::values + i] = ring->at[stage][Ring::values - 1 - i];
		__syncwarp();
		if (lane == 0 && !(a.mode == 8 && warp == 2)) emu::mbarrier_arrive(&ring->empty[stage], 0);
	}
}

struct ProductArgs {
	uint16_t *left, *right;  // (128, 16 · steps) and (n, 16 · steps), in bfloat16
	float *to;               // (128, n), in rows; what is there is added to
	int n, steps, registers, add;
};

// core_matrices brings a matrix to shared memory: 8 rows of 16 bytes together, such pieces leading bytes apart along a row and
// stride bytes apart along a column. It returns what describes the first 16 columns.
static uint64_t core_matrices(char *to, int leading, int stride, const uint16_t *from, int rows, int columns) {
	for (int i = int(threadIdx.x); i < rows * columns; i += int(blockDim.x)) {
		int row = i / columns, column = i % columns;
		*reinterpret_cast<uint16_t *>(to + row / 8 * stride + column / 8 * leading + row % 8 * 16 + column % 8 * 2) = from[i];
	}
	return uint64_t(emu::shared_address(to) >> 4) | uint64_t(leading >> 4) << 16 | uint64_t(stride >> 4) << 32;
}

// product has two groups of four warps multiply, each 64 rows, with the left ones from registers or from shared memory. The
// pieces of the left matrix lie row by row, those of the right one column by column with a gap.
KERNEL(product, ProductArgs, 256) {
	DYNAMIC_SHARED(char, all);
	int columns = 16 * a.steps, gap = a.n * 16 + 16;
	uint64_t left = core_matrices(all, 128, 16 * columns, a.left, 128, columns);
	uint64_t right = core_matrices(all + 256 * columns, gap, 128, a.right, a.n, columns);
	__syncthreads();
	int group = int(threadIdx.x / 128), warp = int(threadIdx.x / 32 % 4), g = int(threadIdx.x % 32 / 4), q = int(threadIdx.x % 4);
	int row = 64 * group + 16 * warp + g;
	left += uint64_t(group) * 64 * unsigned(columns) * 2 >> 4;
	float c[128];
	for (int i = 0; i < a.n / 2; i++) c[i] = a.to[(row + i % 4 / 2 * 8) * a.n + i / 4 * 8 + 2 * q + i % 2];
	for (int step = 0; step < a.steps; step++) {
		uint32_t w[4];
		for (int i = 0; i < 4; i++) memcpy(&w[i], a.left + (row + i % 2 * 8) * columns + 16 * step + 2 * q + i / 2 * 8, 4);
		emu::wgmma_bf16(c, a.n, a.registers ? w : nullptr, left, right, step > 0 || a.add);
		left += 256 >> 4;
		right += uint64_t(2 * gap >> 4);
	}
	for (int i = 0; i < a.n / 2; i++) a.to[(row + i % 4 / 2 * 8) * a.n + i / 4 * 8 + 2 * q + i % 2] = c[i];
}

// misuse does with barriers, copies and products what must not be done, in 2048 bytes of dynamic shared memory; a.from has 256.
KERNEL(misuse, ClusterArgs, 160) {
	DYNAMIC_SHARED(char, all);
	SHARED(uint64_t, fixed);
	uint64_t *barrier = reinterpret_cast<uint64_t *>(all), outside = 0;
	float c[128] = {};
	uint64_t good = uint64_t(emu::shared_address(all) >> 4) | 8ull << 16 | 16ull << 32;
	auto multiply = [&](int n, uint64_t left, uint64_t right) { emu::wgmma_bf16(c, n, nullptr, left, right, false); };
	if (threadIdx.x == 0 && a.mode > 3) emu::mbarrier_init(barrier, 2);
	__syncthreads();
	if (threadIdx.x >= 128 && a.mode != 30) return;
	if (threadIdx.x && a.mode < 20) return;
	switch (a.mode) {
	case 1: emu::mbarrier_arrive(barrier, 0); break;
	case 2: emu::mbarrier_wait(&fixed, 0); break;
	case 3: emu::bulk_copy(all + 16, a.from, 16, barrier); break;
	case 4: emu::mbarrier_init(&fixed, 0); break;
	case 5: emu::mbarrier_init(&outside, 1); break;
	case 6: emu::mbarrier_init(reinterpret_cast<uint64_t *>(all + 4), 1); break;
	case 7: emu::mbarrier_wait(barrier, 2); break;
	case 8: emu::mbarrier_arrive(barrier, -16); break;
	case 9: emu::bulk_copy(all + 16, a.from, 24, barrier); break;
	case 10: emu::bulk_copy(all + 16, a.from, 0, barrier); break;
	case 11: emu::bulk_copy(all + 8, a.from, 16, barrier); break;
	case 12: emu::bulk_copy(all + 16, a.from + 1, 16, barrier); break;
	case 13: emu::bulk_copy(all + 2032, a.from, 32, barrier); break;
	case 14: emu::bulk_copy(&c[0], a.from, 16, barrier); break;
	case 15: emu::bulk_copy(all + 16, all + 32, 16, barrier); break;
	case 16: emu::bulk_copy(all + 16, a.from + 60, 32, barrier); break;
	case 17:  // a copy over its own barrier
		emu::bulk_copy(all, a.from, 16, barrier);
		emu::mbarrier_wait(barrier, 0);
		break;
	case 18: emu::shared_address(&fixed); break;
	case 19:  // more than a barrier can count
		emu::mbarrier_arrive(barrier, 1 << 19);
		emu::mbarrier_arrive(barrier, 1 << 19);
		break;
	case 20: multiply(12, good, good); break;
	case 21: multiply(264, good, good); break;
	case 22: multiply(8, good, good | 1ull << 62); break;
	case 23: multiply(8, good | 1ull << 49, good); break;
	case 24: multiply(8, good, good | 1ull << 15); break;
	case 25: multiply(8, good, good + (2048 - 240) / 16); break;
	case 26: multiply(8, good, good - 1); break;
	case 27: multiply(64, good + 1, good); break;  // the left one reaches too far
	case 28: multiply(threadIdx.x % 32 ? 8 : 16, good, good); break;
	case 29: multiply(8, good, good + (threadIdx.x % 32 == 7)); break;
	case 30: multiply(8, good, good); break;  // the fifth warp has no three others
	}
	a.to[0] = c[0];
}
