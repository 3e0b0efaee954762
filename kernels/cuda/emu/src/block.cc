// What the threads of a block ask of it: to wait, for its memory, for its place in the cluster. A thread that waits writes down
// for what and leaves; the scheduler goes on with another (threads.cc). Shared memory is made when its declaration is first
// come to, for nobody tells before which ones a kernel has.

#include "block.h"

namespace emu {

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

void named_barrier(int id, int count) {
	if (id < 1 || id >= named_barriers) fail("named barrier %d, want 1 up to %d", id, named_barriers - 1);
	if (count < 1 || unsigned(count) % warp_size) fail("named barrier %d for %d threads, want a multiple of 32", id, count);
	Named &n = here->named[id];
	if (n.waiting && n.threads != unsigned(count)) {
		fail("named barrier %d for %d threads, where others wait for %u", id, count, n.threads);
	}
	if (n.waiting == unsigned(count)) fail("more than %d threads come to named barrier %d", count, id);
	n.threads = unsigned(count);
	here->full |= ++n.waiting == n.threads;
	running->state = State::named;
	running->value = id;
	leave();
}

void cluster_barrier() {
	running->state = State::cluster;
	leave();
}

void wait_at(uint64_t *barrier, int parity) {
	running->state = State::mbarrier;
	running->mbarrier = barrier;
	running->value = parity;
	here->at_mbarriers++;
	leave();
}

bool wake(uint64_t *barrier) {
	unsigned before = here->at_mbarriers, count = block_shape.x * block_shape.y * block_shape.z;
	for (unsigned i = 0; i < count && here->at_mbarriers; i++) {
		Coroutine &t = here->threads[i];
		if (t.state != State::mbarrier || t.mbarrier != barrier) continue;
		t.state = State::ready;
		here->at_mbarriers--;
	}
	bool any = here->at_mbarriers < before;
	here->woken |= any;
	return any;
}

unsigned cluster_rank() { return here->rank; }
unsigned cluster_size() { return unsigned(cluster.size()); }

void *shared(const void *declaration, size_t bytes, size_t alignment) {
	for (const Shared &s : here->shared) {
		if (s.declaration == declaration) return s.memory;
	}
	char *memory = allocate(std::max(alignment, sizeof(void *)), bytes);
	here->shared.push_back({declaration, memory, bytes});
	return memory;
}

void *dynamic_shared() { return here->dynamic.begin; }
Memory dynamic_memory() { return here->dynamic; }

bool is_shared(const void *p, size_t bytes) {
	auto holds = [&](const char *begin, size_t size) {
		size_t at = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(begin);
		return at < size && bytes <= size - at;
	};
	for (const Shared &s : here->shared) {
		if (holds(s.memory, s.bytes)) return true;
	}
	return holds(here->dynamic.begin, here->dynamic.bytes);
}

std::deque<Copy> &copies() { return here->copies; }

}  // namespace emu
