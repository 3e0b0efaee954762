// A libcuda.so.1 without a GPU: memory is the host's, kernels are the ones linked in (threads.cc runs them). Streams do
// nothing until somebody waits for them, so that a caller who does not wait, or who overwrites pinned memory too early, is
// found out. The tests steer it by environment variables, which it reads anew in every call:
//
//     EMU_DEVICES=0            number of devices
//     EMU_VERSION=12040        what cuDriverGetVersion says
//     EMU_CAPABILITY=75        compute capability, times ten
//     EMU_CLUSTER=16           blocks of the largest cluster, 4 without it; there are clusters from capability 9.0 on
//     EMU_MEMORY=1048576       bytes of device memory
//     EMU_FAIL=cuInit=999,...  calls that fail, with which code; cuInit=999@3 fails at the third call
//     EMU_ORDER=reverse        run clusters, blocks, warps, lanes and bulk copies from the last to the first

#include "run.h"

#include <cstdio>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
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

enum Result {
	success = 0,
	invalid_value = 1,
	out_of_memory = 2,
	not_initialized = 3,
	no_device = 100,
	invalid_device = 101,
	invalid_image = 200,
	invalid_context = 201,
	invalid_handle = 400,
	not_found = 500,
	not_ready = 600,
	launch_failed = 719,
	not_supported = 801,
	invalid_cluster_size = 912,
};

const std::map<int, std::pair<const char *, const char *>> texts = {
    {success, {"CUDA_SUCCESS", "no error"}},
    {invalid_value, {"CUDA_ERROR_INVALID_VALUE", "invalid argument"}},
    {out_of_memory, {"CUDA_ERROR_OUT_OF_MEMORY", "out of memory"}},
    {not_initialized, {"CUDA_ERROR_NOT_INITIALIZED", "initialization error"}},
    {no_device, {"CUDA_ERROR_NO_DEVICE", "no CUDA-capable device is detected"}},
    {invalid_device, {"CUDA_ERROR_INVALID_DEVICE", "invalid device ordinal"}},
    {invalid_image, {"CUDA_ERROR_INVALID_IMAGE", "device kernel image is invalid"}},
    {invalid_context, {"CUDA_ERROR_INVALID_CONTEXT", "invalid device context"}},
    {invalid_handle, {"CUDA_ERROR_INVALID_HANDLE", "invalid resource handle"}},
    {not_found, {"CUDA_ERROR_NOT_FOUND", "named symbol not found"}},
    {not_ready, {"CUDA_ERROR_NOT_READY", "device not ready"}},
    {launch_failed, {"CUDA_ERROR_LAUNCH_FAILED", "unspecified launch failure"}},
    {not_supported, {"CUDA_ERROR_NOT_SUPPORTED", "operation not supported"}},
    {invalid_cluster_size, {"CUDA_ERROR_INVALID_CLUSTER_SIZE", "cluster misconfiguration"}},
};

using Handle = uintptr_t;
using Pointer = uint64_t;
using Work = std::function<int()>;

struct Stream {
	std::deque<Work> queue;
	bool capturing = false;
	std::vector<Work> *recorded = nullptr;
};

struct Event {
	bool timing, recorded = false, done = false;
};

struct Function {
	const Registration *kernel;
	int dynamic = 48 << 10;
	bool large_clusters = false;
};

std::recursive_mutex mutex;
bool initialized;
int sticky;  // a failed launch spoils the context for good
int contexts;
thread_local Handle bound;
std::map<char *, size_t> pinned;
std::map<Pointer, size_t> allocated;
size_t in_use;
std::set<Stream *> streams;
std::set<Event *> events;
std::set<void *> modules, graphs;
std::map<std::string, Function> functions;

constexpr Handle the_context = 0xc0de;
constexpr size_t most_shared = 227 << 10;
constexpr long portable_cluster = 8;  // blocks; more only where the kernel allows it

long number(const char *name, long otherwise) {
	const char *text = getenv(name);
	return text && *text ? atol(text) : otherwise;
}

