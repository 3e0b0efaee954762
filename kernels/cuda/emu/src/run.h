// What the emulated driver asks of the emulated device.

#pragma once

#include "emu.h"

namespace emu {

constexpr unsigned warp_size = 32;
constexpr int named_barriers = 16;  // of a block; number 0 is __syncthreads

struct Launch {
	const Registration *kernel;
	dim3 grid, block;
	dim3 cluster;  // in blocks; it divides the grid
	size_t shared;
	const void *parameter;
};

// run runs all clusters of a launch, one after another. It returns null, or what went wrong, to be freed.
char *run(const Launch &launch);

extern Registration *registered;  // the first of a list

}  // namespace emu
