// The CUDA driver API that mm uses, found in libcuda.so.1 at run time. The prototypes are our own: nothing of a CUDA toolkit
// is needed to build this. Handles are plain numbers here, so that Go keeps them without the garbage collector looking.

#ifndef MM_CUDA_SHIM_H
#define MM_CUDA_SHIM_H

#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef int mm_result;        // CUresult: 0 is success
typedef int mm_device;        // CUdevice
typedef uintptr_t mm_handle;  // CUcontext, CUmodule, CUfunction, CUstream, CUevent, CUgraph, CUgraphExec
typedef uint64_t mm_pointer;  // CUdeviceptr

typedef struct {  // CUlaunchAttribute
	int id;
	char pad[4];
	union {
		char bytes[64];
		int flag;
		unsigned cluster[3];
	} value;
} mm_attribute;

enum { MM_ATTRIBUTE_COOPERATIVE = 2, MM_ATTRIBUTE_CLUSTER = 4, MM_ATTRIBUTE_PROGRAMMATIC = 6 };

enum { MM_LARGEST_CLUSTER = 16 };  // blocks, of any GPU so far

typedef struct {  // CUlaunchConfig
	unsigned grid[3], block[3], shared;
	mm_handle stream;
	mm_attribute *attributes;
	unsigned count;
} mm_config;

typedef struct {  // CUDA_MEMCPY2D
	size_t src_x, src_y;
	int src_type;
	const void *src_host;
	mm_pointer src_device;
	mm_handle src_array;
	size_t src_pitch;
	size_t dst_x, dst_y;
	int dst_type;
	void *dst_host;
	mm_pointer dst_device;
	mm_handle dst_array;
	size_t dst_pitch;
	size_t width, height;
} mm_copy2d;

typedef struct {  // CUtensorMap
	_Alignas(128) uint64_t opaque[16];
} mm_tensor_map;

// X(symbol, parameters, arguments): calls that need no context.
#define MM_GLOBAL_CALLS(X)                                                                                               \
	X(cuInit, (unsigned flags), (flags))                                                                                 \
	X(cuDriverGetVersion, (int *version), (version))                                                                     \
	X(cuDeviceGetCount, (int *count), (count))                                                                           \
	X(cuDeviceGet, (mm_device * device, int ordinal), (device, ordinal))                                                 \
	X(cuDeviceGetName, (char *name, int len, mm_device device), (name, len, device))                                     \
	X(cuDeviceGetAttribute, (int *value, int attribute, mm_device device), (value, attribute, device))                   \
	X(cuDeviceTotalMem_v2, (size_t * bytes, mm_device device), (bytes, device))                                          \
	X(cuDevicePrimaryCtxRetain, (mm_handle * context, mm_device device), (context, device))                              \
	X(cuDevicePrimaryCtxRelease_v2, (mm_device device), (device))                                                        \
	X(cuCtxSetCurrent, (mm_handle context), (context))                                                                   \
	X(cuGetErrorName, (mm_result code, const char **text), (code, text))                                                 \
	X(cuGetErrorString, (mm_result code, const char **text), (code, text))

