// Blocks, threads, barriers and warps of the emulator. The threads of a block are coroutines that the scheduler resumes in a
// fixed order, forwards or backwards (EMU_ORDER=reverse): a kernel that lacks a barrier gives other results in the other order.

#include "emu.h"
#include "run.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include <sys/mman.h>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace emu {

Thread *current;
uint3 block;
dim3 blocks, block_shape;

namespace {

constexpr size_t stack_bytes = 256 << 10;
constexpr size_t colour_bytes = 17 * 64, colours = 64;  // stacks start at different lines of a cache, or they would all meet in a few
constexpr unsigned warp_size = 32;

enum class State { ready, meeting, barrier, done };

struct Coroutine : Thread {
	char *stack = nullptr;
	State state;
	Meeting *meeting;
	Vote vote;
	int value;  // given to a vote, then its result
#if defined(__x86_64__)
	void *sp;
#else
	ucontext_t context;
#endif
#if defined(__SANITIZE_ADDRESS__)
	void *fake;
#endif
};

std::vector<Coroutine> threads;
Coroutine *running;
#if defined(__x86_64__)
void *scheduler_sp;
#else
ucontext_t scheduler_context;
#endif
#if defined(__SANITIZE_ADDRESS__)
void *scheduler_fake;
const void *scheduler_stack;
size_t scheduler_bytes;
#endif

void (*body)(const void *);
const void *parameter;
char *message;  // of what went wrong in this launch

struct Shared {
	const void *declaration;
	void *memory;
};
std::vector<Shared> shared_memory;
void *dynamic_memory;

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

void enter() {
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

void prepare(Coroutine *t) {
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

// gather completes the meetings of a warp to which all lanes of the mask have come.
bool gather(Coroutine *warp, unsigned lanes) {
	bool any = false;
	for (unsigned first = 0; first < lanes; first++) {
		if (warp[first].state != State::meeting) continue;
		Meeting *m = warp[first].meeting, *all[warp_size] = {};
		bool complete = true;
		for (unsigned i = 0; i < warp_size && complete; i++) {
			if (!(m->mask >> i & 1)) continue;
			complete = i < lanes && warp[i].state == State::meeting && warp[i].meeting->mask == m->mask &&
			           warp[i].meeting->complete == m->complete;
			if (complete) all[i] = warp[i].meeting;
		}
		if (!complete) continue;
		m->complete(all);
		for (unsigned i = 0; i < lanes; i++) {
			if (all[i]) warp[i].state = State::ready;
		}
		any = true;
	}
	return any;
}

// release ends a barrier to which all threads that still run have come.
bool release(unsigned count) {
	int any = 0, all = 1, sum = 0, waiting = 0;
	Vote vote = Vote::none;
	for (unsigned i = 0; i < count; i++) {
		Coroutine &t = threads[i];
		if (t.state == State::done) continue;
		if (t.state != State::barrier) return false;
		if (waiting && t.vote != vote) report("threads wait at different kinds of barrier");
		vote = t.vote;
		waiting++;
		any |= t.value != 0;
		all &= t.value != 0;
		sum += t.value != 0;
	}
	for (unsigned i = 0; i < count; i++) {
		Coroutine &t = threads[i];
		if (t.state == State::done) continue;
		t.state = State::ready;
		t.value = vote == Vote::any ? any : vote == Vote::all ? all : sum;
	}
	return waiting > 0;
}

void stuck(unsigned count) {
	unsigned barrier = 0, meeting = 0, done = 0, example = 0;
	for (unsigned i = 0; i < count; i++) {
		barrier += threads[i].state == State::barrier;
		done += threads[i].state == State::done;
		if (threads[i].state == State::meeting) meeting++, example = i;
	}
	report("deadlock in block (%u, %u, %u): %u threads at a barrier, %u ended, %u in a warp operation (thread %u, mask %#x)",
	     block.x, block.y, block.z, barrier, done, meeting, example, meeting ? threads[example].meeting->mask : 0);
}

void run_block(unsigned count, bool reverse) {
	unsigned warps = (count + warp_size - 1) / warp_size;
	for (;;) {
		bool ran = false;
		for (unsigned n = 0; n < warps; n++) {
			unsigned w = reverse ? warps - 1 - n : n, lanes = std::min(warp_size, count - w * warp_size);
			Coroutine *warp = &threads[w * warp_size];
			do {
				for (unsigned k = 0; k < lanes; k++) {
					Coroutine *t = &warp[reverse ? lanes - 1 - k : k];
					if (t->state != State::ready) continue;
					resume(t);
					ran = true;
					if (message) return;
				}
			} while (gather(warp, lanes) && !message);
			if (message) return;
		}
		bool released = release(count);
		if (message) return;
		if (!released) {
			unsigned done = 0;
			for (unsigned i = 0; i < count; i++) done += threads[i].state == State::done;
			if (done == count) return;
			if (!ran) {
				stuck(count);
				return;
			}
		}
	}
}

}  // namespace

void report_list(const char *format, va_list arguments) {
	if (!message && vasprintf(&message, format, arguments) < 0) abort();
}

void report(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	report_list(format, arguments);
	va_end(arguments);
}

void fail(const char *format, ...) {
	va_list arguments;
	va_start(arguments, format);
	report_list(format, arguments);
	va_end(arguments);
	running->state = State::done;
	leave();
	abort();
}

void meet(Meeting *m) {
	if (!(m->mask >> current->lane & 1)) fail("lane %u is not in its own mask %#x", current->lane, m->mask);
	running->state = State::meeting;
	running->meeting = m;
	leave();
}

int barrier(Vote vote, int value) {
	running->state = State::barrier;
	running->vote = vote;
	running->value = value;
	leave();
	return running->value;
}

void *shared(const void *declaration, size_t bytes, size_t alignment) {
	for (const Shared &s : shared_memory) {
		if (s.declaration == declaration) return s.memory;
	}
	void *memory;
	if (posix_memalign(&memory, std::max(alignment, sizeof(void *)), bytes)) abort();
	memset(memory, 0xff, bytes);
	shared_memory.push_back({declaration, memory});
	return memory;
}

void *dynamic_shared() { return dynamic_memory; }

unsigned ballot(unsigned mask, bool vote) {
	struct Ballot : Meeting {
		bool vote;
		unsigned result;
	} b;
	b.mask = mask;
	b.vote = vote;
	b.complete = [](Meeting **lanes) {
		unsigned result = 0;
		for (unsigned i = 0; i < warp_size; i++) {
			if (lanes[i] && static_cast<Ballot *>(lanes[i])->vote) result |= 1u << i;
		}
		for (unsigned i = 0; i < warp_size; i++) {
			if (lanes[i]) static_cast<Ballot *>(lanes[i])->result = result;
		}
	};
	meet(&b);
	return b.result;
}

void sync_warp(unsigned mask) {
	Meeting m;
	m.mask = mask;
	m.complete = [](Meeting **) {};
	meet(&m);
}

namespace {

float bf16(uint32_t pair, int half) {
	uint32_t bits = half ? pair & 0xffff0000u : pair << 16;
	float v;
	memcpy(&v, &bits, 4);
	return v;
}

struct Product : Meeting {
	float *c;
	const uint32_t *a, *b;
};

}  // namespace

void mma_bf16(float *c, const uint32_t *a, const uint32_t *b) {
	Product p;
	p.mask = 0xffffffffu;
	p.c = c, p.a = a, p.b = b;
	p.complete = [](Meeting **lanes) {
		typedef double Eight __attribute__((vector_size(64)));
		double left[16][16];
		Eight right[16], sums[16];
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			int group = lane / 4, pair = lane % 4 * 2;
			for (int half = 0; half < 2; half++) {
				for (int i = 0; i < 4; i++) left[group + i % 2 * 8][pair + half + i / 2 * 8] = bf16(p->a[i], half);
				for (int i = 0; i < 2; i++) right[pair + half + i * 8][group] = bf16(p->b[i], half);
				for (int i = 0; i < 2; i++) sums[group + i * 8][pair + half] = p->c[2 * i + half];
			}
		}
		for (int row = 0; row < 16; row++) {
			Eight sum = sums[row];
			for (int k = 0; k < 16; k++) sum += left[row][k] * right[k];
			sums[row] = sum;
		}
		for (int lane = 0; lane < 32; lane++) {
			auto *p = static_cast<Product *>(lanes[lane]);
			for (int i = 0; i < 4; i++) p->c[i] = float(sums[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2]);
		}
	};
	meet(&p);
}

char *run(const Launch &l) {
	unsigned count = l.block.x * l.block.y * l.block.z;
	const char *order = getenv("EMU_ORDER");
	bool reverse = order && !strcmp(order, "reverse");
	if (threads.size() < count) threads.resize(count);
	blocks = l.grid, block_shape = l.block, body = l.kernel->run, parameter = l.parameter, message = nullptr;
	uint64_t total = uint64_t(l.grid.x) * l.grid.y * l.grid.z;
	for (uint64_t n = 0; n < total && !message; n++) {
		uint64_t at = reverse ? total - 1 - n : n;
		block = {unsigned(at % l.grid.x), unsigned(at / l.grid.x % l.grid.y), unsigned(at / l.grid.x / l.grid.y)};
		if (l.shared && posix_memalign(&dynamic_memory, 1024, l.shared)) abort();
		if (l.shared) memset(dynamic_memory, 0xff, l.shared);
		for (unsigned i = 0; i < count; i++) {
			Coroutine &t = threads[i];
			t.index = {i % l.block.x, i / l.block.x % l.block.y, i / l.block.x / l.block.y};
			t.lane = i % warp_size;
			prepare(&t);
		}
		run_block(count, reverse);
		for (const Shared &s : shared_memory) free(s.memory);
		shared_memory.clear();
		if (l.shared) free(dynamic_memory);
		dynamic_memory = nullptr;
	}
	return message;
}

}  // namespace emu
