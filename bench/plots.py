"""Pictures of what run.py measured.

    python plots.py --json ../build/bench.json --out plots
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

STYLES = ["-", "--", ":"]


def curves(growth, out):
    """Time against rows, speed against batch and length, memory against each: one picture a curve."""
    scales = {"rows": ("rows of one packed batch", "ms", lambda p: 1e3 * p["seconds"]),
              "batch": ("sentences of a batch", "tokens/s", lambda p: p["tokens_per_second"]),
              "length": ("tokens of a sentence", "ms a sentence", lambda p: 1e3 * p["seconds"] / p["sentences"])}
    for name, (axis, unit, value) in scales.items():
        figure, (speed, memory) = plt.subplots(1, 2, figsize=(12, 4.5))
        for i, (key, points) in enumerate(growth["curves"][name].items()):
            engine, threads = key.rsplit(", ", 1)
            style = {"color": f"C{color(growth['curves'][name], engine)}",
                     "linestyle": STYLES[int(threads) - 1 if threads.isdigit() else 2],
                     "marker": ".", "label": f"{engine}, {threads} thread{'s' if threads != '1' else ''}"}
            at = [p["at"] for p in points]
            speed.plot(at, [value(p) for p in points], **style)
            memory.plot(at, [p["peak_bytes"] / 2**20 for p in points], **style)
        for axes, label in ((speed, unit), (memory, "MiB resident at most")):
            axes.set(xscale="log", yscale="log", xlabel=axis, ylabel=label)
            axes.set_xticks(at, [str(x) for x in at], rotation=45)
            axes.minorticks_off()
            axes.grid(alpha=0.3)
            axes.legend(fontsize=8)
        save(figure, out / f"growth-{name}.png")


def color(lines, engine):
    return list(dict.fromkeys(key.rsplit(", ", 1)[0] for key in lines)).index(engine)


def soak(serve, out):
    samples = serve[-1]["soak"]["samples"]
    figure, axes = plt.subplots(figsize=(7, 4))
    axes.plot([s["requests"] for s in samples], [s["resident"] / 2**20 for s in samples])
    axes.set(xlabel="short requests answered", ylabel="MiB resident", ylim=(0, None))
    axes.grid(alpha=0.3)
    save(figure, out / "memory.png")


def reads(products, out):
    """The rate at which memory is read, and that at which the weights of one row are."""
    figure, axes = plt.subplots(figsize=(8, 4.5))
    for i, t in enumerate(products["threads"]):
        limit = t["limits"]["reads"]
        axes.plot([r["bytes"] / 1024 for r in limit], [r["gb_s"] for r in limit], color=f"C{i}",
                  label=f"reading, {t['threads']} threads")
        for j, dtype in enumerate(("f32", "bf16", "i8")):
            rows = [p for p in t["products"] if p["m"] == 1 and p["groups"] == 1 and p["dtype"] == dtype]
            size = {"f32": 4, "bf16": 2, "i8": 1}[dtype]
            axes.plot([size * p["n"] * p["k"] * p["copies"] / 1024 for p in rows], [p["read_gb_s"] for p in rows],
                      "o+x"[j], color=f"C{i}", label=f"{dtype} weights of one row, {t['threads']} threads")
    axes.set(xscale="log", yscale="log", xlabel="KiB gone through", ylabel="GB/s")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    save(figure, out / "reads.png")


def engines(decode, out):
    """Tokens a second of each engine at each batch."""
    figure, axes = plt.subplots(figsize=(9, 4.5))
    batches, width = list(decode["engines"][0]["rates"]), 0.8 / len(decode["engines"])
    for i, row in enumerate(decode["engines"]):
        axes.bar([x + i * width for x in range(len(batches))], [row["rates"][b] for b in batches], width,
                 label=row["engine"])
    axes.set(yscale="log", ylabel="tokens/s")
    axes.set_xticks([x + 0.4 - width / 2 for x in range(len(batches))], [f"batch {b}" for b in batches])
    axes.grid(alpha=0.3, axis="y")
    axes.legend(fontsize=8)
    save(figure, out / "engines.png")


def save(figure, path):
    figure.tight_layout()
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)


def draw(result, out):
    """Pictures of the parts that there are."""
    out.mkdir(parents=True, exist_ok=True)
    for part, picture in (("growth", curves), ("products", reads), ("decode", engines)):
        if result.get(part):
            picture(result[part], out)
    if result.get("serve") and result["serve"]["texts"][-1].get("soak"):
        soak(result["serve"]["texts"], out)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--json", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    draw(json.loads(a.json.read_text(encoding="utf-8")), a.out)


if __name__ == "__main__":
    main()