long capability() { return number("EMU_CAPABILITY", 80); }

// most_blocks is how many blocks a cluster of f may have.
long most_blocks(const Function &f) {
	long most = number("EMU_CLUSTER", 4);
	return f.large_clusters ? most : std::min(most, portable_cluster);
}

// planned is the code with which EMU_FAIL wants this call to fail.
int planned(const char *call) {
	static std::string plan;
	static std::map<std::string, int> calls;
	const char *text = getenv("EMU_FAIL");
	if (plan != (text ? text : "")) {
		plan = text ? text : "";
		calls.clear();
	}
	for (size_t at = 0; at < plan.size();) {
		size_t end = std::min(plan.find(',', at), plan.size());
		std::string part = plan.substr(at, end - at);
		size_t equals = part.find('='), nth = part.find('@');
		if (equals != std::string::npos && part.substr(0, equals) == call) {
			int code = atoi(part.c_str() + equals + 1);
			if (nth == std::string::npos || ++calls[call] == atoi(part.c_str() + nth + 1)) return code;
		}
		at = end + 1;
	}
	return success;
}

int drain(Stream *s) {
	while (!s->queue.empty()) {
		Work work = std::move(s->queue.front());
		s->queue.pop_front();
		if (int code = sticky ? sticky : work()) return sticky = code;
	}
	return sticky;
}

int drain_all() {
	for (Stream *s : streams) drain(s);
	return sticky;
}

int enqueue(Handle handle, Work work) {
	Stream *s = reinterpret_cast<Stream *>(handle);
	if (!streams.count(s)) return invalid_handle;
	if (s->capturing) s->recorded->push_back(std::move(work));
	else s->queue.push_back(std::move(work));
	return success;
}

bool is_pinned(const void *p, size_t bytes) {
	char *at = static_cast<char *>(const_cast<void *>(p));
	auto next = pinned.upper_bound(at);
	if (next == pinned.begin()) return false;
	--next;
	return at + bytes <= next->first + next->second;
}

// known says whether bytes of device memory at p have been allocated.
bool known(Pointer p, size_t bytes) {
	auto next = allocated.upper_bound(p);
	if (next == allocated.begin()) return false;
	--next;
	return p + bytes <= next->first + next->second;
}

}  // namespace

bool is_global(const void *p, size_t bytes) { return known(reinterpret_cast<Pointer>(p), bytes) || is_pinned(p, bytes); }

namespace {

struct Copy2D {
	size_t src_x, src_y;
	int src_type;
	const char *src_host;
	Pointer src_device;
	Handle src_array;
	size_t src_pitch, dst_x, dst_y;
	int dst_type;
	char *dst_host;
	Pointer dst_device;
	Handle dst_array;
	size_t dst_pitch, width, height;
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

// block_fits says whether f can be launched with such blocks.
bool block_fits(const Function &f, const Config &c) {
	const unsigned *b = c.block;
	uint64_t count = uint64_t(b[0]) * b[1] * b[2];
	return count && count <= f.kernel->threads && b[2] <= 64 && c.shared <= unsigned(f.dynamic);
}

}  // namespace
}  // namespace emu

using namespace emu;

