// How a launch fails: the first message is kept, for what comes after it is often only its consequence.

#include "block.h"

#include <cstdarg>
#include <cstdio>
#include <string>

namespace emu {

namespace {

void report_list(const char *format, va_list arguments) {
	if (!message && vasprintf(&message, format, arguments) < 0) abort();
}

}  // namespace

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

}  // namespace emu
