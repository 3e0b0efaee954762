"""What this machine's GPU reaches: our kernels beside PyTorch's, translations, transcripts and photos by mm and by PyTorch, and
PyTorch's training speed.

    python bench_gpu.py --model ../models/base --out OUT       # OUT/gpu-bench.json, OUT/gpu-bench.md

With --programs, the folder of make gpu-programs, our CUDA kernels and mm itself come first (bench_kernels.py). The files are
written anew after each part, so that what is done stays should the rest fail.

Weights do not change the speed: training starts from random ones, on random tokens in the batch shapes of train.py.
"""
import argparse
import json
import platform
import time
from pathlib import Path

import numpy as np
import torch

import bench_aims
import bench_kernels
import bench_torch
import data
import train
from bench_torch import SECONDS, SIDE, SOURCE, TARGET, TOKENS, seconds
from reference import Reference
from report import table

BOTH, BF16 = (torch.float32, torch.bfloat16), (torch.bfloat16,)
MODALITY = {"translate": None, "transcribe": "audio", "classify": "image"}  # what a model must have for a task


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


def machine(device):
    name = torch.cuda.get_device_name() if device != "cpu" else platform.processor() or platform.machine()
    return {"device": name, "torch": torch.__version__, "cuda": torch.version.cuda, "python": platform.python_version()}


def rate(task, batch, took):
    """What is said of a task's speed."""
    if task == "transcribe":
        return f"{took / batch / SECONDS:.5f}"
    return f"{batch / took:.0f}" if task == "classify" else f"{1e6 * took / TARGET:.0f} µs, {batch * TARGET / took:.0f}/s"


def name(task, batch):
    """Of the benchmark of mm for the same work."""
    return f"{task}/{batch}x{SECONDS}x{TOKENS}" if task == "transcribe" else f"{task}/{batch}"


def mm(r, task, batch):
    """rate of mm, whose translations end where they end: a step of all is as many tokens as there are outputs."""
    found = r.get("ours", {}).get("mm", {}).get(name(task, batch))
    if not found:
        return "–"
    if task == "translate":
        return f"{batch * found['µs/token']:.0f} µs, {found['tokens/s']:.0f}/s"
    return rate(task, batch, found["µs/request"] * batch / 1e6)


def beside(r, tasks):
    """The table of some tasks by mm and by PyTorch in every way that was measured."""
    took = {(p["task"], p["batch"], p["way"], p["dtype"]): p for p in r["pytorch"]}
    ways = [w for w in bench_torch.WAYS if any(p["way"] == w and p["task"] in tasks for p in r["pytorch"])]
    rows = []
    for task, batch, dtype in dict.fromkeys((p["task"], p["batch"], p["dtype"]) for p in r["pytorch"] if p["task"] in tasks):
        found = [took.get((task, batch, way, dtype)) for way in ways]
        rows.append([task, batch, dtype, mm(r, task, batch), *(cell(task, batch, p) if p else "–" for p in found)])
    return table(["task", "at once", "PyTorch's weights", "mm", *ways], rows)


def cell(task, batch, p):
    return rate(task, batch, p["seconds"]) + (" (no graphs)" if p["way"] == "compiled" and not p["graphs"] else "")


def models(r):
    same = [p["same"] for p in r["pytorch"] if p["way"] == "compiled" and p["dtype"] == "float32" and p["task"] != "classify"]
    agree = f" In float32 {100 * min(same):.0f} % of their tokens, at least, are those of the eager loop." if same else ""
    return ("The model by mm, int8 weights, whole requests at its public interface, and by PyTorch: eager with a KV cache (`eager`), "
            "all of it as one CUDA graph (`graph`), and by torch.compile with CUDA graphs, one program for what comes before the first "
            "token and one for each step, whose caches stay in place (`compiled`); the encoder is part of all. "
            f"“No graphs”: PyTorch ran the compiled program without CUDA graphs.{agree}\n\n"
            f"Greedy translation: a step of the batch, tokens/s. PyTorch reads {SOURCE} tokens and writes {TARGET}, ends being tokens "
            f"like others; mm reads a sentence of about 20 and writes what it says, at most {TARGET}, ends not counted.\n\n" +
            beside(r, ["translate"]) +
            f"\nPhotos/s ({SIDE} × {SIDE} pixels of noise), and of {SECONDS} s of noise each the time for a transcript of {TOKENS} tokens "
            "by the sound's time (the real-time factor). mm is asked for at most so many, and its benchmark fails where an output is "
            "shorter. mm's times hold the reading of PNG and WAV, the log-mel frames on the CPU and the weighing of the letters that it "
            "hears; PyTorch is given pixels and frames that lie on the GPU, and weighs no letters.\n\n" +
            beside(r, ["classify", "transcribe"]))


