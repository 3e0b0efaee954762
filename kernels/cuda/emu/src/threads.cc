// Clusters, blocks, barriers and warps of the emulator. The threads of a block are coroutines that the scheduler resumes in a
// fixed order, forwards or backwards (EMU_ORDER=reverse): a kernel that lacks a barrier gives other results in the other order.
// A warp runs until its lanes wait for other warps, a block until its threads wait for other blocks, so that what is not held
// back by a barrier gets as far ahead, or stays as far behind, as it can.

#include "coroutine.h"
#include "run.h"

#include <cstdarg>
#include <cstdio>
#include <string>

namespace emu {

Thread *current;
uint3 block;
dim3 blocks, block_shape;

namespace {

struct Shared {
	const void *declaration;
	char *memory;
	size_t bytes;
};

// Named is one of a block's barriers with a number.
struct Named {
	unsigned threads;  // that it is for
	unsigned waiting;
};

// Block is a block that runs.
struct Block {
	uint3 index;
	unsigned rank;       // in its cluster
	Coroutine *threads;  // as many as Launch::block has
	std::vector<Shared> shared;
	Memory dynamic;
	Named named[named_barriers];
	bool full;  // a named barrier has all the threads it is for
	unsigned at_mbarriers;  // threads
	bool woken;             // some of them can go on
	std::deque<Copy> copies;
};

std::vector<Block> cluster;  // those that run at the same time
Block *here;                 // the one whose thread runs
char *message;               // of what went wrong in this launch

// gather completes the meetings of a warp to which all lanes of the mask have come. Like advance it keeps its registers to
// itself: the two are where the emulator spends its own time.
__attribute__((noinline)) bool gather(Coroutine *warp, unsigned lanes) {
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
bool release(Block &b, unsigned count) {
	int any = 0, all = 1, sum = 0, waiting = 0;
	Vote vote = Vote::none;
	for (unsigned i = 0; i < count; i++) {
		Coroutine &t = b.threads[i];
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
		Coroutine &t = b.threads[i];
		if (t.state == State::done) continue;
		t.state = State::ready;
		t.value = vote == Vote::any ? any : vote == Vote::all ? all : sum;
	}
	return waiting > 0;
}

// release_named ends the named barriers that have all their threads. They take warps: lanes that still run come together.
void release_named(Block &b, unsigned count) {
	for (int id = 1; id < named_barriers; id++) {
		Named &n = b.named[id];
		if (!n.waiting || n.waiting != n.threads) continue;
		for (unsigned first = 0; first < count; first += warp_size) {
			unsigned running = 0, waiting = 0;
			for (unsigned i = first; i < std::min(count, first + warp_size); i++) {
				Coroutine &t = b.threads[i];
				running += t.state != State::done;
				if (t.state != State::named || t.value != id) continue;
				waiting++;
				t.state = State::ready;
			}
			if (waiting && waiting < running) {
				report("%u of a warp's %u threads come to named barrier %d (warp %u)", waiting, running, id, first / warp_size);
			}
		}
		n.waiting = 0;
	}
	b.full = false;
}

// stuck reports a block whose threads wait for what cannot come.
void stuck(Block &b, unsigned count) {
	here = &b;
	unsigned barrier = 0, at_cluster = 0, meeting = 0, done = 0, example = 0;
	for (unsigned i = 0; i < count; i++) {
		State state = b.threads[i].state;
		barrier += state == State::barrier;
		at_cluster += state == State::cluster;
		done += state == State::done;
		if (state == State::meeting) meeting++, example = i;
	}
	std::string more;
	for (int id = 1; id < named_barriers; id++) {
		const Named &n = b.named[id];
		if (!n.waiting) continue;
		more += ", " + std::to_string(n.waiting) + " of " + std::to_string(n.threads) + " at named barrier " + std::to_string(id);
	}
	for (unsigned i = 0; i < count && b.at_mbarriers; i++) {
		const Coroutine &t = b.threads[i];
		if (t.state != State::mbarrier) continue;
		more += ", " + std::to_string(b.at_mbarriers) + " at mbarriers (thread " + std::to_string(i) + " for parity " +
		         std::to_string(t.value) + ": " + missing(t.mbarrier) + ")";
		break;
	}
	report("deadlock in block (%u, %u, %u): %u threads at a barrier%s, %u at the cluster's barrier, %u ended, "
	       "%u in a warp operation (thread %u, mask %#x)",
	       b.index.x, b.index.y, b.index.z, barrier, more.c_str(), at_cluster, done, meeting, example,
	       meeting ? b.threads[example].meeting->mask : 0);
}

// release_cluster ends the barrier of a cluster to which all threads that still run have come. It is called when no thread can
// go on by itself: one that waits for anything else waits for ever.
bool release_cluster(unsigned count) {
	bool waiting = false;
	for (Block &b : cluster) {
		for (unsigned i = 0; i < count; i++) {
			State state = b.threads[i].state;
			if (state == State::done) continue;
			if (state != State::cluster) {
				stuck(b, count);
				return false;
			}
			waiting = true;
		}
	}
	if (!waiting) return false;
	for (Block &b : cluster) {
		for (unsigned i = 0; i < count; i++) {
			if (b.threads[i].state == State::cluster) b.threads[i].state = State::ready;
		}
	}
	return true;
}

// landed makes bulk copies of a block in which nobody can go on, and says whether now somebody can. Where no thread waits at an
// mbarrier, the copies have time.
bool landed(Block &b, bool reverse) {
	if (b.at_mbarriers) land(reverse);
	bool any = b.woken;
	b.woken = false;
	return any;
}

// advance runs a block until none of its threads can go on by itself.
__attribute__((noinline)) void advance(Block &b, unsigned count, bool reverse) {
	here = &b;
	block = b.index;
	unsigned warps = (count + warp_size - 1) / warp_size;
	do {
		for (unsigned n = 0; n < warps; n++) {
			unsigned w = reverse ? warps - 1 - n : n, lanes = std::min(warp_size, count - w * warp_size);
			Coroutine *warp = &b.threads[w * warp_size];
			do {
				for (unsigned k = 0; k < lanes; k++) {
					Coroutine *t = &warp[reverse ? lanes - 1 - k : k];
					if (t->state != State::ready) continue;
					resume(t);
					if (message) return;
				}
			} while (gather(warp, lanes) && !message);
			if (message) return;
			if (b.full || b.woken) {
				b.woken = false;
				if (b.full) release_named(b, count);
				if (message) return;
				n = unsigned(-1);  // the warps it frees go on before those that come later in the order
			}
		}
	} while ((release(b, count) || landed(b, reverse)) && !message);
}

void run_cluster(unsigned count, bool reverse) {
	do {
		for (size_t n = 0; n < cluster.size(); n++) {
			advance(cluster[reverse ? cluster.size() - 1 - n : n], count, reverse);
			if (message) return;
		}
	} while (release_cluster(count));
	for (const Block &b : cluster) {
		size_t left = b.copies.size();
		const uint3 &i = b.index;
		if (left) report("block (%u, %u, %u) ends before %zu bulk copies that nobody waits for", i.x, i.y, i.z, left);
	}
}

// allocate returns memory filled with NaNs.
char *allocate(size_t alignment, size_t bytes) {
	void *memory;
	if (posix_memalign(&memory, alignment, bytes)) abort();
	memset(memory, 0xff, bytes);
	return static_cast<char *>(memory);
}

// start makes block number rank of the cluster ready to run.
void start(const Launch &l, unsigned rank, uint3 index, unsigned count) {
	Block &b = cluster[rank];
	b.index = index;
	b.rank = rank;
	b.threads = &threads[size_t(rank) * count];
	b.dynamic = {};
	std::fill(std::begin(b.named), std::end(b.named), Named{});
	b.full = b.woken = false;
	b.at_mbarriers = 0;
	if (l.shared) b.dynamic = {allocate(1024, l.shared), l.shared};
	for (unsigned i = 0; i < count; i++) {
		Coroutine &t = b.threads[i];
		t.index = {i % l.block.x, i / l.block.x % l.block.y, i / l.block.x / l.block.y};
		t.lane = i % warp_size;
		prepare(&t);
	}
}

void end(Block &b) {
	for (const Shared &s : b.shared) free(s.memory);
	b.shared.clear();
	b.copies.clear();
	free(b.dynamic.begin);
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

char *run(const Launch &l) {
	unsigned count = l.block.x * l.block.y * l.block.z;
	const dim3 &g = l.grid, &c = l.cluster;
	unsigned size = c.x * c.y * c.z, wide = g.x / c.x, high = g.y / c.y;
	const char *order = getenv("EMU_ORDER");
	bool reverse = order && !strcmp(order, "reverse");
	if (threads.size() < size_t(size) * count) threads.resize(size_t(size) * count);
	cluster.resize(size);
	blocks = l.grid, block_shape = l.block, body = l.kernel->run, parameter = l.parameter, message = nullptr;
	uint64_t total = uint64_t(wide) * high * (g.z / c.z);
	for (uint64_t n = 0; n < total && !message; n++) {
		uint64_t at = reverse ? total - 1 - n : n;
		uint3 first = {unsigned(at % wide) * c.x, unsigned(at / wide % high) * c.y, unsigned(at / wide / high) * c.z};
		for (unsigned rank = 0; rank < size; rank++) {
			start(l, rank, {first.x + rank % c.x, first.y + rank / c.x % c.y, first.z + rank / c.x / c.y}, count);
		}
		run_cluster(count, reverse);
		for (unsigned i = 0; message && i < size * count; i++) abandon(&threads[i]);
		for (Block &b : cluster) end(b);
	}
	return message;
}

}  // namespace emu
