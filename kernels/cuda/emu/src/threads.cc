// The scheduler of the emulator. The threads of a block are coroutines that it resumes in a fixed order, forwards or backwards
// (EMU_ORDER=reverse): a kernel that lacks a barrier gives other results in the other order. A warp runs until its lanes wait
// for other warps, a block until its threads wait for other blocks, so that what is not held back by a barrier gets as far
// ahead, or stays as far behind, as it can. What ends a wait is here too, to be part of the loops.

#include "block.h"

namespace emu {

Thread *current;
uint3 block;
dim3 blocks, block_shape;

namespace {

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
