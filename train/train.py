"""Joint training of the MultiModel on any mix of tasks; the same code on a CPU and on a GPU.

    python train.py --data DATA --run RUN --hours 2            # checkpoint every ten minutes in RUN
    python train.py --data DATA --run RUN --hours 2 --resume   # go on where RUN stopped
    python train.py --data DATA --senses CACHE --run RUN       # speech and pictures too: sounds.py, photos.py made CACHE
    python train.py --packed packed.* --run RUN --rows 512 --workers 8   # on a GPU, from the files of pack.py

The schedule follows training time, or steps where --steps says how many: warm-up, constant, then a linear decay that ends at --hours. A later
--resume --hours LARGER from `constant.pt` (kept from just before the decay) trains on as if it had been planned so.
"""
import argparse
import hashlib
import json
import pickle
import signal
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch

import batches
import captions
import data
import feed
import optim
import pack
import photos
import sounds
from tokenizer import Tokenizer
from trainer import Trainer


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
    """name -> ("text", a few fixed batches) of one task each."""
    out = {}
    for p, stream, name in data.streams(tok, encoded_dev, {n: 1.0 for n in encoded_dev}, seed=7):
        packer = data.Packer([(1.0, stream, name)], *shapes(rows), seed=7)
        out[name] = "text", [packer.next() for _ in range(count if name.startswith("tatoeba") else 1)]
    return out


def sense_batches(a, tok, seed):
    """kind -> maker of endless training batches, for the kinds that read the cache."""
    made = {}
    for kind, rows in (("sounds", a.sound_rows), ("murmurs", a.murmurs)):
        if kind in a.kinds:
            shares, source = {**batches.SHARES, **json.loads(a.sound_shares)}, sounds.Sounds(a.senses, "train")
            made[kind] = batches.SoundBatches(source, tok, shares, rows, seed, words=kind == "murmurs")
    for kind, size in (("photos", a.photos), ("glances", a.glances)):
        if kind in a.kinds:
            images, labels = photos.load(a.senses, "cifar10", "train")
            made[kind] = batches.PhotoBatches(images, labels, tok.commands["<classify>"], size, seed, a.augment)
    if "captions" in a.kinds:
        made["captions"] = captions.CaptionBatches(*photos.load(a.senses, "flickr8k_1000", "train"), tok, a.captions, seed)
    if "cells" in a.kinds:
        made["cells"] = batches.CellBatches(photos.load(a.senses, "bccd", "train"), tok.commands["<detect>"], a.cells, seed)
    return made


def sense_dev(a, tok):
    """set -> (kind, fixed batches without augmentation) of the dev splits."""
    out = {}
    for kind in {"sounds", "murmurs"} & set(a.kinds):
        source = sounds.Sounds(a.senses, "dev")
        for name in source.names:
            made = batches.SoundBatches(source, tok, {name: 1.0}, min(a.sound_rows, 8), 7, augment=False, words=kind == "murmurs")
            out[name if kind == "sounds" else f"{name}.{kind}"] = kind, [made.next() for _ in range(2)]
    for kind in {"photos", "glances"} & set(a.kinds):
        images, labels = photos.load(a.senses, "cifar10", "dev")
        index = np.random.default_rng(7).permutation(len(images))[:1024].reshape(4, -1)
        made = [(photos.pixels(images[i]), labels[i].astype(np.int64), tok.commands["<classify>"]) for i in index]
        out["cifar10" if kind == "photos" else kind] = kind, [batches.photo_batch(*one) for one in made]
    if "captions" in a.kinds:
        made = captions.CaptionBatches(*photos.load(a.senses, "flickr8k_1000", "dev"), tok, 25, 7, augment=False)
        out["flickr8k"] = "captions", [made.next() for _ in range(4)]
    if "cells" in a.kinds:
        pictures = [photos.whole_cells(*p) for p in photos.load(a.senses, "bccd", "dev")[:24]]
        out["bccd"] = "cells", [batches.cell_batch(pictures[i:i + 8], tok.commands["<detect>"]) for i in range(0, 24, 8)]
    return out


def sources(a, tok, step):
    """({kind: function that returns the next batch}, dev sets, shares of the texts); step, where the run begins, seeds them."""
    shares = {**data.SHARES, **json.loads(a.shares)}
    get, dev = {}, {}
    if "text" in a.kinds:
        packed = pack.read(a.packed, a.tokenizer) if a.packed else None
        corpora = encoded(tok, a.data, "train", a.run, packed)
        dev = dev_batches(tok, encoded(tok, a.data, "dev", a.run, packed), min(a.rows, 48))

        def packer(worker):
            seed = a.seed + step + worker * 10**6
            return data.Packer(data.streams(tok, corpora, shares, seed), *shapes(a.rows), seed=seed + 1)

        get["text"] = feed.prefetch(packer, a.workers) if a.workers else data.prefetch(packer(0))
        if "align" in a.kinds:
            shape = shapes(a.align_rows)[0]
            made = data.Packer(data.pairs(tok, corpora, a.seed + step + 2), shape, shape, seed=a.seed + step + 3)
            get["align"] = data.prefetch(made)
    for kind, made in sense_batches(a, tok, a.seed + step).items():
        get[kind] = feed.prefetch(lambda worker, kind=kind: sense_batches(a, tok, a.seed + step + worker * 10**6)[kind],
                                  a.workers) if a.workers else data.prefetch(made)
    return get, dev | sense_dev(a, tok), shares


