// What the files of the emulated driver share: how a call begins, and what the calls of one subject need of another's. It is
// hidden, as none of it is for the kernels or for whoever loads the library.

#pragma once

#include "run.h"

#include <functional>
#include <mutex>

namespace emu __attribute__((visibility("hidden"))) {

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

using Handle = uintptr_t;
using Pointer = uint64_t;
using Work = std::function<int()>;

constexpr size_t most_shared = 227 << 10;

// Of driver.cc.
extern std::recursive_mutex mutex;
extern int sticky;  // a failed launch spoils the context for good
long number(const char *name, long otherwise);
long capability();
int planned(const char *call);
int ready();

// Of streams.cc: enqueue gives work to a stream, drain does what a stream has been given, or all of them.
bool is_stream(Handle stream);
int enqueue(Handle stream, Work work);
int drain(Handle stream);
int drain_all();

// What a context takes with it.
void drop_streams();
void drop_memory();
void drop_functions();

}  // namespace emu

#define LOCKED(name)                                                \
	std::lock_guard<std::recursive_mutex> lock(mutex);              \
	if (int code = planned(#name)) return code;
#define READY(name)                                                 \
	LOCKED(name)                                                    \
	if (int code = ready()) return code;
