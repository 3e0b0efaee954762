import json

import numpy as np
import pytest
from PIL import Image

import photos
import pictures


def scene(width=320, height=240):
    """A dark picture with a bright rectangle, and the rectangle's box of 0..1."""
    image = np.full((height, width, 3), 20, np.uint8)
    image[60:120, 80:200] = 230
    return image, np.float32([[80 / width, 60 / height, 200 / width, 120 / height]]), np.array([1])


def bright(canvas):
    """The box of what is bright on a canvas."""
    y, x = np.nonzero(canvas.mean(-1) > 0.2)
    return np.array([x.min(), y.min(), x.max() + 1, y.max() + 1])


def test_pixels_are_those_of_pictures():
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    for got, image in zip(photos.pixels(images), images):
        assert got.dtype == np.float32 and np.array_equal(got, pictures.pixels(image, "crop", 32, 32))


def test_shrunk_is_pictures_resize():
    image = np.random.default_rng(1).integers(0, 256, (61, 43, 3)).astype(np.uint8)
    np.testing.assert_allclose(photos.shrunk(image, 20, 70), pictures.resize(image, 20, 70), atol=1e-3)


def test_augment_photos():
    rng = np.random.default_rng(2)
    batch = rng.integers(0, 256, (200, 32, 32, 3)).astype(np.uint8)
    got = photos.augment_photos(batch, rng)
    assert got.shape == batch.shape and got.dtype == np.float32 and np.abs(got).max() <= 1
    holes = (got == 0).all(-1).sum((1, 2))
    assert 60 < (holes >= 25).sum() < 140 and holes.max() <= 100
    again = [photos.augment_photos(batch, np.random.default_rng(s)) for s in (5, 5, 6)]
    assert np.array_equal(again[0], again[1]) and not np.array_equal(again[0], again[2])


def test_augment_photos_without_strength_moves_and_mirrors():
    rng = np.random.default_rng(3)
    batch = rng.integers(0, 256, (40, 32, 32, 3)).astype(np.uint8)
    mirrored = 0
    for got, image in zip(photos.augment_photos(batch, rng, strength=0), photos.pixels(batch)):
        padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="reflect")
        crops = {(y, x, f): np.allclose(c[:, ::f], got, atol=1e-6)
                 for y in range(9) for x in range(9) for f in (1, -1) for c in [padded[y:y + 32, x:x + 32]]}
        found = [k for k, same in crops.items() if same]
        assert len(found) == 1
        mirrored += found[0][2] < 0
    assert 10 < mirrored < 30


def test_whole_cells():
    image, boxes, labels = scene()
    canvas, boxes, labels = photos.whole_cells(image, boxes, labels)
    assert canvas.shape == (144, 192, 3) and labels == [1]
    np.testing.assert_allclose(boxes, [[48, 36, 120, 72]], atol=1e-4)
    np.testing.assert_allclose(bright(canvas), boxes[0], atol=1)
    with pytest.raises(ValueError, match="100x240"):
        photos.whole_cells(image[:, :100], boxes, labels)


def test_boxes_go_where_the_picture_goes():
    rng, seen = np.random.default_rng(4), 0
    for _ in range(150):
        canvas, boxes, labels = photos.augment_cells(*scene(), rng)
        assert canvas.shape == (144, 192, 3) and canvas.dtype == boxes.dtype == np.float32
        assert len(boxes) == len(labels) <= 1
        assert np.abs(canvas).max() <= 1
        if len(boxes):
            assert (boxes >= 0).all() and (boxes <= [192, 144, 192, 144]).all()
            # In a canvas pixel or two: what is cut is cut in whole pixels, and the edges are soft.
            np.testing.assert_allclose(bright(canvas), boxes[0], atol=2.5)
            seen += 1
    assert seen > 90


