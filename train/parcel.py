"""The cache of sounds and the pictures in files small enough to carry to a machine that has neither.

    python parcel.py pack --senses CACHE --images IMAGE --out OUT --part 20 --budget 160    # here: OUT/parcel.00.tar, …
    python parcel.py unpack OUT/parcel.*.tar --out CACHE                                    # there, all at once or part by part

Sounds travel as differences between frames, compressed, and arrive to the byte; pictures as the files they came as, of
which photos.py makes its arrays once a set is complete. Tests stay behind. What is worth most goes first, until the budget is
full; synthetic voices come last, shard by shard.
"""
import argparse
import bz2
import io
import json
import tarfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

import photos

SETS = ("bccd", "fsdd", "speech_commands", "cifar10", "librispeech", "kathleen", "asterisk", "synthetic_digits",
        "synthetic_commands", "synthetic")
PICTURES = {"cifar10": "index.tsv", "bccd": "boxes.tsv"}  # and their lists of pictures


def frames_of(blob):
    """The frames within a safetensors file, as a view (ΣF, bands) of its bytes."""
    size = int.from_bytes(blob[:8], "little")
    about = json.loads(bytes(blob[8:8 + size]))["frames"]
    begin, end = (8 + size + at for at in about["data_offsets"])
    if about["dtype"] != "U8":
        raise ValueError(f"parcel: frames are {about['dtype']}, want U8")
    return np.frombuffer(blob, np.uint8)[begin:end].reshape(about["shape"])


def squeezed(path):
    """A file of sounds, each frame less the one before."""
    blob = bytearray(Path(path).read_bytes())
    frames = frames_of(blob)
    frames[1:] -= frames[:-1].copy()
    return bz2.compress(bytes(blob))


def restored(data):
    blob = bytearray(bz2.decompress(data))
    frames = frames_of(blob)
    np.cumsum(frames, 0, dtype=np.uint8, out=frames)
    return bytes(blob)


def rows(folder, name):
    """The lines of a set's list, its head first, each with its cells by name."""
    lines = (folder / PICTURES[name]).read_text(encoding="utf-8").splitlines()
    head = lines[0].split("\t")
    return [(line, dict(zip(head, line.split("\t")))) for line in lines]


def listed(folder, name):
    """[(file, its bytes)] of a set's pictures for training and dev: the list, without its tests, and what it names."""
    head, *kept = [(line, row) for line, row in rows(folder, name) if row["split"] != "test"]
    files = sorted({photos.atlas_of(folder, r["atlas"]) if "atlas" in r else folder / r["file"] for _, r in kept})
    text = "".join(line + "\n" for line, _ in [head, *kept])
    return [(PICTURES[name], text.encode()), *((str(p.relative_to(folder)), p.read_bytes()) for p in files)]


def entries(senses, images):
    """(name, bytes) of all that may travel, what is worth most first; bytes are made as they are asked for."""
    for name in SETS:
        if name in PICTURES:
            if (images / name).is_dir():
                yield from ((f"{name}/{file}", data) for file, data in listed(images / name, name))
            continue
        paths = sorted(p for split in ("dev", "train") for p in senses.glob(f"{name}.{split}*.safetensors"))
        with ProcessPoolExecutor() as pool:
            yield from ((f"{p.name}.bz2", data) for p, data in zip(paths, pool.map(squeezed, paths)))


def pack(senses, images, out, part, budget):
    """Write the parts; returns their paths, and the names of what the budget had no room for."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("parcel.*.tar"):
        old.unlink()
    parts, room, left = [], 0, []
    for name, data in entries(senses, images):
        if left or len(data) > budget:
            left.append(name)
            continue
        budget -= len(data)
        if len(data) > room:
            parts.append(tarfile.open(out / f"parcel.{len(parts):02d}.tar", "w"))
            room = part
        member = tarfile.TarInfo(name)
        member.size = len(data)
        parts[-1].addfile(member, io.BytesIO(data))
        room -= len(data)
    for p in parts:
        p.close()
    return [Path(p.name) for p in parts], left


def complete(folder, name):
    """Whether a set's list is there, with all that it names."""
    if not (folder / PICTURES[name]).exists():
        return False
    wanted = {f"atlas{int(r['atlas']):02d}.*" if "atlas" in r else r["file"] for _, r in rows(folder, name)[1:]}
    return all(any(folder.glob(file)) for file in wanted)


def unpack(paths, out):
    """Add parts to the cache at out; returns the names of the sets and files that are in it now."""
    pictures = out / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    for path in paths:
        with tarfile.open(path) as tar:
            tar.extractall(pictures, filter="data")
    sounds = sorted(pictures.glob("*.safetensors.bz2"))
    with ProcessPoolExecutor() as pool:
        for p, data in zip(sounds, pool.map(restored, (p.read_bytes() for p in sounds))):
            (out / p.stem).write_bytes(data)
            p.unlink()
    for name in PICTURES:
        if not (out / f"{name}.train.images.npy").exists() and complete(pictures / name, name):
            photos.BUILD[name](pictures / name, out)
    return sorted(p.name for p in out.iterdir() if p.is_file())


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    todo = p.add_subparsers(dest="todo", required=True)
    packs = todo.add_parser("pack")
    packs.add_argument("--senses", type=Path, required=True, help="cache of sounds.py")
    packs.add_argument("--images", type=Path, required=True, help="folder with cifar10/ and bccd/")
    packs.add_argument("--part", type=float, default=20, help="largest file in MB, unless what it holds is larger")
    packs.add_argument("--budget", type=float, default=160, help="MB in all")
    unpacks = todo.add_parser("unpack")
    unpacks.add_argument("parts", type=Path, nargs="+")
    for q in (packs, unpacks):
        q.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    if a.todo == "unpack":
        print("\n".join(unpack(a.parts, a.out)))
        return
    paths, left = pack(a.senses, a.images, a.out, a.part * 1e6, a.budget * 1e6)
    for path in paths:
        with tarfile.open(path) as tar:
            names = sorted({n.split("/")[0] for n in tar.getnames()})
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB: {', '.join(names)}")
    if left:
        print(f"no room: {', '.join(left)}")


if __name__ == "__main__":
    main()
