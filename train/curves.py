"""Draws log.jsonl of train.py to PNG files.

    python curves.py --log RUN/log.jsonl --out DIR    # DIR/loss.png, DIR/dev.png, DIR/balance.png
"""
import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def read_log(path):
    """(training lines, dev lines) in order; a line cut short by a crash is left out."""
    train, dev = [], []
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if "dev" in line:
            dev.append(line)
        elif "loss" in line:
            train.append(line)
    return train, dev


def smooth(values, keep=0.9):
    out, mean = [], values[0] if values else 0.0
    for v in values:
        mean = keep * mean + (1 - keep) * v
        out.append(mean)
    return out


def axes(path, titles, draw):
    figure, plots = plt.subplots(1, len(titles), figsize=(6 * len(titles), 4.5), squeeze=False, constrained_layout=True)
    for plot, title in zip(plots[0], titles):
        plot.set_title(title)
        plot.set_xlabel("training hours")
        plot.grid(alpha=0.3)
    draw(*plots[0])
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_loss(train, path):
    hours, loss = [t["seconds"] / 3600 for t in train], [t["loss"] for t in train]

    def draw(plot, rate):
        plot.plot(hours, loss, alpha=0.3)
        plot.plot(hours, smooth(loss))
        plot.set_ylim(top=min(max(loss), 7))
        rate.plot(hours, [t["lr"] for t in train], label="factor")
        rate.plot(hours, [min(t["norm"], 4) for t in train], alpha=0.4, label="gradient norm (up to 4)")
        rate.legend()

    axes(path, ("cross-entropy of training batches", "learning rate"), draw)


def draw_dev(dev, path):
    def draw(*plots):
        for name in sorted({n for line in dev for n in line["dev"]}):
            points = [(line["seconds"] / 3600, *line["dev"][name]) for line in dev if name in line["dev"]]
            for plot, column in zip(plots, (1, 2)):
                plot.plot([p[0] for p in points], [p[column] for p in points], marker=".", label=name)
        plots[0].legend(fontsize=7)

    axes(path, ("dev cross-entropy (averaged weights)", "dev token accuracy"), draw)


def draw_balance(train, path):
    def draw(plot):
        plot.plot([t["seconds"] / 3600 for t in train], [t["balance"] for t in train])
        plot.set_yscale("log")

    axes(path, ("experts: CV² of importance + CV² of load",), draw)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--log", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True, help="folder for the pictures")
    a = p.parse_args()
    train, dev = read_log(a.log)
    if not train:
        p.error(f"{a.log} has no training lines yet")
    a.out.mkdir(parents=True, exist_ok=True)
    draw_loss(train, a.out / "loss.png")
    draw_balance(train, a.out / "balance.png")
    if dev:
        draw_dev(dev, a.out / "dev.png")


if __name__ == "__main__":
    main()