#define LOCKED(name)                                                \
	std::lock_guard<std::recursive_mutex> lock(mutex);              \
	if (int code = planned(#name)) return code;
#define READY(name)                                                 \
	LOCKED(name)                                                    \
	if (!initialized) return not_initialized;                       \
	if (bound != the_context || !contexts) return invalid_context;  \
	if (sticky) return sticky;

extern "C" {

int cuInit(unsigned) {
	LOCKED(cuInit)
	if (number("EMU_DEVICES", 1) == 0) return no_device;
	initialized = true;
	return success;
}

int cuDriverGetVersion(int *version) {
	LOCKED(cuDriverGetVersion)
	*version = int(number("EMU_VERSION", 13000));
	return success;
}

int cuDeviceGetCount(int *count) {
	LOCKED(cuDeviceGetCount)
	*count = int(number("EMU_DEVICES", 1));
	return success;
}

int cuDeviceGet(int *device, int ordinal) {
	LOCKED(cuDeviceGet)
	if (ordinal < 0 || ordinal >= number("EMU_DEVICES", 1)) return invalid_device;
	*device = ordinal;
	return success;
}

int cuDeviceGetName(char *name, int len, int) {
	LOCKED(cuDeviceGetName)
	snprintf(name, size_t(len), "Emulated GPU");
	return success;
}

int cuDeviceGetAttribute(int *value, int attribute, int) {
	LOCKED(cuDeviceGetAttribute)
	switch (attribute) {
	case 16: *value = 4; break;  // multiprocessors
	case 38: *value = 1 << 20; break;  // L2 cache
	case 75: *value = int(capability() / 10); break;
	case 76: *value = int(capability() % 10); break;
	case 97: *value = int(most_shared); break;
	case 115: *value = 1; break;  // memory pools
	default: return invalid_value;
	}
	return success;
}

int cuDeviceTotalMem_v2(size_t *bytes, int) {
	LOCKED(cuDeviceTotalMem)
	*bytes = size_t(number("EMU_MEMORY", 1 << 30));
	return success;
}

int cuDevicePrimaryCtxRetain(Handle *context, int) {
	LOCKED(cuDevicePrimaryCtxRetain)
	if (!initialized) return not_initialized;
	if (!contexts++) sticky = success;
	*context = the_context;
	return success;
}

int cuDevicePrimaryCtxRelease_v2(int) {
	LOCKED(cuDevicePrimaryCtxRelease)
	if (!contexts) return invalid_context;
	if (--contexts) return success;
	for (Stream *s : streams) delete s;
	for (const auto &each : allocated) free(reinterpret_cast<void *>(each.first));
	for (void *m : modules) free(m);
	for (auto &each : functions) each.second = {each.second.kernel};  // the next context's have no attributes set
	modules.clear();
	streams.clear();
	allocated.clear();
	in_use = 0;
	sticky = success;
	return success;
}

int cuCtxSetCurrent(Handle context) {
	LOCKED(cuCtxSetCurrent)
	bound = context;
	return success;
}

int cuGetErrorName(int code, const char **text) {
	auto found = texts.find(code);
	*text = found == texts.end() ? nullptr : found->second.first;
	return *text ? success : invalid_value;
}

int cuGetErrorString(int code, const char **text) {
	auto found = texts.find(code);
	*text = found == texts.end() ? nullptr : found->second.second;
	return *text ? success : invalid_value;
}

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

int cuStreamCreate(Handle *stream, unsigned) {
	READY(cuStreamCreate)
	auto *s = new Stream;
	streams.insert(s);
	*stream = reinterpret_cast<Handle>(s);
	return success;
}

int cuStreamDestroy_v2(Handle stream) {
	READY(cuStreamDestroy)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s)) return invalid_handle;
	drain(s);
	streams.erase(s);
	delete s;
	return success;
}

int cuStreamSynchronize(Handle stream) {
	READY(cuStreamSynchronize)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s)) return invalid_handle;
	return drain(s);
}

int cuStreamWaitEvent(Handle stream, Handle event, unsigned) {
	READY(cuStreamWaitEvent)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	// All that the event waits for was given before: running it now is early enough, and never too late.
	for (Stream *s : streams) {
		if (reinterpret_cast<Handle>(s) != stream) drain(s);
	}
	return sticky;
}

int cuEventCreate(Handle *event, unsigned flags) {
	READY(cuEventCreate)
	auto *e = new Event{!(flags & 2)};
	events.insert(e);
	*event = reinterpret_cast<Handle>(e);
	return success;
}

int cuEventDestroy_v2(Handle event) {
	READY(cuEventDestroy)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	drain_all();
	events.erase(e);
	delete e;
	return success;
}

int cuEventRecord(Handle event, Handle stream) {
	READY(cuEventRecord)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	e->recorded = true;
	e->done = false;
	return enqueue(stream, [e] {
		e->done = true;
		return success;
	});
}

