"""Everything that bench/RESULTS.md says of speed, in one run on an idle machine.

    python run.py --bin BIN --peers PEERS --data DATA [--model ../models/base] [--only products,decode] [--skip growth]
                  [--results RESULTS.md] [--json FILE] [--plots FOLDER] [--quick]

BIN has the programs mm, decode, kernels and serve; PEERS what peers/setup.sh made. Parts: products (kernels beside
oneDNN and OpenBLAS), decode (translation and parsing beside PyTorch, ONNX Runtime and CTranslate2), sense (speech
and photos beside PyTorch), serve (many requests at once), growth (curves). --json is written after each part and keeps
the parts of earlier runs that this one leaves out. --quick is for finding out whether everything runs: its figures mean
nothing, and it leaves RESULTS.md alone.
"""
import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train"))

import decoding  # noqa: E402
import growth  # noqa: E402
import plots  # noqa: E402
import products  # noqa: E402
import section  # noqa: E402
import sensing  # noqa: E402
import serving  # noqa: E402
import workers  # noqa: E402
from machine import described, machine  # noqa: E402

PARTS = {"products": products, "decode": decoding, "sense": sensing, "serve": serving, "growth": growth}
BUSY = 0.3  # a load of other programs above which figures are not to be trusted

# What --quick makes of the options: little of everything.
QUICK = {"rounds": 1, "sample_ms": 1, "samples": 1, "every": 13, "sentences": 12, "singles": 4, "batches": [1, 4],
         "parses": 2, "clips": 2, "photos": 8, "starts": 1, "requests": 24, "soak": 200, "rows": [8, 64], "curve_batches": [1, 4],
         "lengths": [4, 8], "least": 4}


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", type=Path, required=True, help="folder of the programs mm, decode, kernels and serve")
    p.add_argument("--peers", type=Path, required=True, help="folder that peers/setup.sh made")
    p.add_argument("--data", type=Path, required=True, help="folder with tatoeba/, software/, wmt_news/, parsing/")
    p.add_argument("--model", type=Path, default=HERE.parent / "models/base", help="exported model directory")
    p.add_argument("--audio", type=Path, help="folder of the unpacked sound sets, for sense and jobs with sounds")
    p.add_argument("--senses", type=Path, help="cache with the pictures, for the same")
    names = ", ".join(PARTS)
    p.add_argument("--only", type=lambda s: s.split(","), default=list(PARTS),
                   help=f"parts, separated by commas: {names}")
    p.add_argument("--skip", type=lambda s: s.split(","), default=[], help="parts to leave out")
    p.add_argument("--engines", type=lambda s: s.split(","), default=workers.USUAL,
                   help=", ".join(workers.ENGINES))
    p.add_argument("--threads", type=int, default=2, help="most threads that anything gets")
    p.add_argument("--rounds", type=int, default=5, help="of everything in turn, of which the median counts")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--results", type=Path, help="Markdown file whose sections get the tables")
    p.add_argument("--json", type=Path)
    p.add_argument("--plots", type=Path, help="folder for pictures")
    sizes = {
        "sample_ms": 10, "samples": 3, "every": 1, "rotate": 12,  # products: ms, samples, every n-th, MiB of weights
        "sentences": 512, "singles": 64, "parses": 32, "longest_parse": 40, "clips": 24, "photos": 256, "starts": 5,
        "requests": 512, "goroutines": 64, "soak": 100_000,
        "least": 32}  # sentences that a point of a curve takes at least
    for name, value in sizes.items():
        p.add_argument("--" + name.replace("_", "-"), type=int, default=value)
    p.set_defaults(
        batches=[1, 32, 256], rows=[2**i for i in range(3, 13)], curve_batches=[2**i for i in range(9)],
        lengths=[4, 8, 12, 16, 24, 32, 48, 60], to="de", python=sys.executable)
    return p


def parsed(arguments):
    p = options()
    a = p.parse_args(arguments)
    a.command = command(p, a)
    for given, known, what in ((a.only + a.skip, PARTS, "parts"), (a.engines, workers.ENGINES, "engines")):
        if unknown := set(given) - set(known):
            p.error(f"unknown {what} {', '.join(sorted(unknown))}; known are {', '.join(known)}")
    if "mm" not in a.engines or a.threads < 1 or a.rounds < 1:
        p.error(f"engines {','.join(a.engines)}, {a.threads} threads, {a.rounds} rounds: want mm among the engines, "
                "and at least 1 of each")
    if a.quick:
        vars(a).update(QUICK, results=None)
    a.parts = [part for part in PARTS if part in a.only and part not in a.skip]
    a.engines = [e for e in workers.ENGINES if e in a.engines]
    for name in ("bin", "peers", "model"):
        setattr(a, name, getattr(a, name).resolve())
    if not (a.peers / "python" / "complete").exists():
        p.error(f"--peers {a.peers}: not set up, want what `make bench-peers` makes")
    return a


def command(p, a):
    """The `make` call that repeats a run, without the folders, which are another machine's."""
    given = []
    for name, value in vars(a).items():
        if value != p.get_default(name) and not isinstance(value, Path):
            words = [] if value is True else [",".join(value) if isinstance(value, list) else str(value)]
            given += [f"--{name.replace('_', '-')}", *(f'"{w}"' if " " in w else w for w in words)]
    return f"make bench BENCH={shlex.quote(' '.join(given))}" if given else "make bench"


def start_ms(binary, runs):
    """Median wall time of fresh processes of mm with the embedded model that translate a sentence."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        subprocess.run([str(binary), "run", "translate", "--to", "de", decoding.FIRST], capture_output=True, check=True)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:])


def complete(result, part, a):
    """What a part can only say with others beside it."""
    if part != "decode":
        return
    found = result["decode"]
    found["start_ms"] = start_ms(a.bin / "mm", 2 * a.starts)
    if "products" in a.parts:  # limits of the same run
        config = json.loads((a.model / "config.json").read_text(encoding="utf-8"))
        if allowed := products.allowed(config, result["products"], found["engines"][0]["rates"][min(a.batches)]):
            found["allowed"] = allowed


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    Path(f"{path}.new").write_text(text, encoding="utf-8")
    os.replace(f"{path}.new", path)


def main(arguments=None):
    a = parsed(arguments)
    where = machine(a.peers)
    if where["load"] > BUSY:
        print(f"bench: the machine is busy: load {where['load']:.2f}, want at most {BUSY}", file=sys.stderr)
    result = json.loads(a.json.read_text(encoding="utf-8")) if a.json and a.json.exists() else {}
    for part in a.parts:
        began = time.monotonic()
        result[part] = PARTS[part].measure(a)
        complete(result, part, a)
        result.setdefault("machines", {})[part] = where | {"seconds": time.monotonic() - began, "quick": a.quick}
        text = f"{described(where)}\n\n    {a.command}\n\n{PARTS[part].markdown(result[part])}"
        print(text, flush=True)
        if a.json:
            write(a.json, json.dumps(result, indent=1, ensure_ascii=False) + "\n")
        if a.results:
            section.put(a.results, part, text)
    if a.plots:
        plots.draw({part: result[part] for part in a.parts}, a.plots)


if __name__ == "__main__":
    main()