def markdown(r):
    m, t = r["machine"], r.get("training")
    text = (f"{m['device']}, PyTorch {m['torch']}, CUDA {m['cuda']}, Python {m['python']}; medians of {r['runs']} runs.\n\n" +
            bench_aims.markdown(r, TARGET, table) + "\nPyTorch counts with whichever of its types of weights is faster.\n\n")
    if "ours" in r:
        text += bench_kernels.markdown(r["ours"], table) + "\n"
    if r["pytorch"]:
        text += models(r)
    if t:
        memory = f", peak {t['peak_gib']:.1f} GiB" if t["peak_gib"] else ""
        text += (f"\nPyTorch's training, bf16 autocast, {'compiled' if t['compiled'] else 'eager'}{memory}:\n\n" +
                 table(["batch", "rows", "target tokens", "ms a step", "target tokens/s"],
                       [[s["shape"], s["rows"], s["target_tokens"], f"{s['step_ms']:.1f}", f"{s['tokens_per_second']:.0f}"]
                        for s in t["shapes"]]))
    return text


def plan(a):
    """(way, task, batches, types of weights) in the order of what is wanted most, should the time run out. A program takes half a
    minute to compile, so sounds and photos are compiled in PyTorch's faster type alone."""
    of = {"translate": a.batches, "classify": a.photos, "transcribe": a.sounds}
    for way in ("eager", "graph") if a.device != "cpu" else ("eager",):
        for task in of:
            yield way, task, of[task], BOTH
    if a.compile:
        ends = sorted({a.batches[0], a.batches[-1]})
        yield "compiled", "translate", ends, BF16
        yield "compiled", "translate", ends, (torch.float32,)
        yield "compiled", "classify", a.photos, BF16
        yield "compiled", "transcribe", a.sounds, BF16
        yield "compiled", "translate", [b for b in a.batches if b not in ends], BOTH


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
    p.add_argument("--batches", type=int, nargs="+", default=[1, 32, 256], help="of sentences")
    p.add_argument("--photos", type=int, nargs="+", default=[1, 256])
    p.add_argument("--sounds", type=int, nargs="+", default=[1, 32])
    p.add_argument("--no-compile", dest="compile", action="store_false")
    p.add_argument("--backend", default="inductor", help="of torch.compile, but for training")
    p.add_argument("--until", type=float, default=220, help="seconds after the start from which nothing but training is compiled")
    a = p.parse_args()
    if a.device != "cpu" and not torch.cuda.is_available():
        p.error(f"--device {a.device}: PyTorch {torch.__version__} sees no CUDA GPU")
    until, reference = time.perf_counter() + a.until, Reference(a.model)
    a.out.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(a.device), "runs": a.runs, "pytorch": []}

    def write():
        (a.out / "gpu-bench.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        (a.out / "gpu-bench.md").write_text(markdown(result), encoding="utf-8")

    if a.programs:
        result["ours"] = bench_kernels.compare(a.programs, a.launches)
        write()
    for way, task, batches, dtypes in plan(a):
        if MODALITY[task] is None or getattr(reference.model, MODALITY[task]) is not None:
            result["pytorch"] += bench_torch.measure(a, reference, way, task, batches, dtypes, until if way == "compiled" else None)
            write()
    torch.compiler.reset()
    result["training"] = training(a, reference.model.config)
    write()
    print(markdown(result))


if __name__ == "__main__":
    main()
