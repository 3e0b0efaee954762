// What the emulated driver asks of the emulated device.

#pragma once

#include "emu.h"

#include <deque>
#include <string>

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

// Memory is dynamic shared memory of a block.
struct Memory {
	char *begin;
	size_t bytes;
};

// Copy is a bulk copy that is yet to be made.
struct Copy {
	void *to;
	const void *from;
	size_t bytes;
	uint64_t *barrier;
};

// Of the block that runs (block.cc): its memory, its copies in the order in which they were asked for, and its threads. wait_at
// leaves a thread until wake is called for the same barrier; wake says whether any has waited.
Memory dynamic_memory();
bool is_shared(const void *p, size_t bytes);
std::deque<Copy> &copies();
void wait_at(uint64_t *barrier, int parity);
bool wake(uint64_t *barrier);

// Of hopper.cc: at_address is what lies at a shared address, or null where that is not all dynamic shared memory; land makes
// copies, from the first or from the last on, until one frees a thread; missing is what the phase of a barrier waits for.
const char *at_address(uint32_t address, size_t bytes);
void land(bool reverse);
std::string missing(const uint64_t *barrier);

bool is_global(const void *p, size_t bytes);  // memory of the device, or pinned (memory.cc)

extern Registration *registered;  // the first of a list

}  // namespace emu
