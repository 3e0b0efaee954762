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
//
// This file has the library, the device and the context; memory.cc, streams.cc and functions.cc have the other calls.

#include "driver.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace emu {

std::recursive_mutex mutex;
int sticky;

namespace {

bool initialized;
int contexts;
thread_local Handle bound;

constexpr Handle the_context = 0xc0de;

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

}  // namespace

long number(const char *name, long otherwise) {
	const char *text = getenv(name);
	return text && *text ? atol(text) : otherwise;
}

long capability() { return number("EMU_CAPABILITY", 80); }

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

// ready is the code with which a call fails that needs a context.
int ready() {
	if (!initialized) return not_initialized;
	if (bound != the_context || !contexts) return invalid_context;
	return sticky;
}

}  // namespace emu

using namespace emu;

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
	drop_streams();
	drop_memory();
	drop_functions();
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

}  // extern "C"
