"""The sets of bench/LEARNING.md as mm learn takes them: files label<TAB>text, or label<TAB>path of a PNG or WAV file.

    python sets.py --classify DATA/classify --image IMAGE --audio AUDIO --out SETS

CLASSIFY has banking77/, clinc150/ and snips7/; IMAGE cifar10/, cifar100/ and omniglot_small/; AUDIO speech_commands_test/.
What is missing is passed over. SETS gets NAME/train.tsv, dev.tsv and test.tsv, and the files that they name. Nothing is
changed but the container: photos are cut from their atlases, sounds become 16-bit WAV of the rate that they have.
"""
import argparse
import csv
from pathlib import Path

import soundfile
from PIL import Image

TILE, COLUMNS = 32, 40  # of the atlases


def lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{label}\t{text}\n" for label, text in rows), encoding="utf-8")


def read(path):
    return [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines() if "\t" in line]


def texts(folder, out):
    """A set of lines; where it has no dev split, every tenth training line becomes one."""
    train, dev = read(folder / "train.tsv"), folder / "val.tsv"
    if dev.exists():
        dev = read(dev)
    else:
        train, dev = [r for i, r in enumerate(train) if i % 10 != 9], train[9::10]
    for split, rows in (("train", train), ("dev", dev), ("test", read(folder / "test.tsv"))):
        lines(out / f"{split}.tsv", rows)


def photos(folder, out, splits):
    """Tiles of atlases, by index.tsv: atlas, pos, split, label, name, file."""
    rows, atlas, opened = {s: [] for s in splits}, None, None
    with open(folder / "index.tsv", encoding="utf-8") as f:
        for at, r in enumerate(csv.DictReader(f, delimiter="\t")):
            if r["split"] not in splits:
                continue
            if r["atlas"] != opened:
                opened = r["atlas"]
                (found,) = folder.glob(f"atlas{int(opened):02d}.*")
                atlas = Image.open(found).convert("RGB")
            y, x = divmod(int(r["pos"]), COLUMNS)
            name = f"{r['split']}/{at:05d}.png"
            (out / r["split"]).mkdir(parents=True, exist_ok=True)
            atlas.crop((x * TILE, y * TILE, (x + 1) * TILE, (y + 1) * TILE)).save(out / name, compress_level=1)
            rows[r["split"]].append((r["name"], name))
    for split, found in rows.items():
        lines(out / f"{split}.tsv", found)


def characters(folder, out):
    """Drawn characters, a class each: the alphabets of the first half are learned from, those that only the other has are new."""
    first, second = (sorted(p for p in (folder / f"images_background_small{i}").iterdir() if p.is_dir()) for i in (1, 2))
    known = {p.name for p in first}
    for split, alphabets in (("train", first), ("test", [p for p in second if p.name not in known])):
        rows = []
        for alphabet in alphabets:
            for path in sorted(alphabet.rglob("*.png")):
                name = f"{split}/{path.name}"
                (out / split).mkdir(parents=True, exist_ok=True)
                (out / name).write_bytes(path.read_bytes())
                rows.append((f"{alphabet.name} {path.parent.name}", name))
        lines(out / f"{split}.tsv", rows)


def sounds(folder, out):
    rows = {}
    with open(folder / "index.tsv", encoding="utf-8") as f:
        for r in csv.DictReader(f, delimiter="\t"):
            samples, rate = soundfile.read(folder / r["file"], dtype="int16")
            name = r["file"].replace("opus/", r["split"] + "/", 1).replace(".opus", ".wav")
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(out / name, samples, rate, subtype="PCM_16")
            rows.setdefault(r["split"], []).append((r["class"], name))
    for split, found in rows.items():
        lines(out / f"{split}.tsv", found)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--classify", "--image", "--audio"):
        p.add_argument(name, type=Path, default=Path("nowhere"))
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    for folder, make in [
        *((a.classify / name, texts) for name in ("banking77", "clinc150", "snips7")),
        (a.image / "cifar100", lambda f, o: photos(f, o, ("train", "dev", "test"))),
        (a.image / "cifar10", lambda f, o: photos(f, o, ("test",))),
        (a.image / "omniglot_small", characters),
        (a.audio / "speech_commands_test", sounds),
    ]:
        out = a.out / folder.name.removesuffix("_test").removesuffix("_small")
        if folder.exists() and not (out / "test.tsv").exists():
            make(folder, out)
            print(out, flush=True)


if __name__ == "__main__":
    main()
