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
