"""All corpora as token ids in a few small files, for training where the texts are not: on a lent GPU machine, say.

    python pack.py --data DATA --tokenizer ../models/base --out ../build/gpu         # packed.0, packed.1, … below --part MB
    python train.py --packed ../build/gpu/packed.* --tokenizer ../models/base --run RUN

A file is one xz stream: a JSON line that says what follows, then for each corpus its lengths (uint16) and its ids (uint16),
column by column. Of trees only the decoder's inputs are kept: source and labels follow from them.
"""
import argparse
import hashlib
import json
import lzma
import tempfile
from pathlib import Path

import numpy as np

import tokenizer
from data import Ragged

FORMAT = "mm packed corpora 1"
# Ids are two bytes each; the whole of a corpus is within reach of its matches.
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "dict_size": 1 << 26, "lp": 1, "lc": 2, "pb": 1}]


def ragged(flat, lengths):
    out = Ragged([])
    out.flat, out.start = flat.astype(np.int16), np.r_[0, np.cumsum(lengths, dtype=np.int64)]
    return out


def tree_columns(inputs):
    """(source, inputs, labels) of trees from the decoder's inputs: command, copied pieces, decisions. Whatever lies above
    the ranks is decided, what lies below is copied from the source; the end, always decided, follows the last input."""
    end = tokenizer.RANKS
    following = np.r_[inputs.flat[1:], np.int16(end)]
    last = inputs.start[1:] - 1
    following[last] = end
    labels = np.where(following >= end, following, np.int16(-1))
    copied = inputs.flat < end
    copied[inputs.start[:-1]] = True  # the command stands in front of the source too
    kept = np.r_[0, np.cumsum(copied)]
    return [ragged(inputs.flat[copied], kept[inputs.start[1:]] - kept[inputs.start[:-1]]), inputs,
            ragged(labels, np.diff(inputs.start))]


def stored(columns):
    """The columns of a corpus that a file keeps."""
    if len(columns) == 2:
        return columns
    for got, want in zip(tree_columns(columns[1]), columns):
        if not np.array_equal(got.flat, want.flat) or not np.array_equal(got.start, want.start):
            raise ValueError("pack: source and labels of a tree do not follow from its inputs")
    return columns[1:2]


def fingerprint(directory):
    return hashlib.sha256((Path(directory) / "tokenizer.tiktoken").read_bytes()).hexdigest()


def compressed(key, entries):
    """One file's bytes from [(split, name, columns kept)]."""
    head = {"format": FORMAT, "tokenizer": key, "corpora": [
        {"split": split, "name": name, "columns": [[len(c), len(c.flat)] for c in columns]} for split, name, columns in entries]}
    packer = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=FILTERS)
    parts = [packer.compress(json.dumps(head).encode() + b"\n")]
    for _, _, columns in entries:
        for c in columns:
            parts += [packer.compress(np.diff(c.start).astype("<u2").tobytes()), packer.compress(c.flat.astype("<u2").tobytes())]
    return b"".join(parts + [packer.flush()])


def write(directory, key, splits, part):
    """Write {split: {name: columns}} as packed.0, packed.1, …, none larger than part bytes unless one corpus is."""
    entries = [(split, name, stored(columns)) for split, corpora in splits.items() for name, columns in corpora.items()]
    entries.sort(key=lambda e: e[1][-5:])  # corpora that share English sentences lie together
    directory.mkdir(parents=True, exist_ok=True)
    for old in directory.glob("packed.*"):
        old.unlink()
    groups = [entries]
    paths = []
    while groups:
        group = groups.pop(0)
        blob = compressed(key, group)
        if len(blob) > part and len(group) > 1:
            groups[:0] = [group[:len(group) // 2], group[len(group) // 2:]]
            continue
        path = directory / f"packed.{len(paths)}"
        path.write_bytes(blob)
        paths.append(path)
    return paths


def read(paths, directory):
    """{split: {name: columns}} of packed files, whose ids must be those of the tokenizer in directory."""
    out, key = {}, fingerprint(directory)
    for path in paths:
        with lzma.open(path) as f:
            head = json.loads(f.readline())
            if head.get("format") != FORMAT:
                raise ValueError(f"pack: {path}: format {head.get('format')!r}, want {FORMAT!r}")
            if head["tokenizer"] != key:
                raise ValueError(f"pack: {path}: made with tokenizer {head['tokenizer'][:12]}, {directory} has {key[:12]}")
            for corpus in head["corpora"]:
                columns = []
                for count, total in corpus["columns"]:
                    lengths = np.frombuffer(f.read(2 * count), "<u2")
                    columns.append(ragged(np.frombuffer(f.read(2 * total), "<u2"), lengths))
                    if len(lengths) != count or len(columns[-1].flat) != total or lengths.sum(dtype=np.int64) != total:
                        raise ValueError(f"pack: {path}: {corpus['name']} is cut short")
                out.setdefault(corpus["split"], {})[corpus["name"]] = tree_columns(columns[0]) if len(columns) == 1 else columns
    return out


def main():
    import train
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.tiktoken")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--part", type=float, default=40, help="largest file in MB")
    a = p.parse_args()
    tok = tokenizer.Tokenizer(a.tokenizer)
    with tempfile.TemporaryDirectory() as cache:
        splits = {split: train.encoded(tok, a.data, split, Path(cache)) for split in ("train", "dev")}
    for path in write(a.out, fingerprint(a.tokenizer), splits, a.part * 1e6):
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