def test_turned_is_every_symmetry():
    image, boxes, _ = scene()
    boxes, rng, seen = boxes * [320, 240, 320, 240], np.random.default_rng(5), set()
    for _ in range(100):
        turned, moved = photos.turned(image, boxes, rng)
        x0, y0, x1, y1 = moved[0].round().astype(int)
        assert (turned[y0:y1, x0:x1] == 230).all() and (turned == 230).sum() == 3 * (x1 - x0) * (y1 - y0)
        seen.add((turned.shape[:2], x0, y0))
    assert len(seen) == 8


def test_boxes_that_are_mostly_cut_off_are_left_out():
    image, _, _ = scene()
    boxes = np.float64([[100, 0, 200, 100], [139, 0, 239, 100], [141, 0, 241, 100], [250, 0, 300, 50]])
    canvas, kept, labels = photos.look(image, boxes, np.arange(4), (0, 0, 180, 135))
    assert labels.tolist() == [0, 1]  # 80 and 41 per cent in the window; 39 and nothing not
    np.testing.assert_allclose(kept[1], np.array([139, 0, 180, 100]) * 192 / 180, rtol=1e-6)


def test_what_lies_beyond_is_zero():
    image, boxes, labels = scene()
    canvas, boxes, labels = photos.look(image, boxes * [320, 240, 320, 240], labels, (-40, -30, 360, 270))
    assert not canvas[:14].any() and not canvas[:, :19].any() and canvas[15:129, 20:172].all()
    np.testing.assert_allclose(boxes, [[57.6, 43.2, 115.2, 72]], atol=1e-4)


def test_the_cache(tmp_path):
    rng = np.random.default_rng(6)
    atlas = rng.integers(0, 256, (800, 1280, 3)).astype(np.uint8)
    (tmp_path / "cifar10").mkdir()
    Image.fromarray(atlas).save(tmp_path / "cifar10/atlas03.webp", lossless=True)
    (tmp_path / "cifar10/index.tsv").write_text(
        "atlas\tpos\tsplit\tlabel\tname\tfile\n3\t0\ttrain\t1\tcar\ta\n3\t41\ttrain\t0\tcat\tb\n"
        "3\t999\tdev\t0\tcat\tc\n3\t2\ttest\t1\tcar\td\n")
    photos.build_classes(tmp_path / "cifar10", tmp_path)
    images, labels = photos.load(tmp_path, "cifar10", "train")
    assert np.array_equal(images[1], atlas[32:64, 32:64]) and labels.tolist() == [1, 0]
    assert np.array_equal(photos.load(tmp_path, "cifar10", "dev")[0][0], atlas[768:, 1248:])
    assert json.loads((tmp_path / "cifar10.names.json").read_text()) == ["cat", "car"]

    (tmp_path / "bccd").mkdir()
    for name in "abc":
        Image.fromarray(atlas[:240, :320]).save(tmp_path / f"bccd/{name}.png")
    (tmp_path / "bccd/boxes.tsv").write_text(
        "file\tsplit\tclass\txmin\tymin\txmax\tymax\t(0..1)\na.png\ttrain\tWBC\t0.1\t0.2\t0.3\t0.4\n"
        "a.png\ttrain\tPlatelets\t0\t0\t1\t1\nb.png\ttrain\tRBC\t0.5\t0.5\t0.5\t0.5\n"
        "c.png\tdev\tRBC\t0\t0\t.5\t.5\nc.png\ttest\tRBC\t0\t0\t.5\t.5\n")
    photos.build_cells(tmp_path / "bccd", tmp_path)
    cells = photos.load(tmp_path, "bccd", "train")
    assert len(cells) == 2 and len(cells[:5]) == 2
    image, boxes, labels = cells[0]
    assert np.array_equal(image, atlas[:240, :320]) and labels.tolist() == [1, 2]
    np.testing.assert_allclose(boxes, [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]])
    assert len(cells[-1][1]) == 0  # a box that is a point is none
    with pytest.raises(IndexError, match="2 of 2"):
        cells[2]
