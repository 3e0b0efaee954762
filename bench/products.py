"""Part `products`: the kernels beside oneDNN and OpenBLAS: the same shapes, types, threads and rule of timing."""
import json
import math
import os
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

from report import table  # noqa: E402

HERE = Path(__file__).resolve().parent
SHAPE = ("dtype", "m", "n", "k", "copies")


def libraries(a, threads):
    """[(name, command, environment)] of what is raced against; a library may come in several builds."""
    rule = ["--sample-ms", str(a.sample_ms), "--samples", str(a.samples)]
    omp = {"OMP_NUM_THREADS": str(threads)}
    found = [(name, [str(a.peers / "bin" / name), *rule], omp) for name in ("onednn-gomp", "onednn-paddle")]
    found.append(("onednn-torch", [a.python, str(HERE / "peers/torch_products.py"), *rule, "--threads", str(threads)],
                  omp))
    avx512 = "avx512f" in Path("/proc/cpuinfo").read_text(encoding="ascii")
    for core in ("", "SkylakeX") if avx512 else ("",):  # as it finds this processor, and as if it were that one
        env = {"OPENBLAS_NUM_THREADS": str(threads), "OPENBLAS_CORETYPE": core}
        found.append((f"openblas {core or 'as detected'}", [str(a.peers / "bin/openblas"), *rule], env))
    return found


def ours(a, threads, *options):
    command = [str(a.bin / "kernels"), "--model", str(a.model), "--every", str(a.every), "--rotate",
               str(a.rotate << 20), *options]
    return output([*command, "--threads", str(threads), "--sample", f"{a.sample_ms}ms", "--samples", str(a.samples)])


