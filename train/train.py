"""Joint training of the MultiModel on any mix of tasks; the same code on a CPU and on a GPU.

    python train.py --data DATA --run RUN --hours 2            # checkpoint every ten minutes in RUN
    python train.py --data DATA --run RUN --hours 2 --resume   # go on where RUN stopped
    python train.py --packed packed.* --run RUN --rows 512 --workers 8   # on a GPU, from the files of pack.py

The schedule follows training time, not steps: warm-up, constant, then a linear decay that ends at --hours. A later
--resume --hours LARGER from `constant.pt` (kept from just before the decay) trains on as if it had been planned so.
"""
import argparse
import copy
import hashlib
import json
import os
import pickle
import signal
import time
from pathlib import Path

import numpy as np
import torch

import checkpoint
import data
import feed
import optim
import pack
from model import Config, MultiModel, Rows, smoothed_loss
from tokenizer import Tokenizer

EXPERT_LOSS = 0.01  # weight of CV²(importance) + CV²(load): Shazeer et al. 2017


def encoded(tok, root, split, cache, packed=None):
    """Token ids of every corpus, from packed ({split: …} of pack.read) or from the texts below root, cached by the
    tokenizer's and data.py's hash."""
    if packed:
        return packed[split]
    key = hashlib.sha256((tok.bpe._mergeable_ranks.__repr__() + Path(data.__file__).read_text()).encode()).hexdigest()[:12]
    path = cache / f"encoded.{split}.{key}.pkl"
    if path.exists():
        return pickle.loads(path.read_bytes())
    out = {n: data.encode_corpus(tok, n, rows) for n, rows in data.corpora(root, split).items() if rows}
    path.write_bytes(pickle.dumps(out))
    return out


def shapes(rows):
    return data.Shape(rows, 112, 128), data.Shape(rows // 2, 160, 256)


def dev_batches(tok, encoded_dev, rows, count=4):
    """name -> a few fixed batches of one task each."""
    out = {}
    for p, stream, name in data.streams(tok, encoded_dev, {n: 1.0 for n in encoded_dev}, seed=7):
        packer = data.Packer([(1.0, stream, name)], *shapes(rows), seed=7)
        out[name] = [packer.next() for _ in range(count if name.startswith("tatoeba") else 1)]
    return out


def initial(path):
    """Weights to start from: those of a training checkpoint, or of an exported model directory."""
    if Path(path).is_dir():
        return checkpoint.load(path)[0].state_dict()
    return torch.load(path, map_location="cpu")["model"]


class Trainer:
    def __init__(self, a):
        torch.manual_seed(a.seed)
        self.a, self.device = a, a.device
        self.model = MultiModel(Config(**json.loads(a.config))).to(a.device)
        if a.init:
            self.model.load_state_dict(initial(a.init))
        self.opts = optim.optimizers(self.model, a.lr_matrix, a.lr_rest, a.weight_decay, compile=a.device != "cpu")
        self.average = copy.deepcopy(self.model).eval().requires_grad_(False)
        self.step, self.seconds, self.tokens = 0, 0.0, 0
        self.loss = torch.compile(self.batch_loss, dynamic=False) if a.compile else self.batch_loss

    def batch_loss(self, model, b):
        with torch.autocast(self.device.split(":")[0], torch.bfloat16):
            logits, balance = model(b["src"], Rows(b["src_segment"], b["src_position"]),
                                    b["tgt"], Rows(b["tgt_segment"], b["tgt_position"]))
        smooth, plain = smoothed_loss(logits, b["labels"], self.a.smoothing)
        return smooth, plain, balance

    def compile(self):
        """Compile for both batch shapes and for the optimizer before the clock runs, which on a GPU takes as long as many
        steps. The batches are empty and the gradients zero; call it before load."""
        for shape in shapes(self.a.rows):
            smooth, _, balance = self.loss(self.model, self.put(data.pack([[]] * shape.rows, shape)))
            (smooth + EXPERT_LOSS * balance).backward()
        for p in self.model.parameters():
            p.grad = torch.zeros_like(p)
        self.opts[0].step()
        self.model.zero_grad(set_to_none=True)

    def put(self, batch):
        return {k: torch.from_numpy(v).to(self.device, non_blocking=True) for k, v in batch.items()}

    def train_step(self, batch):
        start = time.monotonic()
        factor = optim.schedule(self.seconds / (self.a.hours * 3600))
        for o in self.opts:
            for g in o.param_groups:
                g["lr"] = g.setdefault("peak", g["lr"]) * factor
        smooth, plain, balance = self.loss(self.model, self.put(batch))
        (smooth + EXPERT_LOSS * balance).backward()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.a.clip)
        for o in self.opts:
            o.step()
            o.zero_grad(set_to_none=True)
        self.step += 1
        self.tokens += int((batch["tgt_segment"] > 0).sum())
        self.update_average()
        out = dict(loss=plain.item(), balance=float(balance), norm=norm.item(), lr=factor)
        self.seconds += min(time.monotonic() - start, 60.0)  # a pause (SIGSTOP) is not training time
        return out

    @torch.no_grad()
    def update_average(self):
        """Exponential moving average, short at first."""
        keep = min(self.a.average, 1 - 1 / (1 + self.step / 10))
        for mean, p in zip(self.average.parameters(), self.model.parameters()):
            mean.lerp_(p, 1 - keep)

    @torch.no_grad()
    def evaluate(self, dev):
        """name -> (cross-entropy, token accuracy) of the averaged weights, teacher forced."""
        out = {}
        for name, batches in dev.items():
            loss, hit, n = 0.0, 0, 0
            for b in map(self.put, batches):
                with torch.autocast(self.device.split(":")[0], torch.bfloat16):
                    logits, _ = self.average(b["src"], Rows(b["src_segment"], b["src_position"]),
                                             b["tgt"], Rows(b["tgt_segment"], b["tgt_position"]))
                keep = b["labels"] >= 0
                z, y = logits[keep].float(), b["labels"][keep]
                loss += torch.nn.functional.cross_entropy(z, y, reduction="sum").item()
                hit += (z.argmax(-1) == y).sum().item()
                n += len(y)
            out[name] = (round(loss / n, 4), round(hit / n, 4))
        return out

    def save(self, path):
        state = dict(model=self.model.state_dict(), average=self.average.state_dict(), step=self.step, seconds=self.seconds,
                     tokens=self.tokens, opts=[o.state_dict() for o in self.opts], config=self.model.config.dict(),
                     hours=self.a.hours)
        torch.save(state, str(path) + ".new")
        os.replace(str(path) + ".new", path)

    def load(self, path):
        state = torch.load(path, map_location=self.device, weights_only=False)
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.step, self.seconds, self.tokens = state["step"], state["seconds"], state["tokens"]
        for o, s in zip(self.opts, state["opts"]):
            o.load_state_dict(s)