int cuEventQuery(Handle event) {
	READY(cuEventQuery)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	return e->recorded && !e->done ? not_ready : success;
}

int cuEventSynchronize(Handle event) {
	READY(cuEventSynchronize)
	if (!events.count(reinterpret_cast<Event *>(event))) return invalid_handle;
	return drain_all();
}

int cuEventElapsedTime(float *milliseconds, Handle start, Handle end) {
	READY(cuEventElapsedTime)
	auto *a = reinterpret_cast<Event *>(start), *b = reinterpret_cast<Event *>(end);
	if (!events.count(a) || !events.count(b) || !a->timing || !b->timing || !a->recorded || !b->recorded) return invalid_handle;
	if (!a->done || !b->done) return not_ready;
	*milliseconds = 0.5f;
	return success;
}

int cuMemGetInfo_v2(size_t *left, size_t *total) {
	READY(cuMemGetInfo)
	*total = size_t(number("EMU_MEMORY", 1 << 30));
	*left = *total - std::min(*total, in_use);
	return success;
}

int cuMemHostAlloc(void **pointer, size_t bytes, unsigned) {
	READY(cuMemHostAlloc)
	if (posix_memalign(pointer, 4096, bytes)) return out_of_memory;
	memset(*pointer, 0xff, bytes);
	pinned[static_cast<char *>(*pointer)] = bytes;
	return success;
}

int cuMemFreeHost(void *pointer) {
	READY(cuMemFreeHost)
	drain_all();
	if (!pinned.erase(static_cast<char *>(pointer))) return invalid_value;
	free(pointer);
	return success;
}

int cuMemAllocAsync(Pointer *pointer, size_t bytes, Handle stream) {
	READY(cuMemAllocAsync)
	if (!streams.count(reinterpret_cast<Stream *>(stream))) return invalid_handle;
	size_t total = size_t(number("EMU_MEMORY", 1 << 30));
	if (bytes > total) return out_of_memory;
	if (in_use > total - bytes) drain(reinterpret_cast<Stream *>(stream)); // what was freed on this stream may be had again
	if (sticky) return sticky;
	if (in_use > total - bytes) return out_of_memory;
	void *memory;
	if (posix_memalign(&memory, 256, bytes)) return out_of_memory;
	memset(memory, 0xff, bytes);
	in_use += bytes;
	*pointer = reinterpret_cast<Pointer>(memory);
	allocated[*pointer] = bytes;
	return success;
}

int cuMemFreeAsync(Pointer pointer, Handle stream) {
	READY(cuMemFreeAsync)
	if (!allocated.count(pointer)) return invalid_value;
	return enqueue(stream, [pointer]() -> int {
		auto found = allocated.find(pointer);
		if (found == allocated.end()) return invalid_value;
		in_use -= found->second;
		allocated.erase(found);
		free(reinterpret_cast<void *>(pointer));
		return success;
	});
}

int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, Handle stream) {
	READY(cuMemcpyHtoDAsync)
	if (!known(to, bytes)) return invalid_value;
	std::string staged;
	if (!is_pinned(from, bytes)) {
		staged.assign(static_cast<const char *>(from), bytes);
		from = nullptr;
	}
	return enqueue(stream, [to, from, bytes, staged] {
		memcpy(reinterpret_cast<void *>(to), from ? from : staged.data(), bytes);
		return success;
	});
}

int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, Handle stream) {
	READY(cuMemcpyDtoHAsync)
	if (!known(from, bytes)) return invalid_value;
	int code = enqueue(stream, [to, from, bytes] {
		memcpy(to, reinterpret_cast<void *>(from), bytes);
		return success;
	});
	return code || is_pinned(to, bytes) ? code : drain(reinterpret_cast<Stream *>(stream));
}

int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, Handle stream) {
	READY(cuMemcpyDtoDAsync)
	if (!known(from, bytes) || !known(to, bytes)) return invalid_value;
	return enqueue(stream, [to, from, bytes] {
		memmove(reinterpret_cast<void *>(to), reinterpret_cast<void *>(from), bytes);
		return success;
	});
}