// Calls that work on the thread's current context.
#define MM_CONTEXT_CALLS(X)                                                                                              \
	X(cuModuleLoadData, (mm_handle * module, const void *image), (module, image))                                        \
	X(cuModuleUnload, (mm_handle module), (module))                                                                      \
	X(cuModuleGetFunction, (mm_handle * function, mm_handle module, const char *name), (function, module, name))         \
	X(cuFuncGetAttribute, (int *value, int attribute, mm_handle function), (value, attribute, function))                 \
	X(cuFuncSetAttribute, (mm_handle function, int attribute, int value), (function, attribute, value))                  \
	X(cuFuncGetParamInfo, (mm_handle function, size_t index, size_t *offset, size_t *size), (function, index, offset, size)) \
	X(cuOccupancyMaxActiveBlocksPerMultiprocessor, (int *blocks, mm_handle function, int threads, size_t shared),        \
	  (blocks, function, threads, shared))                                                                               \
	X(cuOccupancyMaxPotentialClusterSize, (int *size, mm_handle function, const mm_config *config),                      \
	  (size, function, config))                                                                                          \
	X(cuStreamCreate, (mm_handle * stream, unsigned flags), (stream, flags))                                             \
	X(cuStreamDestroy_v2, (mm_handle stream), (stream))                                                                  \
	X(cuStreamSynchronize, (mm_handle stream), (stream))                                                                 \
	X(cuStreamWaitEvent, (mm_handle stream, mm_handle event, unsigned flags), (stream, event, flags))                    \
	X(cuEventCreate, (mm_handle * event, unsigned flags), (event, flags))                                                \
	X(cuEventDestroy_v2, (mm_handle event), (event))                                                                     \
	X(cuEventRecord, (mm_handle event, mm_handle stream), (event, stream))                                               \
	X(cuEventQuery, (mm_handle event), (event))                                                                          \
	X(cuEventSynchronize, (mm_handle event), (event))                                                                    \
	X(cuEventElapsedTime, (float *milliseconds, mm_handle start, mm_handle end), (milliseconds, start, end))             \
	X(cuMemGetInfo_v2, (size_t * free_bytes, size_t *total), (free_bytes, total))                                        \
	X(cuMemHostAlloc, (void **pointer, size_t bytes, unsigned flags), (pointer, bytes, flags))                           \
	X(cuMemFreeHost, (void *pointer), (pointer))                                                                         \
	X(cuMemAllocAsync, (mm_pointer * pointer, size_t bytes, mm_handle stream), (pointer, bytes, stream))                 \
	X(cuMemFreeAsync, (mm_pointer pointer, mm_handle stream), (pointer, stream))                                         \
	X(cuMemcpyHtoDAsync_v2, (mm_pointer to, const void *from, size_t bytes, mm_handle stream), (to, from, bytes, stream)) \
	X(cuMemcpyDtoHAsync_v2, (void *to, mm_pointer from, size_t bytes, mm_handle stream), (to, from, bytes, stream))      \
	X(cuMemcpyDtoDAsync_v2, (mm_pointer to, mm_pointer from, size_t bytes, mm_handle stream), (to, from, bytes, stream)) \
	X(cuMemcpy2DAsync_v2, (const mm_copy2d *copy, mm_handle stream), (copy, stream))                                     \
	X(cuMemsetD8Async, (mm_pointer to, unsigned char value, size_t count, mm_handle stream), (to, value, count, stream)) \
	X(cuMemsetD32Async, (mm_pointer to, unsigned value, size_t count, mm_handle stream), (to, value, count, stream))     \
	X(cuStreamBeginCapture_v2, (mm_handle stream, int mode), (stream, mode))                                             \
	X(cuStreamEndCapture, (mm_handle stream, mm_handle *graph), (stream, graph))                                         \
	X(cuGraphInstantiateWithFlags, (mm_handle * exec, mm_handle graph, unsigned long long flags), (exec, graph, flags))  \
	X(cuGraphLaunch, (mm_handle exec, mm_handle stream), (exec, stream))                                                 \
	X(cuGraphExecDestroy, (mm_handle exec), (exec))                                                                      \
	X(cuGraphDestroy, (mm_handle graph), (graph))                                                                        \
	X(cuLaunchKernelEx, (const mm_config *config, mm_handle function, void **params, void **extra),                      \
	  (config, function, params, extra))                                                                                 \
	X(cuTensorMapEncodeTiled,                                                                                            \
	  (mm_tensor_map * map, int type, unsigned rank, void *address, const uint64_t *sizes, const uint64_t *strides,      \
	   const uint32_t *box, const uint32_t *steps, int interleave, int swizzle, int promotion, int fill),                \
	  (map, type, rank, address, sizes, strides, box, steps, interleave, swizzle, promotion, fill))

#define MM_FIELD(symbol, parameters, arguments) mm_result(*symbol) parameters;
typedef struct {
	MM_GLOBAL_CALLS(MM_FIELD)
	MM_CONTEXT_CALLS(MM_FIELD)
} mm_driver;
#undef MM_FIELD

