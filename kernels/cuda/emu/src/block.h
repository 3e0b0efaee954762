// The blocks of the cluster that runs, between the scheduler (threads.cc) and what the threads ask of theirs (block.cc).
// Like the state of coroutine.h it is hidden, so that all of them read it as if it were their own.

#pragma once

#include "coroutine.h"
#include "run.h"

namespace emu __attribute__((visibility("hidden"))) {

struct Shared {
	const void *declaration;
	char *memory;
	size_t bytes;
};

// Named is one of a block's barriers with a number.
struct Named {
	unsigned threads;  // that it is for
	unsigned waiting;
};

// Block is a block that runs.
struct Block {
	uint3 index;
	unsigned rank;       // in its cluster
	Coroutine *threads;  // as many as Launch::block has
	std::vector<Shared> shared;
	Memory dynamic;
	Named named[named_barriers];
	bool full;  // a named barrier has all the threads it is for
	unsigned at_mbarriers;  // threads
	bool woken;             // some of them can go on
	std::deque<Copy> copies;
};

inline std::vector<Block> cluster;  // those that run at the same time
inline Block *here;                 // the one whose thread runs
inline char *message;               // of what went wrong in this launch

// allocate returns memory filled with NaNs.
inline char *allocate(size_t alignment, size_t bytes) {
	void *memory;
	if (posix_memalign(&memory, alignment, bytes)) abort();
	memset(memory, 0xff, bytes);
	return static_cast<char *>(memory);
}

// stuck reports a block whose threads wait for what cannot come (failures.cc).
void stuck(Block &b, unsigned count);

}  // namespace emu
