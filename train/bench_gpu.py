"""What this machine's GPU reaches: our kernels beside PyTorch's, and PyTorch's training speed and greedy decoding with a KV
cache.

    python bench_gpu.py --model ../models/base --out OUT       # OUT/gpu-bench.json, OUT/gpu-bench.md

With --programs, the folder of make gpu-programs, our CUDA kernels and mm's own decoding come first (bench_kernels.py).

Weights do not change the speed: training starts from random ones, on random tokens in the batch shapes of train.py.
"""
import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import numpy as np
import torch

import bench_kernels
import cached
import checkpoint
import data
import train
from cached import Decoding
from layers import Rows
from report import table

SOURCE, TARGET = 12, 24  # tokens of each sentence of the decoding runs


def random_batch(shape, vocabulary, rng):
    """A batch of train.py's shape, filled with segments as long as sentences are."""
    rows = [[] for _ in range(shape.rows)]
    for row in rows:
        room = min(shape.source, shape.target)
        while room >= 8:
            size = int(rng.integers(6, min(room, 40) + 1))
            row.append([rng.integers(0, vocabulary, size) for _ in range(3)])
            room -= size
    return data.pack(rows, shape)


def seconds(device, work, runs):
    """The median of several runs after one that warms up."""
    times = []
    for _ in range(runs + 1):
        if device != "cpu":
            torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        if device != "cpu":
            torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def training(a, config):
    """One row a batch shape: target tokens a second of whole training steps."""
    options = train.parser().parse_args(["--data", ".", "--run", ".", "--tokenizer", ".", "--device", a.device, "--rows", str(a.rows),
                                         "--config", json.dumps(config.dict())] + ["--no-compile"] * (not a.compile))
    trainer, rng, rows = train.Trainer(options), np.random.default_rng(0), []
    for name, shape in zip(("short", "long"), train.shapes(a.rows)):
        batch = random_batch(shape, config.vocab, rng)
        tokens = int((batch["tgt_segment"] > 0).sum())
        step = seconds(a.device, lambda: [trainer.train_step({"text": batch}) for _ in range(a.steps)], a.runs) / a.steps
        rows.append({"shape": name, "rows": shape.rows, "target_tokens": tokens, "step_ms": 1e3 * step, "tokens_per_second": tokens / step})
    peak = torch.cuda.max_memory_allocated() / 2**30 if a.device != "cpu" else None
    return {"compiled": a.compile, "peak_gib": peak, "shapes": rows}


@torch.no_grad()
def decode(model, batch):
    """Encode a batch of sentences and make TARGET tokens of each."""
    source = torch.ones(batch, SOURCE, dtype=torch.int64)
    rows = Rows(torch.ones_like(source), torch.arange(SOURCE).expand(batch, -1))
    memory, _ = model.encode(source, rows)
    state, tokens = Decoding(model, memory, rows, TARGET), source[:, 0]
    for _ in range(TARGET):
        tokens = state.step(tokens).argmax(-1)


def recorded(model, batch):
    """decode as one CUDA graph, the host's part of it gone: a function that replays it. Which experts run must not depend on
    what the host reads, so all do."""
    sparse, cached.sparse_experts = cached.sparse_experts, lambda moe, x: moe(x[None])[0][0]
    try:
        stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
        with torch.cuda.stream(stream):
            decode(model, batch)
        stream.synchronize()
        with torch.cuda.graph(graph):
            decode(model, batch)
    finally:
        cached.sparse_experts = sparse
    return graph.replay


def decoding(a, model, prepare):
    """One row a type of weights and batch; prepare(model, batch) makes what is timed, None where PyTorch cannot."""
    rows = []
    with torch.device(a.device):
        for dtype in (torch.float32, torch.bfloat16):
            model = model.to(a.device, dtype)
            for batch in a.batches:
                try:
                    took = seconds(a.device, prepare(model, batch), a.runs)
                except RuntimeError as e:
                    print(f"bench: {dtype}, batch of {batch}: {e}")
                    continue
                rows.append({"dtype": str(dtype).removeprefix("torch."), "batch": batch, "us_per_step": 1e6 * took / TARGET,
                             "tokens_per_second": batch * TARGET / took})
    return rows


def machine(device):
    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or platform.machine()
    return {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "python": platform.python_version()}


def markdown(r):
    m, t = r["machine"], r["training"]
    graphs = {(g["dtype"], g["batch"]): g for g in r["graphs"]}
    decoded = []
    for d in r["decoding"]:
        g = graphs.get((d["dtype"], d["batch"]))
        decoded.append([d["dtype"], d["batch"], f"{d['us_per_step']:.0f}", f"{d['tokens_per_second']:.0f}",
                        *([f"{g['us_per_step']:.0f}", f"{g['tokens_per_second']:.0f}"] if g else ["–", "–"])])
    ours = bench_kernels.markdown(r["ours"], table) + "\n" if "ours" in r else ""
    memory = f", peak {t['peak_gib']:.1f} GiB" if t["peak_gib"] else ""
    return (f"{m['device']}, PyTorch {m['torch']}, CUDA {m['cuda']}, Python {m['python']}; medians of {r['runs']} runs.\n\n{ours}"
            f"PyTorch's training, bf16 autocast, {'compiled' if t['compiled'] else 'eager'}{memory}:\n\n" +
            table(["batch", "rows", "target tokens", "ms a step", "target tokens/s"],
                  [[s["shape"], s["rows"], s["target_tokens"], f"{s['step_ms']:.1f}", f"{s['tokens_per_second']:.0f}"] for s in t["shapes"]]) +
            f"\nPyTorch's greedy decoding with a KV cache, {SOURCE} tokens in and {TARGET} out, encoder included; eager, and all of it "
            f"as one CUDA graph:\n\n" +
            table(["weights", "batch", "eager: µs a step", "tokens/s", "graph: µs a step", "tokens/s"], decoded))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, required=True, help="exported model directory")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--programs", type=Path, help="folder with cuda.test and mm.test")
    p.add_argument("--launches", type=int, default=20, help="of each kernel")
    p.add_argument("--device", default="cuda")
    p.add_argument("--rows", type=int, default=512, help="rows of a short training batch")
    p.add_argument("--steps", type=int, default=10, help="training steps a run")
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256])
    p.add_argument("--no-compile", dest="compile", action="store_false")
    a = p.parse_args()
    if a.device != "cpu" and not torch.cuda.is_available():
        p.error(f"--device {a.device}: PyTorch {torch.__version__} sees no CUDA GPU")
    model, _ = checkpoint.load(a.model)
    a.out.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(a.device), "runs": a.runs}
    if a.programs:
        result["ours"] = bench_kernels.compare(a.programs, a.launches)
        (a.out / "gpu-kernels.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")  # should the rest fail
    result |= {"decoding": decoding(a, model, lambda model, batch: lambda: decode(model, batch)), "training": training(a, model.config)}
    result["graphs"] = decoding(a, model, recorded) if a.device != "cpu" else []
    (a.out / "gpu-bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (a.out / "gpu-bench.md").write_text(markdown(result), encoding="utf-8")
    print(markdown(result))


if __name__ == "__main__":
    main()