// mm_open fills driver from the library at path. It returns NULL, or what failed: the loader's message, to be freed. A library
// without one of the symbols sets *old.
static char *mm_open(mm_driver *driver, const char *path, int *old) {
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	*old = 0;
	if (!library) return strdup(dlerror());
#define MM_FIND(symbol, parameters, arguments)                              \
	if (!(*(void **)(&driver->symbol) = dlsym(library, #symbol))) {         \
		*old = 1;                                                           \
		dlclose(library);                                                   \
		return strdup(#symbol);                                             \
	}
	MM_GLOBAL_CALLS(MM_FIND)
	MM_CONTEXT_CALLS(MM_FIND)
#undef MM_FIND
	return NULL;
}

// One function for each call, as Go cannot call pointers. A thread is made to work on the context in the very call that needs
// it: goroutines move between threads. Where that fails the result is the negated code.
#define MM_PARAMETERS(...) , __VA_ARGS__
#define MM_GLOBAL(symbol, parameters, arguments) \
	static inline mm_result mm_##symbol(const mm_driver *driver MM_PARAMETERS parameters) { return driver->symbol arguments; }
#define MM_CONTEXT(symbol, parameters, arguments)                                                          \
	static inline mm_result mm_##symbol(const mm_driver *driver, mm_handle context MM_PARAMETERS parameters) { \
		mm_result code = driver->cuCtxSetCurrent(context);                                                 \
		return code ? -code : driver->symbol arguments;                                                    \
	}
MM_GLOBAL_CALLS(MM_GLOBAL)
MM_CONTEXT_CALLS(MM_CONTEXT)
#undef MM_GLOBAL
#undef MM_CONTEXT
#undef MM_PARAMETERS

// mm_launch starts a kernel whose one parameter is the struct at argument.
static inline mm_result mm_launch(const mm_driver *driver, mm_handle context, mm_handle function, mm_handle stream,
                                  const unsigned *grid, const unsigned *block, unsigned shared, const unsigned *cluster,
                                  int cooperative, int programmatic, void *argument) {
	mm_attribute attributes[3];
	mm_config config = {{grid[0], grid[1], grid[2]}, {block[0], block[1], block[2]}, shared, stream, attributes, 0};
	void *params[1] = {argument};
	memset(attributes, 0, sizeof attributes);
	if (cooperative) {
		attributes[config.count].id = MM_ATTRIBUTE_COOPERATIVE;
		attributes[config.count++].value.flag = 1;
	}
	if (programmatic) {
		attributes[config.count].id = MM_ATTRIBUTE_PROGRAMMATIC;
		attributes[config.count++].value.flag = 1;
	}
	if (cluster[0] > 1 || cluster[1] > 1 || cluster[2] > 1) {
		attributes[config.count].id = MM_ATTRIBUTE_CLUSTER;
		memcpy(attributes[config.count++].value.cluster, cluster, 3 * sizeof *cluster);
	}
	return mm_cuLaunchKernelEx(driver, context, &config, function, params, NULL);
}

// mm_max_cluster asks for a line of blocks; the grid counts for nothing, but may not be empty.
static inline mm_result mm_max_cluster(const mm_driver *driver, mm_handle context, mm_handle function, unsigned threads,
                                       unsigned shared, int *size) {
	mm_config config = {{MM_LARGEST_CLUSTER, 1, 1}, {threads, 1, 1}, shared, 0, NULL, 0};
	return mm_cuOccupancyMaxPotentialClusterSize(driver, context, size, function, &config);
}

// mm_encode describes a matrix at p; the driver wants the map at a multiple of 128 bytes, which Go's memory need not be.
static inline mm_result mm_encode(const mm_driver *driver, mm_handle context, uint64_t *map, int type, mm_pointer p,
                                  const uint64_t *sizes, uint64_t pitch, const uint32_t *box, int swizzle, int promotion) {
	mm_tensor_map aligned;
	const uint32_t steps[2] = {1, 1};
	mm_result code = mm_cuTensorMapEncodeTiled(driver, context, &aligned, type, 2, (void *)(uintptr_t)p, sizes, &pitch, box,
	                                           steps, 0, swizzle, promotion, 0);
	memcpy(map, &aligned, sizeof aligned);
	return code;
}

enum { MM_HOST = 1, MM_DEVICE = 2 };  // CUmemorytype

// mm_copy_rows copies height rows of width bytes, each pitch bytes after the one before; to or from host memory or between
// device memories.
static inline mm_result mm_copy_rows(const mm_driver *driver, mm_handle context, void *dst_host, mm_pointer dst, size_t dst_pitch,
                                     const void *src_host, mm_pointer src, size_t src_pitch, size_t width, size_t height,
                                     mm_handle stream) {
	mm_copy2d copy;
	memset(&copy, 0, sizeof copy);
	copy.src_type = src_host ? MM_HOST : MM_DEVICE;
	copy.src_host = src_host;
	copy.src_device = src;
	copy.src_pitch = src_pitch;
	copy.dst_type = dst_host ? MM_HOST : MM_DEVICE;
	copy.dst_host = dst_host;
	copy.dst_device = dst;
	copy.dst_pitch = dst_pitch;
	copy.width = width;
	copy.height = height;
	return mm_cuMemcpy2DAsync_v2(driver, context, &copy, stream);
}

#endif
