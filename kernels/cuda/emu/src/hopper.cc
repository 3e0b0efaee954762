// Barriers in shared memory and bulk copies. A copy is made when nobody in its block can go on without one, and only as many as
// free a thread: whoever reads before it has waited finds what was there before.

#include "run.h"

namespace emu {

namespace {

// Shared addresses begin where no multiple of a swizzle's pattern is cut, and not at 0, which is what a descriptor holds that
// nobody has filled in.
constexpr uint32_t first_address = 1024;

constexpr int most = (1 << 20) - 1;  // arrivals, or bytes, of a phase

// Phase is what a barrier holds: 20 bits for each number of arrivals, 21 for the bytes, one for the parity, and a mark in the
// two bits left, which neither NaNs nor zeros have.
struct Phase {
	int arrivals;  // of every phase
	int left;      // of them in this one
	int bytes;     // announced but not here; negative where copies have come before their announcement
	int parity;
};

constexpr uint64_t mark = 1;

bool read(const uint64_t *barrier, Phase *p) {
	uint64_t v = *barrier;
	*p = {int(v & most), int(v >> 20 & most), int(v >> 40 & 0x1fffff) - most, int(v >> 61 & 1)};
	return v >> 62 == mark && p->arrivals > 0 && p->left <= p->arrivals;
}

void write(uint64_t *barrier, const Phase &p) {
	uint64_t numbers = uint64_t(p.arrivals) | uint64_t(p.left) << 20 | uint64_t(p.bytes + most) << 40;
	*barrier = numbers | uint64_t(p.parity) << 61 | mark << 62;
}

void check_place(const uint64_t *barrier) {
	if (reinterpret_cast<uintptr_t>(barrier) % 8 || !is_shared(barrier, 8)) {
		fail("an mbarrier at %p, want one of 8 aligned bytes of shared memory", static_cast<const void *>(barrier));
	}
}

Phase read_or_fail(const uint64_t *barrier) {
	check_place(barrier);
	Phase p;
	if (!read(barrier, &p)) fail("an mbarrier that was not initialized, or overwritten: %#llx", (unsigned long long)*barrier);
	return p;
}

// overdrawn says that a phase can end no more: all have arrived, and more bytes have come than they announced.
bool overdrawn(const Phase &p) { return !p.left && p.bytes < 0; }

// store writes a phase that has changed, or the one that follows where it has ended. It says whether that has freed a thread.
bool store(uint64_t *barrier, Phase p) {
	bool ended = !p.left && !p.bytes;
	if (ended) p.parity ^= 1, p.left = p.arrivals;
	write(barrier, p);
	return ended && wake(barrier);
}

}  // namespace

uint32_t shared_address(const void *p) {
	Memory m = dynamic_memory();
	size_t at = reinterpret_cast<uintptr_t>(p) - reinterpret_cast<uintptr_t>(m.begin);
	if (at >= m.bytes) fail("the shared address of %p, which is not in dynamic shared memory", p);
	return uint32_t(at) + first_address;
}

const char *at_address(uint32_t address, size_t bytes) {
	Memory m = dynamic_memory();
	size_t at = size_t(address) - first_address;
	return at < m.bytes && bytes <= m.bytes - at ? m.begin + at : nullptr;
}

void mbarrier_init(uint64_t *barrier, int arrivals) {
	check_place(barrier);
	if (arrivals < 1 || arrivals > most) fail("an mbarrier for %d arrivals, want 1 up to %d", arrivals, most);
	write(barrier, {arrivals, arrivals, 0, 0});
}

void mbarrier_arrive(uint64_t *barrier, int expected_bytes) {
	Phase p = read_or_fail(barrier);
	if (expected_bytes < 0 || expected_bytes > most || p.bytes > most - expected_bytes) {
		fail("an arrival announces %d bytes beside %d, want up to %d", expected_bytes, p.bytes, most);
	}
	if (!p.left) fail("more than %d arrivals in a phase of an mbarrier that still waits for %d bytes", p.arrivals, p.bytes);
	p.bytes += expected_bytes;
	p.left--;
	if (overdrawn(p)) fail("an mbarrier gets %d bytes more than its phase has announced", -p.bytes);
	store(barrier, p);
}

void mbarrier_wait(uint64_t *barrier, int parity) {
	if (parity != 0 && parity != 1) fail("wait for parity %d, want 0 or 1", parity);
	// A thread that was woken late looks again, and may have missed its phase, as on a GPU.
	while (read_or_fail(barrier).parity == parity) wait_at(barrier, parity);
}

void bulk_copy(void *to, const void *from, int bytes, uint64_t *barrier) {
	read_or_fail(barrier);
	if (bytes < 16 || bytes % 16 || bytes > most) fail("bulk copy of %d bytes, want a multiple of 16 up to %d", bytes, most);
	if (reinterpret_cast<uintptr_t>(to) % 16 || reinterpret_cast<uintptr_t>(from) % 16) {
		fail("bulk copy to %p from %p, want multiples of 16", to, from);
	}
	if (!at_address(shared_address(to), size_t(bytes))) fail("bulk copy of %d bytes reaches beyond dynamic shared memory", bytes);
	if (!is_global(from, size_t(bytes))) fail("bulk copy of %d bytes from %p, which is not all global memory", bytes, from);
	copies().push_back({to, from, size_t(bytes), barrier});
}

void land(bool reverse) {
	std::deque<Copy> &all = copies();
	while (!all.empty()) {
		Copy c = reverse ? all.back() : all.front();
		if (reverse) all.pop_back();
		else all.pop_front();
		memcpy(c.to, c.from, c.bytes);
		Phase p;
		if (!read(c.barrier, &p)) return report("a bulk copy finds its mbarrier overwritten: %#llx", (unsigned long long)*c.barrier);
		if (p.bytes < int(c.bytes) - most) return report("bulk copies bring more than %d bytes that nobody has announced", most);
		p.bytes -= int(c.bytes);
		if (overdrawn(p)) return report("an mbarrier gets %d bytes more than its phase has announced", -p.bytes);
		if (store(c.barrier, p)) return;
	}
}

std::string missing(const uint64_t *barrier) {
	Phase p;
	if (!read(barrier, &p)) return "overwritten";
	return std::to_string(p.left) + " arrivals and " + std::to_string(p.bytes) + " bytes are missing";
}

}  // namespace emu
