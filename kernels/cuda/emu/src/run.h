// What the emulated driver asks of the emulated device.

#pragma once

#include "emu.h"

namespace emu {

struct Launch {
	const Registration *kernel;
	dim3 grid, block;
	size_t shared;
	const void *parameter;
};

// run runs all blocks of a launch, one after another. It returns null, or what went wrong, to be freed.
char *run(const Launch &launch);

extern Registration *registered;  // the first of a list

}  // namespace emu
