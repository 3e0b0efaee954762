// Memory of the emulated device, which is the host's, and pinned memory. It is filled with NaNs, and every copy is held to what
// was allocated, so that a caller who reads too early or writes too far is found out. Bytes of pinned memory are read when the
// copy's turn comes, those of other memory at once.

#include "driver.h"

#include <cstdlib>
#include <map>
#include <string>

namespace emu {

namespace {

std::map<char *, size_t> pinned;
std::map<Pointer, size_t> allocated;
size_t in_use;

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

void drop_memory() {
	for (const auto &each : allocated) free(reinterpret_cast<void *>(each.first));
	allocated.clear();
	in_use = 0;
}

}  // namespace emu

using namespace emu;

extern "C" {

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
	if (!is_stream(stream)) return invalid_handle;
	size_t total = size_t(number("EMU_MEMORY", 1 << 30));
	if (bytes > total) return out_of_memory;
	if (in_use > total - bytes) drain(stream); // what was freed on this stream may be had again
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
	return code || is_pinned(to, bytes) ? code : drain(stream);
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
	return code || !wait ? code : drain(stream);
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

}  // extern "C"
