"""Pictures as the model reads them: the twin of internal/media/picture, and the golden values of its tests.

    python train/pictures.py --golden internal/media/picture/testdata/golden.safetensors

Decoded pictures are uint8 (H, W, 3), upright, RGB, over white where they were transparent. pixels makes of them float32
(height, width, 3) from -1 to 1. The golden values do not come from the resize below but from
torch.nn.functional.interpolate(mode="bilinear", antialias=True), seeded; the tests compare both with it.
"""
import argparse
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

SEED = 1706
FITS = ("squeeze", "letterbox", "crop")
# name: width and height of the picture, width and height of the canvas
CASES = {"photo": (61, 43, 32, 32), "tall": (17, 90, 24, 16), "grow": (9, 7, 20, 31), "same": (16, 16, 16, 16),
         "pixel": (1, 1, 6, 4), "line": (70, 1, 8, 8), "tiny": (33, 21, 1, 1)}


def triangle(n, m):
    """(m, n) weights from n samples to m: a bilinear filter that is stretched where it shrinks, rows sum to 1."""
    scale = n / m
    center = scale * (np.arange(m) + 0.5)
    weights = np.maximum(0, 1 - np.abs(np.arange(n) + 0.5 - center[:, None]) / max(scale, 1))
    return weights / weights.sum(1, keepdims=True)


def resize(picture, width, height):
    """(H, W, 3) levels to float64 (height, width, 3) levels, antialiased."""
    h, w = picture.shape[:2]
    rows = np.einsum("yh,hwc->ywc", triangle(h, height), picture.astype(np.float64), optimize=True)
    return np.einsum("xw,ywc->yxc", triangle(w, width), rows, optimize=True)


def ratio(a, b, c):
    """a·b/c rounded, halves up, at least 1; whole numbers, so that Go and Python agree."""
    return max(1, (2 * a * b + c) // (2 * c))


def middle(of, size):
    """(x0, y0, x1, y1) of a rectangle of a size in the middle of another."""
    x, y = (of[0] - size[0]) // 2, (of[1] - size[1]) // 2
    return x, y, x + size[0], y + size[1]


def place(fit, picture, canvas):
    """Which part of a picture (width, height) lies where on a canvas: two rectangles (x0, y0, x1, y1)."""
    if fit not in FITS:
        raise ValueError(f"fit {fit!r}, want one of {FITS}")
    (w, h), (cw, ch) = picture, canvas
    source, target = (0, 0, w, h), (0, 0, cw, ch)
    wide = w * ch >= h * cw
    if fit == "letterbox":
        target = middle(canvas, (cw, ratio(h, cw, w)) if wide else (ratio(w, ch, h), ch))
    elif fit == "crop":
        source = middle(picture, (ratio(h, cw, ch), h) if wide else (w, ratio(w, ch, cw)))
    return source, target


def pixels(picture, fit, width, height, resize=resize):
    """uint8 (H, W, 3) to float32 (height, width, 3): level 0 is -1, 255 is 1, and what a letterbox leaves free is 0."""
    source, target = place(fit, (picture.shape[1], picture.shape[0]), (width, height))
    part = picture[source[1]:source[3], source[0]:source[2]]
    canvas = np.zeros((height, width, 3), np.float32)
    canvas[target[1]:target[3], target[0]:target[2]] = resize(part, target[2] - target[0], target[3] - target[1]) / 127.5 - 1
    return canvas


def reference(picture, width, height):
    """The resize of PyTorch, in float64."""
    planes = torch.from_numpy(np.ascontiguousarray(picture)).permute(2, 0, 1)[None].double()
    out = torch.nn.functional.interpolate(planes, (height, width), mode="bilinear", antialias=True, align_corners=False)
    return out[0].permute(1, 2, 0).numpy()


def seeded(name):
    """A picture with edges, gradients and noise, so that a wrong filter shows."""
    w, h, *_ = CASES[name]
    g = np.random.default_rng([SEED, w, h])
    y, x = np.mgrid[:h, :w]
    smooth = np.stack([x * 255 / max(w - 1, 1), y * 255 / max(h - 1, 1), (x // 5 + y // 3) % 2 * 255.0], -1)
    return np.clip(smooth + g.normal(0, 40, (h, w, 3)), 0, 255).round().astype(np.uint8)


def golden():
    """{NAME: levels (H, W·3), NAME.size: the four sizes, NAME.FIT: values (height·width, 3)}"""
    out = {}
    for name, sizes in CASES.items():
        picture = seeded(name)
        out[name] = torch.from_numpy(picture.reshape(sizes[1], -1).astype(np.float32))
        out[name + ".size"] = torch.tensor(sizes, dtype=torch.int32)
        for fit in FITS:
            values = pixels(picture, fit, *sizes[2:], resize=reference)
            out[f"{name}.{fit}"] = torch.from_numpy(values.reshape(-1, 3))
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", type=Path, required=True, help="file to write")
    a = p.parse_args()
    a.golden.parent.mkdir(parents=True, exist_ok=True)
    save_file(golden(), a.golden, metadata={"script": "train/pictures.py", "seed": str(SEED), "torch": torch.__version__})


if __name__ == "__main__":
    main()
