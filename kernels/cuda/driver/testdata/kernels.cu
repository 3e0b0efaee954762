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
