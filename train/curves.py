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
        elif "lr" in line:
            train.append(line)
    return train, dev


def series(lines, name):
    """(hours, values) of the lines that have a measure."""
    points = [(line["seconds"] / 3600, line[name]) for line in lines if name in line]
    return [p[0] for p in points], [p[1] for p in points]


def measures(train, wanted):
    return sorted({k for line in train for k in line if wanted(k)})


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


OTHERS = ("step", "seconds", "tokens", "norm", "lr")


def draw_loss(train, path):
    names = measures(train, lambda k: k not in OTHERS and "." not in k and k != "event")

    def draw(plot, rate):
        for name in names:
            hours, loss = series(train, name)
            (drawn,) = plot.plot(hours, smooth(loss), label=name)
            plot.plot(hours, loss, alpha=0.3, color=drawn.get_color())
        plot.set_ylim(top=7)
        plot.legend(fontsize=7)
        rate.plot(*series(train, "lr"), label="factor")
        hours, norm = series(train, "norm")
        rate.plot(hours, [min(n, 4) for n in norm], alpha=0.4, label="gradient norm (up to 4)")
        rate.legend()

    axes(path, ("losses of training batches", "learning rate"), draw)


def draw_dev(dev, path):
    def draw(*plots):
        for name in sorted({n for line in dev for n in line["dev"]}):
            points = [(line["seconds"] / 3600, line["dev"][name]) for line in dev if name in line["dev"]]
            for i, plot in enumerate(plots):  # the loss of boxes or of letters alone has no second value
                known = [(hours, values[i]) for hours, values in points if len(values) > i]
                plot.plot([p[0] for p in known], [p[1] for p in known], marker=".", label=name)
        plots[0].legend(fontsize=7)

    axes(path, ("dev loss (averaged weights)", "dev accuracy; of boxes, overlap"), draw)


def draw_balance(train, path):
    def draw(plot):
        for name in measures(train, lambda k: k.startswith("balance.")):
            plot.plot(*series(train, name), label=name.removeprefix("balance."))
        plot.set_yscale("log")
        plot.legend()

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
