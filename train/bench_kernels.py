"""Our CUDA kernels beside what PyTorch has for the same work: products by cuBLAS in bfloat16, the fastest backend of its
attention; and beside cuBLAS's float32 products by gorgonia.org/cu (bench/cublas), where make gpu-cublas made that. Times are
medians by CUDA events, each launch after the cache was flushed, in one run on one GPU; ours come from the benchmarks of
kernels/cuda, built beforehand where there is Go (make gpu-programs).
"""
import os
import re
import statistics
import subprocess
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

KERNELS = Path(__file__).resolve().parent.parent / "kernels/cuda"
BACKENDS = {"flash": SDPBackend.FLASH_ATTENTION, "cuDNN": SDPBackend.CUDNN_ATTENTION,
            "efficient": SDPBackend.EFFICIENT_ATTENTION, "math": SDPBackend.MATH}
LINE = re.compile(r"^Benchmark\w+/(\S+?)(?:-\d+)?\s+\d+\s+(.*)$")
STEPS = ("overlap", "program")  # ways to run a step that are not the default, of MM_CUDA_STEPS
LONGEST = 80  # seconds of a program of ours
FLUSH = 128 << 20  # bytes, more than the cache holds


def benchmarks(text):
    """{name: {unit: value}} of what a Go benchmark printed."""
    found = {}
    for line in text.splitlines():
        if m := LINE.match(line):
            cells = m[2].split()
            found[m[1]] = {unit: float(value) for value, unit in zip(cells[::2], cells[1::2])}
    return found


def output(command, **options):
    """(what a program printed, what went wrong or None); one that hangs has LONGEST seconds."""
    with tempfile.TemporaryFile("w+") as file:
        try:
            done = subprocess.run([str(Path(command[0]).resolve()), *command[1:]], stdout=file, stderr=subprocess.STDOUT, timeout=LONGEST,
                                  **options)
            status = f"exit {done.returncode}" if done.returncode else None
        except subprocess.TimeoutExpired:
            status = f"not done in {LONGEST} s"
        file.seek(0)
        return file.read(), status


def run(program, folder, pattern, times, steps="graph"):
    """The benchmarks of a Go test program, which reads files beside its sources. What goes wrong is said; what came before counts."""
    said, status = output([program, "-test.run", "^$", "-test.bench", pattern, "-test.benchtime", f"{times}x"], cwd=folder,
                          env={**os.environ, "MM_REQUIRE_GPU": "1", "MM_CUDA_STEPS": steps})
    found = benchmarks(said)
    if status or not found:
        print(f"bench: {program}, {pattern}, {steps}: {status}: {said[-2000:]}", flush=True)
    return found


def cublas(program, names):
    """{shape: µs} of cuBLAS in float32 for all of our products; the library lies with PyTorch."""
    shapes = sorted({n.split("/")[-1] for n in names if "matmul/" in n})
    folders = sorted({str(p.parent) for p in Path(torch.__file__).parent.parent.glob("nvidia/**/libcublas.so.*")})
    path = ":".join([*folders, os.environ.get("LD_LIBRARY_PATH", "")])
    said, status = output([program, *shapes], env={**os.environ, "LD_LIBRARY_PATH": path})
    if status:
        print(f"bench: {program}: {status}: {said[-2000:]}", flush=True)
    return {name.split("/")[-1]: found["gpu-µs"] for name, found in benchmarks(said).items()}


def microseconds(work, times):
    """The median of a work on the GPU."""
    flush = torch.empty(FLUSH, dtype=torch.uint8, device="cuda")
    took = []
    for i in range(times + 3):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        flush.zero_()
        start.record()
        work()
        end.record()
        end.synchronize()
        took.append(1e3 * start.elapsed_time(end))
    return statistics.median(took[3:])


