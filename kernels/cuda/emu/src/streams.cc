// Streams, events and graphs of the emulated driver. Work waits in the queue of its stream until somebody waits for it, then it
// is done at once: a caller who does not wait finds nothing done.

#include "driver.h"

#include <deque>
#include <set>
#include <vector>

namespace emu {

namespace {

struct Stream {
	std::deque<Work> queue;
	bool capturing = false;
	std::vector<Work> *recorded = nullptr;
};

struct Event {
	bool timing, recorded = false, done = false;
};

std::set<Stream *> streams;
std::set<Event *> events;
std::set<void *> graphs;

int drain(Stream *s) {
	while (!s->queue.empty()) {
		Work work = std::move(s->queue.front());
		s->queue.pop_front();
		if (int code = sticky ? sticky : work()) return sticky = code;
	}
	return sticky;
}

}  // namespace

bool is_stream(Handle stream) { return streams.count(reinterpret_cast<Stream *>(stream)); }

int drain(Handle stream) { return drain(reinterpret_cast<Stream *>(stream)); }

int drain_all() {
	for (Stream *s : streams) drain(s);
	return sticky;
}

int enqueue(Handle handle, Work work) {
	Stream *s = reinterpret_cast<Stream *>(handle);
	if (!streams.count(s)) return invalid_handle;
	if (s->capturing) s->recorded->push_back(std::move(work));
	else s->queue.push_back(std::move(work));
	return success;
}

void drop_streams() {
	for (Stream *s : streams) delete s;
	streams.clear();
}

}  // namespace emu

using namespace emu;

extern "C" {

int cuStreamCreate(Handle *stream, unsigned) {
	READY(cuStreamCreate)
	auto *s = new Stream;
	streams.insert(s);
	*stream = reinterpret_cast<Handle>(s);
	return success;
}

int cuStreamDestroy_v2(Handle stream) {
	READY(cuStreamDestroy)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s)) return invalid_handle;
	drain(s);
	streams.erase(s);
	delete s;
	return success;
}

int cuStreamSynchronize(Handle stream) {
	READY(cuStreamSynchronize)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s)) return invalid_handle;
	return drain(s);
}

int cuStreamWaitEvent(Handle stream, Handle event, unsigned) {
	READY(cuStreamWaitEvent)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	// All that the event waits for was given before: running it now is early enough, and never too late.
	for (Stream *s : streams) {
		if (reinterpret_cast<Handle>(s) != stream) drain(s);
	}
	return sticky;
}

int cuEventCreate(Handle *event, unsigned flags) {
	READY(cuEventCreate)
	auto *e = new Event{!(flags & 2)};
	events.insert(e);
	*event = reinterpret_cast<Handle>(e);
	return success;
}

int cuEventDestroy_v2(Handle event) {
	READY(cuEventDestroy)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	drain_all();
	events.erase(e);
	delete e;
	return success;
}

int cuEventRecord(Handle event, Handle stream) {
	READY(cuEventRecord)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	e->recorded = true;
	e->done = false;
	return enqueue(stream, [e] {
		e->done = true;
		return success;
	});
}

int cuEventQuery(Handle event) {
	READY(cuEventQuery)
	auto *e = reinterpret_cast<Event *>(event);
	if (!events.count(e)) return invalid_handle;
	return e->recorded && !e->done ? not_ready : success;
}

int cuEventSynchronize(Handle event) {
	READY(cuEventSynchronize)
	if (!events.count(reinterpret_cast<Event *>(event))) return invalid_handle;
	return drain_all();
}

int cuEventElapsedTime(float *milliseconds, Handle start, Handle end) {
	READY(cuEventElapsedTime)
	auto *a = reinterpret_cast<Event *>(start), *b = reinterpret_cast<Event *>(end);
	if (!events.count(a) || !events.count(b) || !a->timing || !b->timing || !a->recorded || !b->recorded) return invalid_handle;
	if (!a->done || !b->done) return not_ready;
	*milliseconds = 0.5f;
	return success;
}

int cuStreamBeginCapture_v2(Handle stream, int) {
	READY(cuStreamBeginCapture)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s) || s->capturing) return invalid_handle;
	s->capturing = true;
	s->recorded = new std::vector<Work>;
	return success;
}

int cuStreamEndCapture(Handle stream, Handle *graph) {
	READY(cuStreamEndCapture)
	auto *s = reinterpret_cast<Stream *>(stream);
	if (!streams.count(s) || !s->capturing) return invalid_handle;
	s->capturing = false;
	graphs.insert(s->recorded);
	*graph = reinterpret_cast<Handle>(s->recorded);
	return success;
}

int cuGraphInstantiateWithFlags(Handle *exec, Handle graph, unsigned long long) {
	READY(cuGraphInstantiate)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(graph);
	if (!graphs.count(recorded)) return invalid_handle;
	auto *copy = new std::vector<Work>(*recorded);
	graphs.insert(copy);
	*exec = reinterpret_cast<Handle>(copy);
	return success;
}

int cuGraphLaunch(Handle exec, Handle stream) {
	READY(cuGraphLaunch)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(exec);
	if (!graphs.count(recorded)) return invalid_handle;
	for (const Work &work : *recorded) {
		if (int code = enqueue(stream, work)) return code;
	}
	return success;
}

int cuGraphDestroy(Handle graph) {
	READY(cuGraphDestroy)
	auto *recorded = reinterpret_cast<std::vector<Work> *>(graph);
	if (!graphs.erase(recorded)) return invalid_handle;
	delete recorded;
	return success;
}

int cuGraphExecDestroy(Handle exec) {
	READY(cuGraphExecDestroy)
	drain_all();
	auto *recorded = reinterpret_cast<std::vector<Work> *>(exec);
	if (!graphs.erase(recorded)) return invalid_handle;
	delete recorded;
	return success;
}

}  // extern "C"
