"""The model in PyTorch, as fast as it goes: translations, transcripts and photos eager, as one CUDA graph, and by torch.compile.

Speed does not depend on what is said or seen, so texts are random tokens, sounds and pictures noise. Outputs have a fixed length: an end
is a token like others. Sounds and photos come as log-mel frames and pixels that lie on the device.
"""
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import audio
import cached
from layers import Rows
from model import MultiModel, segment_mask

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench/peers"))

import compiled as fixed  # noqa: E402

SOURCE, TARGET = 12, 24  # tokens of each sentence and of its translation
SECONDS, TOKENS = 10, 32  # of each sound and of its transcript, as in BenchmarkCUDA
SIDE = 32  # pixels of each photo


@dataclass
class Writing:
    """A batch of outputs of so many steps, eager: called, it gives their tokens (B, steps)."""
    model: MultiModel
    end: int
    encode: Callable  # gives the memory (B, S, D)
    rows: Rows  # of the memory
    first: torch.Tensor  # the commands (B,)
    steps: int

    @torch.no_grad()
    def __call__(self):
        state, tokens, out = cached.Decoding(self.model, self.encode(), self.rows, self.steps), self.first, []
        for _ in range(self.steps):
            tokens = state.step(tokens)[:, :self.end + 1].argmax(-1)
            out.append(tokens)
        return torch.stack(out, 1)


class Static:
    """The same by the step of bench/peers, all state in tensors that stay where they are: begin and step take no arguments, so
    that each is one program, and one CUDA graph, for all calls."""

    def __init__(self, work):
        self.work, self.network = work, fixed.Step(work.model, work.end).eval()
        self.mask = segment_mask(Rows(work.first.new_ones(len(work.first), 1), None), work.rows, work.encode().dtype)
        self.at, self.tokens = work.first.new_zeros(()), work.first.clone()
        self.out = work.first.new_zeros(len(work.first), work.steps)
        self.state = self.fresh()
        for tensor in (self.mask, self.at, self.tokens, self.out, *self.kept(self.state), *work.model.parameters()):
            torch._dynamo.mark_static_address(tensor)  # else a CUDA graph copies it at every call, and is refused what writes to it

    def fresh(self):
        return fixed.Decoding(self.network, self.work.encode(), self.mask, self.work.steps)

    @staticmethod
    def kept(state):
        return [*state.pasts, *(t for pair in (*state.kvs, *state.crosses) for t in pair)]

    def begin(self):
        for old, new in zip(self.kept(self.state), self.kept(self.fresh())):
            old.copy_(new)
        self.tokens.copy_(self.work.first)
        return self.at.zero_().clone()

    def step(self):
        state = self.state
        tokens, pasts, kvs = self.network(self.tokens, self.at, state.pasts, state.kvs, state.crosses, self.mask)
        for old, new in zip(state.pasts, pasts):
            old.copy_(new)
        for old, new in zip(state.kvs, kvs or ()):
            old[0].copy_(new[0])
            old[1].copy_(new[1])
        self.out.index_copy_(1, self.at.view(1), tokens[:, None])
        self.tokens.copy_(tokens)
        self.at.add_(1)
        return tokens


def like(model, tensor):
    """A tensor on the model's device, in its type where it is one of numbers."""
    weight = model.embed.weight
    return tensor.to(weight.device, weight.dtype if tensor.is_floating_point() else tensor.dtype)


def writing(reference, encode, command, rows, steps):
    """encode takes Rows; the first token of each row of command (B, T) is where an output begins."""
    model = reference.model
    rows = Rows(like(model, rows.segment), like(model, rows.position))
    return Writing(model, reference.end, lambda: encode(rows)[0], rows, command[:, 0].clone(), steps)


def sentences(reference, batch):
    source = torch.from_numpy(np.random.default_rng(0).integers(0, reference.end, (batch, SOURCE)))
    rows, source = Rows(torch.ones_like(source), torch.arange(SOURCE).expand(batch, -1)), like(reference.model, source)
    return writing(reference, lambda rows: reference.model.encode(source, rows), source, rows, TARGET)


def transcripts(reference, batch):
    noise = np.random.default_rng(0).normal(0, 0.1, (batch, int(SECONDS * audio.RATE)))
    frames, command, rows = reference.heard(noise)
    frames, command = like(reference.model, frames), like(reference.model, command)
    return writing(reference, lambda rows: reference.model.encode_audio(frames, command, rows), command, rows, TOKENS)


def photos(reference, batch):
    images = np.random.default_rng(0).integers(0, 256, (batch, SIDE, SIDE, 3), np.uint8)
    pixels, command = (like(reference.model, t) for t in reference.seen(images))
    return lambda: reference.logits(pixels, command).argmax(-1)


TASKS = {"translate": sentences, "transcribe": transcripts, "classify": photos}


def eager(work, a):
    return work


def graph(work, a):
    """All of it as one CUDA graph, the host's part gone. Which experts run must not depend on what the host reads, so all do."""
    sparse, cached.sparse_experts = cached.sparse_experts, lambda moe, x: moe(x[None])[0][0]
    try:
        stream, recorded = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream):
            work()
        stream.synchronize()
        with torch.cuda.graph(recorded):
            work()
    finally:
        cached.sparse_experts = sparse
    return recorded.replay


def compiled(work, a):
    """By torch.compile, with CUDA graphs on a GPU: photos as one program, outputs as one that begins and one for each step."""
    torch.compiler.reset()  # what other works left: graphs, and how often one function may be compiled
    torch._dynamo.utils.counters.clear()
    options = {"fullgraph": True, "dynamic": False, "backend": a.backend}
    if a.device != "cpu" and a.backend == "inductor":
        options["mode"] = "reduce-overhead"
    if not isinstance(work, Writing):
        return torch.no_grad()(torch.compile(work, **options))
    static = Static(work)
    begin, step = torch.compile(static.begin, **options), torch.compile(static.step, **options)

    @torch.no_grad()
    def run():
        begin()
        for _ in range(work.steps):
            step()
        return static.out

    return run


WAYS = {"eager": eager, "graph": graph, "compiled": compiled}


def seconds(device, work, runs):
    """The median of several runs after two that warm up: PyTorch records its graphs at the second call."""
    times = []
    for _ in range(runs + 2):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


def measure(a, reference, way, task, batches, dtypes, until=None):
    """A row for each type of weights and batch: {"task", "way", "dtype", "batch", "seconds"}. What PyTorch cannot do, or what
    would begin later than until, says so and is left out."""
    rows = []
    for dtype in dtypes:
        reference.model.to(a.device, dtype)
        for batch in batches:
            began, name = time.perf_counter(), f"bench: {task}, {way}, {dtype}, batch of {batch}"
            if until and began > until:
                print(f"{name}: no time left", flush=True)
                continue
            try:
                work = TASKS[task](reference, batch)
                took = seconds(a.device, run := WAYS[way](work, a), a.runs)
                same = (run() == work()).float().mean().item() if way == "compiled" else None
            except Exception as e:  # whatever it is, the others may go
                print(f"{name}: {type(e).__name__}: {e}", flush=True)
                continue
            row = {"task": task, "way": way, "dtype": str(dtype).removeprefix("torch."), "batch": batch, "seconds": took}
            if way == "compiled":
                skips = torch._dynamo.utils.counters["inductor"]["cudagraph_skips"]
                row |= {"same": same, "graphs": a.device != "cpu" and not skips}
                print(f"{name}: ready and timed in {time.perf_counter() - began:.0f} s", flush=True)
            rows.append(row)
    return rows