def attention(shape, times):
    """The fastest backend for (segments, length, heads, width), in bfloat16: (µs, its name)."""
    segments, length, heads, width = shape
    q, k, v = (torch.randn(segments, heads, length, width, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    best = (float("inf"), "none")
    for name, backend in BACKENDS.items():
        if name == "math" and length > 4096:
            continue  # its table of weights does not fit
        try:
            with sdpa_kernel(backend):
                best = min(best, (microseconds(lambda: F.scaled_dot_product_attention(q, k, v), times), name))
        except RuntimeError:
            continue  # not for this shape or chip
    return best


def theirs(name, times):
    """PyTorch's time for the work that a name of ours stands for: (µs, what ran), or None where it has none."""
    kind, *rest = name.split("/")
    shape = [int(n) for n in rest[-1].split("x")]
    if kind.endswith("matmul"):
        rows, inputs, outputs = shape
        x = torch.randn(rows, inputs, device="cuda", dtype=torch.bfloat16)
        w = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16)
        return microseconds(lambda: F.linear(x, w), times), "cuBLAS bf16"
    if kind == "attention":
        return attention(shape, times)
    if kind == "norm":
        x = torch.randn(shape, device="cuda")
        return microseconds(lambda: F.rms_norm(x, shape[-1:]), times), "rms_norm f32"
    if kind == "copy":
        x, y = torch.randn(shape, device="cuda"), torch.empty(shape, device="cuda")
        return microseconds(lambda: y.copy_(x), times), "copy_ f32"
    if kind == "topk":
        x = torch.randn(shape[:2], device="cuda")
        return microseconds(lambda: F.log_softmax(x, -1).topk(shape[2]), times), "log_softmax, topk f32"
    return None


def ceilings(times):
    """What this GPU reaches: TFLOP/s of a large bfloat16 product, GB/s of a large copy, counting both ways."""
    n = 8192
    x, w = (torch.randn(n, n, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    y, z = (torch.empty(1 << 28, device="cuda") for _ in range(2))
    return {"TFLOP/s": 2 * n**3 / microseconds(lambda: F.linear(x, w), times) / 1e6,
            "GB/s": 8 * len(y) / microseconds(lambda: z.copy_(y), times) / 1e3}


def ours(program, folder, patterns, times, steps="graph"):
    """What run finds for each of some patterns, each in a process of its own, which what goes wrong in it ends."""
    found = {}
    for pattern in patterns:
        found |= run(program, folder, pattern, times, steps)
    return found


def compare(programs, times):
    """{"ceilings", "kernels": [{name, us, peer, peer_us, ratio, …}], "mm": {name: {unit: value}}, "steps": {way: the
    same of translations}} of the programs in a folder."""
    programs, rows, top = Path(programs), [], ceilings(times)
    measured = ours(programs / "cuda.test", KERNELS, ("GPU/^[^hbr]", "GPU/^hopper", "GPU/^bulk", "GPU/^rounded"), times)
    sgemm = cublas(programs / "cublas", measured) if (programs / "cublas").exists() else {}
    for name, mine in measured.items():
        row = {"name": name, "us": mine["gpu-µs"], "flop_share": mine.get("TFLOP/s", 0) / top["TFLOP/s"],
               "byte_share": mine["GB/s"] / top["GB/s"]}
        if other := theirs(name, times):
            row.update(peer_us=other[0], peer=other[1], ratio=other[0] / row["us"])
        if "matmul/" in name and name.split("/")[-1] in sgemm:
            row["sgemm_us"] = sgemm[name.split("/")[-1]]
        rows.append(row)
    tasks = ("CUDA/^translate", "CUDA/^classify", "CUDA/^transcribe")
    mm, root = programs / "mm.test", KERNELS.parent.parent
    return {"ceilings": top, "kernels": rows, "mm": ours(mm, root, tasks, times),
            "steps": {way: ours(mm, root, tasks[:1], times, way) for way in STEPS}}


def markdown(r, table):
    top, ways = r["ceilings"], {"graph": r["mm"], **r["steps"]}
    rows = [[f"`{k['name']}`", f"{k['us']:.1f}", f"{k['peer_us']:.1f}" if "peer" in k else "–", k.get("peer", "–"),
             f"{k['ratio']:.2f}" if "peer" in k else "–", f"{k['sgemm_us']:.1f}" if "sgemm_us" in k else "–",
             f"{100 * k['flop_share']:.0f} %", f"{100 * k['byte_share']:.0f} %"]
            for k in r["kernels"]]
    return (f"Kernels, beside PyTorch in the same run. Ceilings: {top['TFLOP/s']:.0f} TFLOP/s (bf16 product of 8192³), "
            f"{top['GB/s']:.0f} GB/s (copy, both ways). Shapes are rows × inputs × outputs, segments × length × heads × width, "
            f"rows × columns × best. Ours take float32 rows, but for those called rounded, which no model runs: like cuBLAS', their rows "
            f"are bfloat16 already.\n\n" +
            table(["ours", "µs", "PyTorch, µs", "what ran", "times as fast", "cuBLAS f32, µs", "of the FLOP/s", "of the GB/s"], rows) +
            "\nmm's greedy translations, µs a token, by the ways to run a step (kernels/cuda/README.md):\n\n" +
            table(["at once", *ways], [[n.split("/")[1], *(f"{w[n]['µs/token']:.1f}" if n in w else "–" for w in ways.values())]
                                       for n in r["mm"] if n.startswith("translate/")]))
