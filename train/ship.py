"""A training checkpoint's averaged weights in parts small enough to carry home from a machine that limits what comes back.

    python ship.py --run RUN/last.pt --out OUT --part 15       # OUT/weights.pt.0, .1, …, each at most 15 MB
    cat OUT/weights.pt.* > weights.pt                          # for export.py --run, and for train.py --init

The moments of the optimizers, two thirds of last.pt, stay behind: --resume needs last.pt itself.
"""
import argparse
import io
from pathlib import Path

import torch


def averaged(state):
    """What export.py and --init need; both kinds of weights are the averaged ones, stored once."""
    return {"model": state["average"], "average": state["average"],
            **{k: state[k] for k in ("config", "step", "seconds", "tokens", "hours")}}


def parts(state, size):
    """The bytes of the file, cut at size."""
    buffer = io.BytesIO()
    torch.save(averaged(state), buffer)
    blob = buffer.getvalue()
    return [blob[at:at + size] for at in range(0, len(blob), size)]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", type=Path, required=True, help="checkpoint file of train.py")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--part", type=float, default=15, help="largest part in MB")
    a = p.parse_args()
    state = torch.load(a.run, map_location="cpu", weights_only=False)
    a.out.mkdir(parents=True, exist_ok=True)
    for i, part in enumerate(parts(state, int(a.part * 1e6))):
        (a.out / f"weights.pt.{i}").write_bytes(part)
    done = state["seconds"] / 3600 / state["hours"]
    print(f"step {state['step']}, {state['tokens'] / 1e6:.0f} M target tokens, {100 * done:.0f}% of the schedule: {a.out}/weights.pt.*")


if __name__ == "__main__":
    main()