def run(a):
    begun = time.monotonic()
    a.run.mkdir(parents=True, exist_ok=True)
    tok = Tokenizer(a.tokenizer)
    trainer = Trainer(a)
    if a.device != "cpu" and a.compile:
        trainer.compile()
    last = a.run / "last.pt"
    if a.resume and last.exists():
        trainer.load(last)
    shares = {**data.SHARES, **json.loads(a.shares)}
    packed = pack.read(a.packed, a.tokenizer) if a.packed else None
    corpora = encoded(tok, a.data, "train", a.run, packed)
    dev = dev_batches(tok, encoded(tok, a.data, "dev", a.run, packed), min(a.rows, 48))

    def packer(worker):
        seed = a.seed + trainer.step + worker * 10**6
        return data.Packer(data.streams(tok, corpora, shares, seed), *shapes(a.rows), seed=seed + 1)

    get = feed.prefetch(packer, a.workers) if a.workers else data.prefetch(packer(0))
    log = open(a.run / "log.jsonl", "a", buffering=1)
    log.write(json.dumps(dict(event="start", step=trainer.step, config=trainer.model.config.dict(), device=a.device,
                              threads=torch.get_num_threads(), shares=shares, seed=a.seed, rows=a.rows, hours=a.hours)) + "\n")
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    sums, count, saved = {}, 0, time.monotonic()
    until = begun + a.minutes * 60
    while trainer.seconds < a.hours * 3600 and not stop and trainer.step < a.steps and time.monotonic() < until:
        for k, v in trainer.train_step(get()).items():
            sums[k] = sums.get(k, 0.0) + v
        count += 1
        if not np.isfinite(sums["loss"]):
            raise FloatingPointError(f"train: loss is not finite at step {trainer.step}; resume from {last}")
        if trainer.step % a.log_every == 0:
            line = dict(step=trainer.step, seconds=round(trainer.seconds), tokens=trainer.tokens,
                        **{k: round(v / count, 4) for k, v in sums.items()})
            log.write(json.dumps(line) + "\n")
            sums, count = {}, 0
        if trainer.step % a.eval_every == 0:
            log.write(json.dumps(dict(step=trainer.step, seconds=round(trainer.seconds), dev=trainer.evaluate(dev))) + "\n")
        if time.monotonic() - saved > 600:
            trainer.save(last)
            if optim.schedule(trainer.seconds / (a.hours * 3600)) == 1.0:
                trainer.save(a.run / "constant.pt")
            saved = time.monotonic()
    log.write(json.dumps(dict(step=trainer.step, seconds=round(trainer.seconds), dev=trainer.evaluate(dev), event="end")) + "\n")
    trainer.save(last)


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with tatoeba/, software/, bible_pd/, parsing/, silver_trees/")
    source.add_argument("--packed", type=Path, nargs="+", metavar="FILE", help="files of pack.py instead")
    p.add_argument("--run", type=Path, required=True, help="folder for checkpoints and log.jsonl")
    p.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.tiktoken")
    p.add_argument("--hours", type=float, default=2.0)
    p.add_argument("--steps", type=int, default=10**9)
    p.add_argument("--minutes", type=float, default=float("inf"), help="stop and save after this long")
    p.add_argument("--rows", type=int, default=48, help="rows of 128 target slots in a short batch")
    p.add_argument("--workers", type=int, default=0, help="processes that make batches (0: one thread)")
    p.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    p.add_argument("--config", default="{}", help="JSON overrides of model.Config")
    p.add_argument("--shares", default="{}", help="JSON overrides of data.SHARES")
    p.add_argument("--lr-matrix", type=float, default=0.02)
    p.add_argument("--lr-rest", type=float, default=3e-3)
    p.add_argument("--weight-decay", type=float, default=0.0)
    p.add_argument("--smoothing", type=float, default=0.1)
    p.add_argument("--clip", type=float, default=2.0)
    p.add_argument("--average", type=float, default=0.995)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--log-every", type=int, default=20)
    p.add_argument("--eval-every", type=int, default=500)
    p.add_argument("--init", help="start from the weights of another run's checkpoint, or of an exported model directory")
    p.add_argument("--resume", action="store_true")
    p.add_argument("--no-compile", dest="compile", action="store_false")
    return p


if __name__ == "__main__":
    run(parser().parse_args())
