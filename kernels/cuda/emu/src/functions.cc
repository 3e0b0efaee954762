// Modules, functions and launches of the emulated driver. Every module holds all kernels that are linked in; a launch that a
// device would refuse for its shape is refused here, and the others are queued with a copy of their parameter.

#include "driver.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace emu {

Registration *registered;

Registration::Registration(const char *name, size_t bytes, unsigned threads, void (*run)(const void *))
    : name(name), bytes(bytes), threads(threads), run(run), next(registered) {
	registered = this;
}

namespace {

struct Function {
	const Registration *kernel;
	int dynamic = 48 << 10;
	bool large_clusters = false;
};

struct Attribute {
	int id;
	char pad[4];
	union {
		char bytes[64];
		int flag;
		unsigned cluster[3];
	} value;
};

struct Config {
	unsigned grid[3], block[3], shared;
	Handle stream;
	Attribute *attributes;
	unsigned count;
};

std::set<void *> modules;
std::map<std::string, Function> functions;

constexpr long portable_cluster = 8;  // blocks; more only where the kernel allows it

// most_blocks is how many blocks a cluster of f may have.
long most_blocks(const Function &f) {
	long most = number("EMU_CLUSTER", 4);
	return f.large_clusters ? most : std::min(most, portable_cluster);
}

// block_fits says whether f can be launched with such blocks.
bool block_fits(const Function &f, const Config &c) {
	const unsigned *b = c.block;
	uint64_t count = uint64_t(b[0]) * b[1] * b[2];
	return count && count <= f.kernel->threads && b[2] <= 64 && c.shared <= unsigned(f.dynamic);
}

}  // namespace

void drop_functions() {
	for (void *m : modules) free(m);
	for (auto &each : functions) each.second = {each.second.kernel};  // the next context's have no attributes set
	modules.clear();
}

}  // namespace emu

using namespace emu;

extern "C" {

int cuModuleLoadData(Handle *module, const void *image) {
	READY(cuModuleLoadData)
	uint32_t magic;
	memcpy(&magic, image, 4);
	if (magic != 0xba55ed50u) return invalid_image;  // of a fatbin
	void *m = malloc(1);
	modules.insert(m);
	*module = reinterpret_cast<Handle>(m);
	return success;
}

int cuModuleUnload(Handle module) {
	READY(cuModuleUnload)
	drain_all();
	if (!modules.erase(reinterpret_cast<void *>(module))) return invalid_handle;
	free(reinterpret_cast<void *>(module));
	return success;
}

int cuModuleGetFunction(Handle *function, Handle module, const char *name) {
	READY(cuModuleGetFunction)
	if (!modules.count(reinterpret_cast<void *>(module))) return invalid_handle;
	for (Registration *r = registered; r; r = r->next) {
		if (strcmp(r->name, name)) continue;
		Function &f = functions[name];
		f.kernel = r;
		*function = reinterpret_cast<Handle>(&f);
		return success;
	}
	return not_found;
}

int cuFuncGetAttribute(int *value, int attribute, Handle function) {
	READY(cuFuncGetAttribute)
	auto *f = reinterpret_cast<Function *>(function);
	switch (attribute) {
	case 0: *value = int(f->kernel->threads); break;
	case 1: case 3: *value = 0; break;
	case 4: *value = 32; break;
	case 8: *value = f->dynamic; break;
	default: return invalid_value;
	}
	return success;
}

int cuFuncSetAttribute(Handle function, int attribute, int value) {
	READY(cuFuncSetAttribute)
	auto *f = reinterpret_cast<Function *>(function);
	switch (attribute) {
	case 8:
		if (value < 0 || size_t(value) > most_shared) return invalid_value;
		f->dynamic = value;
		return success;
	case 14:
		f->large_clusters = value != 0;
		return success;
	}
	return invalid_value;
}

int cuFuncGetParamInfo(Handle function, size_t index, size_t *offset, size_t *size) {
	READY(cuFuncGetParamInfo)
	if (index) return invalid_value;
	*offset = 0;
	*size = reinterpret_cast<Function *>(function)->kernel->bytes;
	return success;
}

int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, Handle, int threads, size_t shared) {
	READY(cuOccupancyMaxActiveBlocksPerMultiprocessor)
	*blocks = int(std::min<size_t>(2048 / size_t(threads), shared ? most_shared / shared : 32));
	return success;
}

int cuOccupancyMaxPotentialClusterSize(int *size, Handle function, const Config *config) {
	READY(cuOccupancyMaxPotentialClusterSize)
	if (capability() < 90) return not_supported;
	auto *f = reinterpret_cast<Function *>(function);
	if (!block_fits(*f, *config)) return invalid_value;
	*size = int(most_blocks(*f));
	return success;
}

int cuLaunchKernelEx(const Config *config, Handle function, void **params, void **) {
	READY(cuLaunchKernelEx)
	auto *f = reinterpret_cast<Function *>(function);
	const unsigned *g = config->grid, *b = config->block;
	dim3 cluster = {1, 1, 1};
	if (!g[0] || !g[1] || !g[2] || g[0] > 0x7fffffffu || g[1] > 65535 || g[2] > 65535) return invalid_value;
	if (!block_fits(*f, *config)) return invalid_value;
	for (unsigned i = 0; i < config->count; i++) {
		const Attribute &a = config->attributes[i];
		if (a.id != 2 && a.id != 4 && a.id != 6) return invalid_value;
		if (a.id != 4) continue;
		const unsigned *c = a.value.cluster;
		for (int axis = 0; axis < 3; axis++) {
			if (!c[axis] || g[axis] % c[axis]) return invalid_value;
		}
		if (capability() < 90) return not_supported;
		if (uint64_t(c[0]) * c[1] * c[2] > uint64_t(most_blocks(*f))) return invalid_cluster_size;
		cluster = {c[0], c[1], c[2]};
	}
	Launch l = {f->kernel, {g[0], g[1], g[2]}, {b[0], b[1], b[2]}, cluster, config->shared, nullptr};
	std::vector<uint64_t> parameter((l.kernel->bytes + 7) / 8);
	memcpy(parameter.data(), params[0], l.kernel->bytes);
	return enqueue(config->stream, [l, parameter]() mutable -> int {
		l.parameter = parameter.data();
		char *message = run(l);
		if (!message) return success;
		fprintf(stderr, "emu: kernel %s: %s\n", l.kernel->name, message);
		free(message);
		return launch_failed;
	});
}

int cuTensorMapEncodeTiled(void *map, int, unsigned rank, void *address, const uint64_t *sizes, const uint64_t *strides,
                           const uint32_t *box, const uint32_t *, int, int, int, int) {
	READY(cuTensorMapEncodeTiled)
	if (reinterpret_cast<uintptr_t>(map) % 128 || reinterpret_cast<uintptr_t>(address) % 16 || rank < 1 || rank > 5) {
		return invalid_value;
	}
	for (unsigned i = 0; i < rank; i++) {
		if (!sizes[i] || !box[i] || box[i] > 256 || (i + 1 < rank && strides[i] % 16)) return invalid_value;
	}
	uint64_t words[16] = {reinterpret_cast<uint64_t>(address), sizes[0], sizes[1], strides[0], box[0], box[1]};
	memcpy(map, words, sizeof words);
	return success;
}

}  // extern "C"
