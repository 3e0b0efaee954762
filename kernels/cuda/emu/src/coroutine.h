// The coroutines that the emulator's threads are, and the switch between them and the scheduler. It is a header because the
// switch has to be part of the loops and of the waits that take it, and hidden so that they reach its state directly.

#pragma once

#include "emu.h"

#include <cstdlib>
#include <vector>

#include <sys/mman.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu __attribute__((visibility("hidden"))) {

constexpr size_t stack_bytes = 256 << 10;
constexpr size_t colour_bytes = 17 * 64, colours = 64;  // stacks start at different lines of a cache, or they would all meet in a few

enum class State { ready, meeting, barrier, named, mbarrier, cluster, done };

struct Coroutine : Thread {
	char *stack = nullptr;
	State state;
	Meeting *meeting;
	Vote vote;
	int value;  // given to a vote, then its result; or the id of a named barrier; or the parity of an mbarrier's phase
	uint64_t *mbarrier;
#if defined(__x86_64__)
	void *sp;
#else
	ucontext_t context;
#endif
#if defined(__SANITIZE_ADDRESS__)
	void *fake;
#endif
};

inline std::vector<Coroutine> threads;
inline Coroutine *running;
#if defined(__x86_64__)
inline void *scheduler_sp;
#else
inline ucontext_t scheduler_context;
#endif
#if defined(__SANITIZE_ADDRESS__)
inline void *scheduler_fake;
inline const void *scheduler_stack;
inline size_t scheduler_bytes;
#endif

inline void (*body)(const void *);
inline const void *parameter;

#if defined(__x86_64__)
// swap goes on where the stack at to was left, having left this one at from. It is part of its caller and jumps, so that the
// processor's guesses where calls return to stay right.
__attribute__((always_inline)) inline void swap(void **from, void *to) {
	asm volatile(
	    "leaq -128(%%rsp), %%rsp\n\t"  // what the caller may keep below its stack
	    "pushq %%rbp\n\t"
	    "leaq 1f(%%rip), %%rax\n\t"
	    "pushq %%rax\n\t"
	    "movq %%rsp, (%0)\n\t"
	    "movq %1, %%rsp\n\t"
	    "popq %%rax\n\t"
	    "jmp *%%rax\n"
	    "1:\n\t"
	    "popq %%rbp\n\t"
	    "leaq 128(%%rsp), %%rsp"
	    : "+D"(from), "+S"(to)
	    :
	    : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1", "xmm2", "xmm3",
	      "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "memory", "cc");
}
#endif

// leave goes from the running thread back to the scheduler.
__attribute__((always_inline)) inline void leave() {
	Coroutine *t = running;
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(t->state == State::done ? nullptr : &t->fake, scheduler_stack, scheduler_bytes);
#endif
#if defined(__x86_64__)
	swap(&t->sp, scheduler_sp);
#else
	swapcontext(&t->context, &scheduler_context);
#endif
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(t->fake, &scheduler_stack, &scheduler_bytes);
#endif
}

inline void enter() {
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(nullptr, &scheduler_stack, &scheduler_bytes);
#endif
	body(parameter);
	running->state = State::done;
	leave();
	abort();
}

// resume runs a thread until it waits or ends.
__attribute__((always_inline)) inline void resume(Coroutine *t) {
	running = t;
	current = t;
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_start_switch_fiber(&scheduler_fake, t->stack, stack_bytes);
#endif
#if defined(__x86_64__)
	swap(&scheduler_sp, t->sp);
#else
	swapcontext(&scheduler_context, &t->context);
#endif
#if defined(__SANITIZE_ADDRESS__)
	__sanitizer_finish_switch_fiber(scheduler_fake, nullptr, nullptr);
#endif
	running = nullptr;
}

inline void prepare(Coroutine *t) {
	if (!t->stack) {
		t->stack = static_cast<char *>(mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
		if (t->stack == MAP_FAILED) abort();
	}
	t->state = State::ready;
#if defined(__x86_64__)
	size_t colour = size_t(t - threads.data()) % colours * colour_bytes;
	void **top = reinterpret_cast<void **>(t->stack + stack_bytes - 64 - colour);
	*--top = nullptr;  // a return address for enter, which never returns
	*--top = reinterpret_cast<void *>(enter);
	t->sp = top;
#else
	getcontext(&t->context);
	t->context.uc_stack = {t->stack, 0, stack_bytes};
	makecontext(&t->context, enter, 0);
#endif
}

// abandon forgets what a thread that will not go on has on its stack.
inline void abandon(Coroutine *t) {
#if defined(__SANITIZE_ADDRESS__)
	ASAN_UNPOISON_MEMORY_REGION(t->stack, stack_bytes);
#endif
	t->state = State::done;
}

}  // namespace emu
