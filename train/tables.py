"""The paper's tables at a small fixed budget (Kaiser et al. 2017, tables 2 to 4): the joint model beside each task alone,
parsing with only pictures beside it, speech without the letters of CTC, and the joint model without experts and without
attention.

    python tables.py --data DATA --senses CACHE --out DIR [--steps 300] [--seeds 1,2,3]   # DIR/tables.json and DIR/tables.md

Every run takes the same number of steps, and of each of its tasks the same batches a step, so that a task sees as many
examples alone as in company. Runs that DIR already has are not made again.
"""
import argparse
import hashlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

TEXTS = ("tatoeba.en-de", "tatoeba.en-fr", "software.en-de", "software.en-fr", "bible.en-de", "bible.en-fr", "dict.en-de",
         "dict.en-fr", "denoise", "dictation")
TREES = ("craft", "gum", "silver")
ALL = "text,sounds,photos,cells"
# name: kinds of batches, corpora of texts that are left out, changes of the model
RUNS = {
    "joint": (ALL, (), {}),
    "translation alone": ("text", TREES, {}),
    "parsing alone": ("text", TEXTS, {}),
    "speech alone": ("sounds", (), {}),
    "speech without letters": ("sounds", (), {"letters": 0}),
    "photos alone": ("photos", (), {}),
    "objects alone": ("cells", (), {}),
    "parsing with photos": ("text,photos", TEXTS, {}),
    "joint without experts": (ALL, (), {"encoder_moe": [], "decoder_moe": []}),
    "joint without attention": (ALL, (), {"attention": False}),
}
# what a run without some corpora did not learn
UNTAUGHT = {TREES: "parsing", TEXTS: "translation"}
# column: which dev sets it is the mean of
COLUMNS = {
    "translation": lambda n: ">" in n, "parsing": lambda n: n in TREES, "transcription": lambda n: n.endswith(".transcribe"),
    "digits": lambda n: n.endswith(".digits"), "commands": lambda n: n.endswith(".commands"), "CIFAR-10": lambda n: n == "cifar10",
    "BCCD": lambda n: n == "bccd",
}


def share_of_rows(left_out, rows):
    """Rows of a batch of texts without the corpora left out: translation and parsing divide those of the joint model."""
    if left_out == TREES:
        return round(rows * 0.6)
    return round(rows * 0.4) if left_out == TEXTS else rows


def command(a, name, seed, folder):
    kinds, left_out, changes = RUNS[name]
    return [sys.executable, str(Path(__file__).with_name("train.py")), "--data", a.data, "--senses", a.senses, "--tokenizer", a.tokenizer,
            "--run", str(folder), "--kinds", kinds, "--steps", str(a.steps), "--hours", "1000", "--seed", str(seed),
            "--shares", json.dumps({n: 0.0 for n in left_out}), "--config", json.dumps(changes),
            "--rows", str(share_of_rows(left_out, a.rows)), "--sound-rows", str(a.sound_rows), "--photos", str(a.photos),
            "--cells", str(a.cells), "--eval-every", str(10**9), "--device", a.device, *(["--no-compile"] if a.no_compile else [])]


def result(folder):
    """The last dev scores of a finished run, its seconds, and its weights' hash."""
    log = folder / "log.jsonl"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []
    if not lines or lines[-1].get("event") != "end":
        return None
    digest = hashlib.sha256((folder / "last.pt").read_bytes()).hexdigest()
    columns = {}
    for column, belongs in COLUMNS.items():
        values = [v for n, v in lines[-1]["dev"].items() if belongs(n)]
        if values:
            columns[column] = [statistics.fmean(v[i] for v in values) for i in (0, 1)]
    return {"dev": columns, "seconds": lines[-1]["seconds"], "hash": digest[:12]}


def spread(values):
    """Mean, and half the range where there are several."""
    mean = statistics.fmean(values)
    return f"{mean:.3f}" + (f" ± {(max(values) - min(values)) / 2:.3f}" if len(values) > 1 else "")


def markdown(results):
    """One table of losses and one of accuracies: a row a run, a column a task; then the compute and the weights."""
    names = [n for n in RUNS if n in results]
    out = []
    for i, title in enumerate(("Loss (cross-entropy a token or example; objects: the sum of their losses)",
                               "Accuracy (objects: mean overlap of the boxes of cells that own one)")):
        out += [f"### {title}", "", "| | " + " | ".join(COLUMNS) + " |", "|---" * (1 + len(COLUMNS)) + "|"]
        for name in names:
            cells = []
            for column in COLUMNS:
                taught = column != UNTAUGHT.get(RUNS[name][1])
                values = [r["dev"][column][i] for r in results[name].values() if taught and column in r["dev"]]
                cells.append(spread(values) if values else "")
            out.append(f"| {name} | " + " | ".join(cells) + " |")
        out.append("")
    out += ["### Compute and weights", "", "| run | seed | seconds | sha256 of the weights, begin |", "|---|---|---|---|"]
    for name in names:
        out += [f"| {name} | {seed} | {r['seconds']} | `{r['hash']}` |" for seed, r in sorted(results[name].items())]
    return "\n".join(out) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", required=True)
    p.add_argument("--senses", required=True)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--steps", type=int, default=300)
    p.add_argument("--seeds", default="1,2,3")
    p.add_argument("--only", help="names of runs, separated by commas")
    p.add_argument("--rows", type=int, default=16)
    p.add_argument("--sound-rows", type=int, default=4)
    p.add_argument("--photos", type=int, default=32)
    p.add_argument("--cells", type=int, default=1)
    p.add_argument("--device", default="cpu")
    p.add_argument("--no-compile", action="store_true")
    a = p.parse_args()
    results = {}
    for seed in a.seeds.split(","):
        for name in a.only.split(",") if a.only else RUNS:
            folder = a.out / f"{name.replace(' ', '-')}.{seed}"
            if not result(folder):
                subprocess.run(command(a, name, seed, folder), check=True)
            results.setdefault(name, {})[seed] = result(folder)
            (a.out / "tables.json").write_text(json.dumps(results, indent=1) + "\n")
            (a.out / "tables.md").write_text(markdown(results))
            print(f"{name}, seed {seed}: {results[name][seed]['seconds']} s", flush=True)


if __name__ == "__main__":
    main()