int cuMemcpy2DAsync_v2(const Copy2D *copy, Handle stream) {
	READY(cuMemcpy2DAsync)
	Copy2D c = *copy;
	if (!c.width || !c.height) return success;
	if (c.width > c.src_pitch || c.width > c.dst_pitch || c.src_x || c.src_y || c.dst_x || c.dst_y) return invalid_value;
	size_t from_bytes = (c.height - 1) * c.src_pitch + c.width, to_bytes = (c.height - 1) * c.dst_pitch + c.width;
	bool from_host = c.src_type == 1, to_host = c.dst_type == 1;
	if ((!from_host && !known(c.src_device, from_bytes)) || (!to_host && !known(c.dst_device, to_bytes))) return invalid_value;
	std::string staged;
	if (from_host && !is_pinned(c.src_host, from_bytes)) {
		staged.assign(c.src_host, from_bytes);
		c.src_host = nullptr;
	}
	int code = enqueue(stream, [c, from_host, to_host, staged] {
		const char *from = from_host ? c.src_host : reinterpret_cast<const char *>(c.src_device);
		if (!from) from = staged.data();
		char *to = to_host ? c.dst_host : reinterpret_cast<char *>(c.dst_device);
		for (size_t i = 0; i < c.height; i++) memcpy(to + i * c.dst_pitch, from + i * c.src_pitch, c.width);
		return success;
	});
	bool wait = to_host && !is_pinned(c.dst_host, to_bytes);
	return code || !wait ? code : drain(reinterpret_cast<Stream *>(stream));
}

int cuMemsetD8Async(Pointer to, unsigned char value, size_t count, Handle stream) {
	READY(cuMemsetD8Async)
	if (!known(to, count)) return invalid_value;
	return enqueue(stream, [to, value, count] {
		memset(reinterpret_cast<void *>(to), value, count);
		return success;
	});
}

int cuMemsetD32Async(Pointer to, unsigned value, size_t count, Handle stream) {
	READY(cuMemsetD32Async)
	if (!known(to, 4 * count) || to % 4) return invalid_value;
	return enqueue(stream, [to, value, count] {
		std::fill_n(reinterpret_cast<unsigned *>(to), count, value);
		return success;
	});
}

int cuStreamBeginCapture_v2(Handle stream, int) {
	READY(cuStreamBeginCapture)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s) || s->capturing) return invalid_handle;
	s->capturing = true;
	s->recorded = new std::vector<Work>;
	return success;
}

int cuStreamEndCapture(Handle stream, Handle *graph) {
	READY(cuStreamEndCapture)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s) || !s->capturing) return invalid_handle;
	s->capturing = false;
	graphs.insert(s->recorded);
	*graph = reinterpret_cast<Handle>(s->recorded);
	return success;
}

int cuGraphInstantiateWithFlags(Handle *exec, Handle graph, unsigned long long) {
	READY(cuGraphInstantiate)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(graph);
	if (!graphs.count(recorded)) return invalid_handle;
	auto *copy = new std::vector<Work>(*recorded);
	graphs.insert(copy);
	*exec = reinterpret_cast<Handle>(copy);
	return success;
}

int cuGraphLaunch(Handle exec, Handle stream) {
	READY(cuGraphLaunch)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(exec);
	if (!graphs.count(recorded)) return invalid_handle;
	for (const Work &work : *recorded) {
		if (int code = enqueue(stream, work)) return code;
	}
	return success;
}

int cuGraphDestroy(Handle graph) {
	READY(cuGraphDestroy)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(graph);
	if (!graphs.erase(recorded)) return invalid_handle;
	delete recorded;
	return success;
}

int cuGraphExecDestroy(Handle exec) {
	READY(cuGraphExecDestroy)
	drain_all();
	auto *recorded = reinterpret_cast<std::vector<Work> *>(exec);
	if (!graphs.erase(recorded)) return invalid_handle;
	delete recorded;
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
