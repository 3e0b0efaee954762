"""Greedy translation by mm beside eager PyTorch with a KV cache: the same weights, sentences and threads, in one run.

    python run.py --mm MM --decode DECODE --data DATA [--model ../models/base] [--results RESULTS.md] [--json FILE]

MM is the binary of cmd/mm, DECODE that of bench/decode. Quality stands beside speed: BLEU of what each wrote. The start is
the wall time of a fresh process that loads the embedded model and translates one sentence.
"""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "train"))

import sacrebleu  # noqa: E402
import torch  # noqa: E402

import section  # noqa: E402
from evaluate import Runtime, pairs, quality  # noqa: E402
from reference import Reference  # noqa: E402
from report import table  # noqa: E402

FIRST = ["run", "translate", "--to", "de", "Where is the station?"]


def rate(work, runs):
    """Tokens a second, the median of several runs after one that warms up; work returns the outputs."""
    rates = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        outputs = work()
        rates.append(sum(len(o.tokens) for o in outputs) / (time.perf_counter() - start))
    return statistics.median(rates[1:])


def by_mm(a, texts):
    command = [str(a.decode), "--to", a.to, "--model", str(a.model), "--threads", str(a.threads), "--runs", str(a.runs),
               "--single", str(a.singles)]
    done = subprocess.run(command, input="".join(t + "\n" for t in texts), encoding="utf-8", capture_output=True)
    if done.returncode:
        raise RuntimeError(f"bench: {' '.join(command)}: exit {done.returncode}: {done.stderr[-2000:]}")
    report = json.loads(done.stdout)
    if not report["same_in_a_batch"]:
        raise RuntimeError("bench: mm's translations alone and in a batch differ")
    outputs, _ = Runtime(a.mm, a.model).translate(texts, a.to)
    return {"single": report["single_tok_s"], "batch": report["batch_tok_s"], "device": report["device"]}, outputs


def by_pytorch(a, texts):
    torch.set_num_threads(a.threads)
    reference = Reference(a.model)
    few = texts[:a.singles]
    single = rate(lambda: reference.translate_outputs(few, a.to, batch=1), a.runs)
    batch = rate(lambda: reference.translate_outputs(texts, a.to, batch=len(texts)), a.runs)
    return {"single": single, "batch": batch}, reference.translate(texts, a.to)


def start_ms(binary, runs):
    """Median wall time of fresh processes, after one that warms the file cache, and what they said."""
    times = []
    for _ in range(runs + 1):
        start = time.perf_counter()
        done = subprocess.run([str(binary), *FIRST], encoding="utf-8", capture_output=True, check=True)
        times.append(1e3 * (time.perf_counter() - start))
    return statistics.median(times[1:]), done.stdout.strip()


def said(*command):
    return subprocess.run(command, cwd=HERE, encoding="utf-8", capture_output=True, check=True).stdout.strip()


def machine():
    cpu = platform.processor() or platform.machine()
    if Path("/proc/cpuinfo").exists():
        names = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    changed = "+" if said("git", "status", "--porcelain", "--untracked-files=no") else ""
    return {"cpu": cpu, "cores": len(os.sched_getaffinity(0)), "system": f"{platform.system()} {platform.machine()}",
            "commit": said("git", "rev-parse", "--short", "HEAD") + changed, "go": said("go", "env", "GOVERSION"),
            "torch": torch.__version__, "python": platform.python_version(), "sacrebleu": sacrebleu.__version__}


def markdown(r):
    m, mm, torch_ = r["machine"], r["mm"], r["pytorch"]
    def row(what, key, digits=0):
        return [what, f"{mm[key]:.{digits}f}", f"{torch_[key]:.{digits}f}", f"{mm[key] / torch_[key]:.1f} ×"]
    return (f"{m['cpu']}, {m['cores']} cores, {m['system']}; commit {m['commit']}, {m['go']}, PyTorch {m['torch']} (eager, float32, "
            f"KV cache), Python {m['python']}, sacrebleu {m['sacrebleu']}. mm ran on {mm['device']}, PyTorch on {r['threads']} threads. "
            f"Medians of {r['runs']} runs; tokens are those of the outputs, without ends.\n\n    {r['command']}\n\n" + table(
                [f"en-{r['to']}, greedy", "mm", "PyTorch", "ratio"],
                [row(f"one sentence at a time ({r['singles']} sentences), tokens/s", "single"),
                 row(f"{r['sentences']} sentences in one batch, tokens/s", "batch"),
                 [f"BLEU of {r['sentences']} Tatoeba test sentences", f"{mm['bleu']:.2f}", f"{torch_['bleu']:.2f}", ""],
                 ["same output", f"{r['same']} of {r['sentences']}", "", ""],
                 ["start to first translation, a fresh process, ms", f"{r['start_ms']:.0f}", "", ""]]))


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mm", type=Path, required=True, help="the mm binary")
    p.add_argument("--decode", type=Path, required=True, help="the binary of bench/decode")
    p.add_argument("--data", type=Path, required=True, help="folder with tatoeba/")
    p.add_argument("--model", type=Path, default=HERE.parent / "models/base", help="exported model directory")
    p.add_argument("--to", choices=("de", "fr"), default="de")
    p.add_argument("--sentences", type=int, default=500)
    p.add_argument("--singles", type=int, default=100, help="sentences that are translated one at a time")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--runs", type=int, default=5)
    p.add_argument("--results", type=Path, help="Markdown file whose section `decode` gets the table")
    p.add_argument("--json", type=Path)
    return p


def main():
    p = options()
    a = p.parse_args()
    a.mm, a.decode = a.mm.resolve(), a.decode.resolve()
    texts, references = pairs(a.data, "tatoeba/test", "en", a.to, a.sentences)
    a.singles = min(a.singles, len(texts))
    mm, outputs = by_mm(a, texts)
    pytorch, wanted = by_pytorch(a, texts)
    start, _ = start_ms(a.mm, 2 * a.runs)
    mm["bleu"], pytorch["bleu"] = (quality(o, references)["bleu"] for o in (outputs, wanted))
    result = {"machine": machine(), "command": "make bench", "to": a.to, "sentences": len(texts), "singles": a.singles,
              "threads": a.threads, "runs": a.runs, "mm": mm, "pytorch": pytorch, "start_ms": start,
              "same": sum(map(str.__eq__, outputs, wanted))}
    if a.json:
        a.json.parent.mkdir(parents=True, exist_ok=True)
        a.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if a.results:
        section.put(a.results, "decode", markdown(result))
    print(markdown(result))


if __name__ == "__main__":
    main()