class Means:
    """Running means of measures given as (sum, count)."""

    def __init__(self):
        self.sums = {}

    def add(self, measures):
        for name, (total, count) in measures.items():
            t, n = self.sums.get(name, (0.0, 0.0))
            self.sums[name] = t + total, n + count

    def take(self):
        out = {k: round(t / n, 4) for k, (t, n) in self.sums.items() if n}
        self.sums = {}
        return out

    def finite(self):
        return all(np.isfinite(t) for t, _ in self.sums.values())


def run(a):
    begun = time.monotonic()
    a.run.mkdir(parents=True, exist_ok=True)
    tok = Tokenizer(a.tokenizer)
    trainer, last = Trainer(a), a.run / "last.pt"
    resumed = a.resume and last.exists()
    begin = torch.load(last, map_location="cpu", weights_only=False, mmap=True)["step"] if resumed else 0
    get, dev, shares = sources(a, tok, begin)
    if a.device != "cpu" and a.compile:
        long = [data.pack([[]] * shape.rows, shape) for shape in shapes(a.rows)] if "text" in get else []
        trainer.compile({kind: long if kind == "text" else [get[kind]()] for kind in get})
    if resumed:
        trainer.load(last)
    log = open(a.run / "log.jsonl", "a", buffering=1)
    log.write(json.dumps(dict(event="start", step=trainer.step, config=trainer.model.config.dict(), device=a.device,
                              threads=torch.get_num_threads(), kinds=a.kinds, shares=shares, seed=a.seed, rows=a.rows,
                              hours=a.hours)) + "\n")
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    train(a, trainer, get, dev, log, last, begun + a.minutes * 60, stop)
    log.write(json.dumps(dict(step=trainer.step, seconds=round(trainer.seconds), dev=trainer.evaluate(dev), event="end")) + "\n")
    trainer.save(last)


def train(a, trainer, get, dev, log, last, until, stop):
    """Steps until the hours, the steps or the minutes are over, or until stop has something."""
    means, saved = Means(), time.monotonic()
    while trainer.seconds < a.hours * 3600 and not stop and trainer.step < a.steps and time.monotonic() < until:
        means.add(trainer.train_step({kind: take() for kind, take in get.items() if trainer.step % a.every.get(kind, 1) == 0}))
        if not means.finite():
            raise FloatingPointError(f"train: a measure is not finite at step {trainer.step}; resume from {last}")
        line = dict(step=trainer.step, seconds=round(trainer.seconds))
        if trainer.step % a.log_every == 0:
            log.write(json.dumps(line | dict(tokens=trainer.tokens, **means.take())) + "\n")
        if trainer.step % a.eval_every == 0:
            log.write(json.dumps(line | dict(dev=trainer.evaluate(dev))) + "\n")
        if time.monotonic() - saved > 600:
            trainer.save(last)
            if optim.schedule(trainer.progress()) == 1.0:
                trainer.save(a.run / "constant.pt")
            saved = time.monotonic()


def factors(text):
    """{beginning of a weight's name: factor}, the last for all others."""
    value = json.loads(text)
    value = value if isinstance(value, dict) else {"": value}
    return {begin: float(f) for begin, f in value.items() if begin} | {"": float(value.get("", 1.0))}


def parser():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder with tatoeba/, software/, bible_pd/, parsing/, silver_trees/")
    source.add_argument("--packed", type=Path, nargs="+", metavar="FILE", help="files of pack.py instead")
    p.add_argument("--senses", type=Path, help="cache of sounds and pictures")
    p.add_argument("--kinds", type=lambda text: text.split(","), default=["text"], help="of batches that each step takes, "
                   "separated by commas: text, align, sounds, murmurs, photos, glances, captions, cells")
    p.add_argument("--every", type=json.loads, default={}, help="JSON: a kind that is not taken at each step but every so many")
    p.add_argument("--align-rows", type=int, default=6, help="rows of 128 slots in a batch of aligned pairs")
    p.add_argument("--sound-rows", type=int, default=8, help="rows of 16 seconds in a batch of sounds")
    p.add_argument("--murmurs", type=int, default=12, help="rows of 16 seconds in a batch of sounds for the audio encoder alone")
    p.add_argument("--sound-shares", default="{}", help="JSON overrides of batches.SHARES")
    p.add_argument("--photos", type=int, default=64, help="pictures in a batch of photos")
    p.add_argument("--glances", type=int, default=128, help="pictures in a batch of photos for the image encoder alone")
    p.add_argument("--augment", type=float, default=1.0, help="how strongly photos are changed beyond crops, 0 to 1: less for a "
                   "short training")
    p.add_argument("--adversarial", type=Fraction, default=0, metavar="EPS", help="train on attacked photos, no channel changed by "
                   "more than this share of its range, such as 8/255")
    p.add_argument("--adversarial-steps", type=int, default=1, help="of the attack: 1 is FGSM from a start by chance, more is PGD")
    p.add_argument("--captions", type=int, default=16, help="pictures in a batch of photos with captions")
    p.add_argument("--cells", type=int, default=2, help="pictures in a batch of cells")
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
    p.add_argument("--lr-known", type=factors, default={"": 1.0}, help="factor on the learning rates of the weights that --init "
                   "brings, 0: they stay as they are; or JSON, beginning of a name -> factor, of which the first counts")
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