def output(command, env=None, text=None):
    merged = {k: v for k, v in (os.environ | (env or {})).items() if v}  # empty: unset
    done = subprocess.run(command, env=merged, input=text, encoding="utf-8", capture_output=True)
    if done.returncode:
        raise RuntimeError(f"bench: {' '.join(command)}: exit {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


def measure(a):
    shapes = ours(a, 1, "--list")
    result = {"rounds": a.rounds, "sample_ms": a.sample_ms, "samples": a.samples, "rotate_mib": a.rotate, "threads": []}
    rounds = {threads: ([], {}) for threads in range(1, a.threads + 1)}
    for _ in range(a.rounds):
        for threads, (own, theirs) in rounds.items():
            own.append(json.loads(ours(a, threads)))
            for name, command, env in libraries(a, threads):
                for line in output(command, env, shapes).splitlines():
                    one = json.loads(line)
                    key = tuple(one[k] for k in SHAPE)
                    form = f"{name}: {one['library']}, {one['form']}"
                    theirs.setdefault(key, {}).setdefault(form, []).append(one["seconds"])
    for threads, (own, theirs) in rounds.items():
        result["threads"].append({"threads": threads, "device": own[0]["device"], **merged(own, theirs)})
    return result


def merged(own, theirs):
    """The median of rounds of everything; limits are the best of them."""
    limits = {"peak_gflop_s": {t: max(r["limits"]["peak_gflop_s"][t] for r in own)
                               for t in own[0]["limits"]["peak_gflop_s"]},
              "reads": [{"bytes": same[0]["bytes"], "gb_s": max(s["gb_s"] for s in same)}
                        for same in zip(*(r["limits"]["reads"] or [] for r in own))]}
    products = []
    for same in zip(*(r["products"] for r in own)):
        p = middle(same)
        p["of_peak"] = share(p["gflop_s"], limits["peak_gflop_s"].get(p["dtype"]))
        size = SIZES[p["dtype"]] * p["n"] * p["k"] * p["groups"] * p["copies"]
        p["of_read"] = share(p["read_gb_s"], read_rate(limits["reads"], size))
        key = tuple(p[k] for k in SHAPE)
        if p["groups"] == 1 and key in theirs:
            p["peers"] = {name: statistics.median(times) for name, times in theirs[key].items()}
        products.append(p)
    return {"limits": limits, "products": products,
            "operations": [middle(same) for same in zip(*(r["operations"] for r in own))]}


SIZES = {"f32": 4, "bf16": 2, "i8": 1}


def middle(same):
    """The one of several measurements of the same thing that took the median time."""
    return dict(sorted(same, key=lambda m: m["seconds"])[len(same) // 2])


def share(value, limit):
    return value / limit if limit else 0.0


def read_rate(reads, size):
    """As limits.read of bench/kernels: of the smallest buffer with so many bytes."""
    return next((r["gb_s"] for r in reads if r["bytes"] >= size), reads[-1]["gb_s"] if reads else 0.0)


def fastest(product, library):
    """Seconds of the fastest build and form of a library, or None."""
    times = [s for name, s in product.get("peers", {}).items() if name.startswith(library)]
    return min(times) if times else None


def mean(values):
    return math.exp(statistics.fmean(map(math.log, values)))


def kinds(products):
    """{(type, what kind of product): products} in the order of the tables."""
    found = {}
    for p in products:
        where = "" if p["m"] > 8 else ", weights near" if p["copies"] == 1 else ", weights far"
        kind = p["name"] if p["name"].startswith("512") else f"M = {p['m']}{where}"
        kind = f"experts, {kind}" if p["groups"] > 1 else kind
        found.setdefault((p["dtype"], kind), []).append(p)
    return found


def row(dtype, kind, products):
    """Means over the model's shapes: rate, share of the limit, times the libraries' speed."""
    cells = [dtype, kind, len(products), f"{mean(p['gflop_s'] for p in products):.0f}"]
    for limit in ("of_peak", "of_read"):
        shares = [p[limit] for p in products]
        streamed = products[0]["m"] <= 8  # more rows are not bound by reading
        cells.append(f"{mean(shares):.0%}" if min(shares) > 0 and (streamed or limit == "of_peak") else "–")
    for library in ("onednn", "openblas"):
        ratios = [(fastest(p, library) / p["seconds"], p) for p in products if fastest(p, library)]
        if not ratios:
            cells.append("–")
            continue
        worst, at = min(ratios, key=lambda r: r[0])
        least = f" (least {worst:.2f}, {at['name']})" if len(ratios) > 1 else ""
        cells.append(f"{mean([r for r, _ in ratios]):.2f} ×{least}")
    return cells


def markdown(r):
    text = [
        "Products dst (M, N) = x (M, K)·wᵀ at 512³ and at the model's own shapes, which a row takes together "
        f"(geometric means); medians of {r['rounds']} rounds in which the libraries take turns. Weights are far when "
        f"calls go through {r['rotate_mib']} MiB of them, as a model does, and near when it is always the same. Peak: "
        "multiplications of that type from register to register; read: reading a buffer as large as the weights, both "
        "of the same run. Times the libraries' speed: the fastest build and form of each for each shape; oneDNN's int8 "
        "is u8·s8, its fastest form without scales. A row of x is f32 here and is rounded inside the product; theirs "
        "come rounded."]
    for t in r["threads"]:
        peaks = ", ".join(f"{k} {v:.0f}" for k, v in t["limits"]["peak_gflop_s"].items())
        text.append(f"\n{t['device']}; peak GFLOP/s: {peaks}; read GB/s: " + ", ".join(
            f"{x['bytes'] >> 10} KiB {x['gb_s']:.0f}" for x in t["limits"]["reads"]) + ".\n")
        heads = ["type", "product", "shapes", "GFLOP/s", "of peak", "of read", "times oneDNN", "times OpenBLAS"]
        text.append(table(heads, [row(*key, products) for key, products in kinds(t["products"]).items()]))
        text.append(table(["operation", "rows", "µs", "GFLOP/s", "GB/s", "of read"], [
            [o["name"], o["rows"], f"{1e6 * o['seconds']:.1f}", f"{o['gflop_s']:.0f}" if o["gflop_s"] else "–",
             f"{o['moved_gb_s']:.0f}",
             f"{o['of_read']:.0%}"] for o in t["operations"]]))
    return "\n".join(text)


def active_bytes(config):
    """Bytes of int8 weights that one decoding step of one row reads: of experts only the chosen."""
    m = config["model"]
    D = m["width"]
    io = 2 * D * D + 2 * D * D + 2 * D * D  # two convolutions; q and out of cross-attention; merge
    block = D * D + 3 * D * D + D * D + 2 * D * D  # convolution, qkv, out; q and out of cross-attention
    ffn, experts = 3 * D * m["ffn"], m["experts"] * D + 3 * D * m["expert_ffn"] * m["top_experts"]
    mixtures = len(m["decoder_moe"])
    plain = m["decoder_blocks"] - mixtures
    return io + m["decoder_blocks"] * block + plain * ffn + mixtures * experts + D * m["vocab"]


def allowed(config, result, rate):
    """What reading the active weights once a token allows, at the best rate of any number of threads."""
    size = active_bytes(config)
    gb_s = max(read_rate(t["limits"]["reads"], size) for t in result["threads"])
    if not gb_s:
        return None
    most = 1e9 * gb_s / size
    return {"bytes": size, "gb_s": gb_s, "tokens_per_second": most, "share": rate / most}
