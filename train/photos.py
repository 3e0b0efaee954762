"""Pictures for training: photos and blood cells to a cache of uint8 arrays, its reader, and augmentation.

    python photos.py --data IMAGE --out CACHE       # IMAGE has cifar10/, bccd/, and perhaps cifar100/, flickr8k_1000/

CACHE gets, for each set and split, arrays that numpy can map:

    cifar10.train.images.npy (n, 32, 32, 3)    cifar10.train.labels.npy (n,)
    bccd.train.images.npy (n, 240, 320, 3)     bccd.train.boxes.npy (m, 4) of 0..1, labels (m,), starts (n + 1,)
    flickr8k_1000.train.images.npy (n, 96, 96, 3)    flickr8k_1000.train.captions.json: five each
    cifar10.names.json, bccd.names.json: what the labels stand for

The cells are kept as large as they are, since a picture that is shrunk twice is not the one that the runtime sees.
Augmented pictures are float32 in [-1, 1], 0 where there is none, as pictures.pixels makes those of dev and test.
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

import pictures
from sounds import SPLITS, rows
from tasks import CELLS

SETS = ("cifar10", "cifar100", "bccd", "flickr8k_1000")
TILE, COLUMNS = 32, 40  # of the atlases
CANVAS = (192, 144)  # of cells: width and height
KEEP = 0.4  # of its area, or a box that is cut is left out
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Cells:
    """Pictures with boxes: cells[i] is (image (240, 320, 3) uint8, boxes (n, 4) of 0..1, labels (n,))."""

    def __init__(self, images, boxes, labels, starts):
        self.images, self.boxes, self.labels, self.starts = images, boxes, labels, starts

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        if isinstance(i, slice):
            return [self[j] for j in range(*i.indices(len(self)))]
        if not -len(self) <= i < len(self):
            raise IndexError(f"photos: picture {i} of {len(self)}")
        cut = slice(self.starts[i % len(self)], self.starts[i % len(self) + 1])
        return self.images[i], self.boxes[cut], self.labels[cut]


def load(cache, name, split):
    """(images, labels) of a set with classes, Cells of bccd, (images, captions) of flickr8k_1000; images are mapped."""
    def array(what):
        return np.load(Path(cache) / f"{name}.{split}.{what}.npy", mmap_mode="r")
    if name == "bccd":
        return Cells(array("images"), *(np.array(array(what)) for what in ("boxes", "labels", "starts")))
    if name == "flickr8k_1000":
        return array("images"), json.loads((Path(cache) / f"{name}.{split}.captions.json").read_text(encoding="utf-8"))
    return array("images"), np.array(array("labels"))


def pixels(images):
    """uint8 (B, 32, 32, 3) to float32 in [-1, 1]: pictures.pixels of pictures that are as large as their canvas."""
    return (np.asarray(images, np.float64) / 127.5 - 1).astype(np.float32)


def whole_cells(image, boxes, labels):
    """A picture of dev or test as the runtime sees it, boxes in pixels of the canvas (for pictures of 4 to 3)."""
    if image.shape[1] * CANVAS[1] != image.shape[0] * CANVAS[0]:
        size, canvas = f"{image.shape[1]}x{image.shape[0]}", f"{CANVAS[0]}x{CANVAS[1]}"
        raise ValueError(f"photos: picture of {size}, want the proportions of {canvas}")
    return pictures.pixels(image, "letterbox", *CANVAS), boxes * np.float32([*CANVAS, *CANVAS]), labels


def jitter(x, rng, strength=1.0):
    """Brightness, contrast, saturation and tint of (B, H, W, 3) in [-1, 1], each picture its own."""
    def factor(spread, size=(1, 1, 1)):
        return rng.uniform(1 - strength * spread, 1 + strength * spread, (len(x), *size)).astype(np.float32)
    grey = (x @ LUMA)[..., None]
    x = grey + (x - grey) * factor(0.4)
    middle = grey.mean((1, 2, 3), keepdims=True)
    x = middle + (x - middle) * factor(0.3)
    return np.clip(x + (factor(0.2) - 1) + (factor(0.06, (1, 1, 3)) - 1), -1, 1)


def augment_photos(batch, rng, strength=1.0, margin=4, hole=10):
    """(B, H, W, 3) uint8 to float32: cropped at random from a picture reflected at its edges, half of them mirrored; as far
    as strength goes, other colours, and half of them with a square hole (DeVries and Taylor 2017)."""
    count, height, width = batch.shape[:3]
    x = np.pad(pixels(batch), ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    down, right = rng.integers(0, 2 * margin + 1, (2, count, 1))
    across = np.arange(width)
    across = np.where(rng.random((count, 1)) < 0.5, across, across[::-1]) + right
    x = x[np.arange(count)[:, None, None], (np.arange(height) + down)[:, :, None], across[:, None, :]]
    x = jitter(x, rng, strength)
    top, left = rng.integers(-hole // 2, [[height - hole // 2], [width - hole // 2]], (2, count))[:, :, None]
    y, z = np.arange(height), np.arange(width)
    inside = ((y >= top) & (y < top + hole))[:, :, None] & ((z >= left) & (z < left + hole))[:, None, :]
    x[inside & (rng.random((count, 1, 1)) < 0.5 * strength)] = 0
    return x


def turned(image, boxes, rng):
    """One of the eight flips and quarter turns of a picture and its boxes in pixels (x0, y0, x1, y1)."""
    if rng.random() < 0.5:
        image, boxes = image[:, ::-1], mirrored(boxes, image.shape[1])
    if rng.random() < 0.5:
        image, boxes = image[::-1], mirrored(boxes[:, [1, 0, 3, 2]], image.shape[0])[:, [1, 0, 3, 2]]
    if rng.random() < 0.5:
        image, boxes = image.transpose(1, 0, 2), boxes[:, [1, 0, 3, 2]]
    return image, boxes


def mirrored(boxes, width):
    return np.stack((width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]), -1)


def shrunk(part, width, height):
    """pictures.resize in float32 and faster: (H, W, 3) levels to (height, width, 3)."""
    down = pictures.triangle(part.shape[0], height).astype(np.float32)
    across = pictures.triangle(part.shape[1], width).astype(np.float32)
    planes = np.ascontiguousarray(part.transpose(2, 0, 1), np.float32)
    return (down @ planes @ across.T).transpose(1, 2, 0)


def window(width, height, rng):
    """(x0, y0, x1, y1) of what is looked at, in whole pixels, nearly of the canvas' shape: some of the picture, or all
    of it and more."""
    scale, stretch = rng.uniform(0.65, 1.2), np.exp(rng.uniform(-0.1, 0.1))
    w = scale * stretch * min(width, height * CANVAS[0] / CANVAS[1])
    size = [max(8, round(w)), max(8, round(w / stretch**2 * CANVAS[1] / CANVAS[0]))]
    start = [int(rng.integers(min(0, full - s), max(0, full - s) + 1)) for full, s in zip((width, height), size)]
    return start[0], start[1], start[0] + size[0], start[1] + size[1]


def look(image, boxes, labels, view):
    """The window of a picture on the canvas, 0 where it looks beyond, and the boxes of which enough is in it."""
    x0, y0, x1, y1 = view
    height, width = image.shape[:2]
    sx, sy = CANVAS[0] / (x1 - x0), CANVAS[1] / (y1 - y0)
    inner = max(x0, 0), max(y0, 0), min(x1, width), min(y1, height)
    left, top, right, bottom = (round(v) for v in ((inner[0] - x0) * sx, (inner[1] - y0) * sy, (inner[2] - x0) * sx,
                                                   (inner[3] - y0) * sy))
    canvas = np.zeros((CANVAS[1], CANVAS[0], 3), np.float32)
    part = image[inner[1]:inner[3], inner[0]:inner[2]]
    canvas[top:bottom, left:right] = shrunk(part, right - left, bottom - top) / 127.5 - 1
    cut = np.concatenate((np.maximum(boxes[:, :2], inner[:2]), np.minimum(boxes[:, 2:], inner[2:])), -1)
    area, kept = (np.prod(np.maximum(b[:, 2:] - b[:, :2], 0), -1) for b in (boxes, cut))
    stays = (kept > 0) & (kept >= KEEP * area)
    cut = (cut[stays] - [x0, y0, x0, y0]) * [sx, sy, sx, sy]
    return canvas, np.clip(cut, 0, [*CANVAS, *CANVAS]).astype(np.float32), labels[stays]


def augment_cells(image, boxes, labels, rng):
    """A picture and its boxes of 0..1 to the canvas (144, 192, 3) float32 and boxes in its pixels: turned and mirrored,
    nearer or further away, in other colours."""
    height, width = image.shape[:2]
    image, boxes = turned(image, boxes * [width, height, width, height], rng)
    height, width = image.shape[:2]
    canvas, boxes, labels = look(image, boxes, labels, window(width, height, rng))
    picture = canvas.any(-1, keepdims=True)
    return np.where(picture, jitter(canvas[None], rng, 0.6)[0], 0), boxes, labels


def save(folder, name, arrays):
    """NAME.KEY.npy of each, complete or not there at all."""
    for key, value in arrays.items():
        part = folder / f"{name}.{key}.part.npy"
        np.save(part, value)
        os.replace(part, folder / f"{name}.{key}.npy")


def write_json(path, value):
    path.write_text(json.dumps(value, ensure_ascii=False) + "\n", encoding="utf-8")


def picture(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def atlas_of(folder, number):
    return next(folder.glob(f"atlas{int(number):02d}.*"))


def build_classes(folder, out):
    """A set of small photos in atlases of 40 x 25 tiles."""
    made, names, tiles = {s: ([], []) for s in SPLITS}, {}, {}
    for row in rows(folder / "index.tsv"):
        if row["atlas"] not in tiles:
            tiles = {row["atlas"]: picture(atlas_of(folder, row["atlas"]))}  # the index goes atlas by atlas
        y, x = divmod(int(row["pos"]), COLUMNS)
        images, labels = made[row["split"]]
        images.append(tiles[row["atlas"]][TILE * y:TILE * (y + 1), TILE * x:TILE * (x + 1)])
        labels.append(int(row["label"]))
        names[int(row["label"])] = row["name"]
    for split, (images, labels) in made.items():
        if not images:
            continue  # the tests may have stayed behind (parcel.py)
        save(out, f"{folder.name}.{split}", {"images": np.stack(images), "labels": np.array(labels, np.int64)})
        print(f"{folder.name}.{split}: {len(images)} photos", flush=True)
    write_json(out / f"{folder.name}.names.json", [names[i] for i in sorted(names)])


def build_cells(folder, out):
    found = {s: {} for s in SPLITS}
    for row in rows(folder / "boxes.tsv"):
        box = [float(row[k]) for k in ("xmin", "ymin", "xmax", "ymax")]
        of_file = found[row["split"]].setdefault(row["file"], [])
        if box[2] > box[0] and box[3] > box[1]:  # two of the set are points
            of_file.append((box, CELLS.index(row["class"])))
    for split, files in found.items():
        if not files:
            continue
        every = [b for boxes in files.values() for b in boxes]
        save(out, f"bccd.{split}", {
            "images": np.stack([picture(folder / f) for f in files]),
            "boxes": np.array([b for b, _ in every], np.float32),
            "labels": np.array([c for _, c in every], np.int64),
            "starts": np.cumsum([0] + [len(b) for b in files.values()])})
        print(f"bccd.{split}: {len(files)} pictures, {len(every)} boxes", flush=True)
    write_json(out / "bccd.names.json", CELLS)


def build_captions(folder, out):
    found = {s: {} for s in SPLITS}
    for row in rows(folder / "captions.tsv"):
        found[row["split"]].setdefault(row["file"], []).append(row["caption"])
    for split, files in found.items():
        save(out, f"{folder.name}.{split}", {"images": np.stack([picture(folder / f) for f in files])})
        write_json(out / f"{folder.name}.{split}.captions.json", list(files.values()))
        print(f"{folder.name}.{split}: {len(files)} photos", flush=True)


BUILD = {"cifar10": build_classes, "cifar100": build_classes, "bccd": build_cells, "flickr8k_1000": build_captions}


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="folder with the unpacked sets")
    p.add_argument("--out", type=Path, required=True, help="the cache")
    p.add_argument("--sets", help="separated by commas; all that are there otherwise: " + ", ".join(SETS))
    a = p.parse_args()
    sets = a.sets.split(",") if a.sets else [s for s in SETS if (a.data / s).is_dir()]
    if unknown := set(sets) - set(SETS):
        p.error(f"--sets: unknown {', '.join(sorted(unknown))}; known are {', '.join(SETS)}")
    a.out.mkdir(parents=True, exist_ok=True)
    for name in sets:
        BUILD[name](a.data / name, a.out)


if __name__ == "__main__":
    main()
