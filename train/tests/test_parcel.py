import numpy as np
import pytest
from PIL import Image

import parcel
import photos
import sounds


@pytest.fixture
def sets(tmp_path):
    """A cache of sounds and a folder of pictures, with tests that have to stay behind."""
    senses, images, rng = tmp_path / "senses", tmp_path / "images", np.random.default_rng(0)
    for folder in (senses, images / "bccd", images / "cifar10"):
        folder.mkdir(parents=True)
    for file in ("fsdd.train", "fsdd.dev", "fsdd.test", "synthetic.train.0000", "synthetic.train.0001"):
        clips = [sounds.Clip(rng.normal(-5, 3, (n, 80)).cumsum(0), text="ja", label=1) for n in (30, 7)]
        sounds.write(senses / f"{file}.safetensors", clips)
    boxes = ["file\tsplit\tclass\txmin\tymin\txmax\tymax\t(0..1)"]
    for i, split in enumerate(("train", "dev", "test")):
        Image.fromarray(rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)).save(images / f"bccd/cell{i}.jpg")
        boxes.append(f"cell{i}.jpg\t{split}\tWBC\t0.1\t0.2\t0.5\t0.6")
        Image.fromarray(rng.integers(0, 256, (32, 1280, 3)).astype(np.uint8)).save(images / f"cifar10/atlas{i:02d}.jpg")
    (images / "bccd/boxes.tsv").write_text("\n".join(boxes) + "\n")
    index = [f"{i}\t{pos}\t{split}\t0\tairplane\tp{pos}.png" for i, split in enumerate(("train", "dev", "test")) for pos in range(3)]
    (images / "cifar10/index.tsv").write_text("\n".join(["atlas\tpos\tsplit\tlabel\tname\tfile", *index]) + "\n")
    return senses, images


def test_all_arrives(sets, tmp_path):
    senses, images = sets
    paths, left = parcel.pack(senses, images, tmp_path / "out", 20_000, 10**9)
    assert len(paths) > 2 and not left
    out = tmp_path / "there"
    for path in paths:  # one call for each
        have = parcel.unpack([path], out)
    assert not any("test" in name for name in have)
    for file in senses.glob("*.safetensors"):
        if "test" not in file.name:
            assert (out / file.name).read_bytes() == file.read_bytes()
    whole = tmp_path / "whole"
    whole.mkdir()
    for name in parcel.PICTURES:
        photos.BUILD[name](images / name, whole)
    for name in ("cifar10.train.images", "cifar10.dev.labels", "bccd.train.boxes", "bccd.dev.images"):
        assert np.array_equal(np.load(out / f"{name}.npy"), np.load(whole / f"{name}.npy"))


def test_budget_leaves_the_least_behind(sets, tmp_path):
    senses, images = sets
    room = sum(len(data) for name, data in parcel.entries(senses, images)) - 1
    _, left = parcel.pack(senses, images, tmp_path / "most", 10**9, room)
    assert left == ["synthetic.train.0001.safetensors.bz2"]


def test_incomplete_pictures_wait(sets, tmp_path):
    senses, images = sets
    paths, _ = parcel.pack(senses, images, tmp_path / "out", 1, 10**9)
    first = [p for p in paths if "bccd" in p.read_bytes()[:100].decode("latin1")][:2]
    assert not list((tmp_path / "there").glob("*.npy")) and "bccd.train.images.npy" not in parcel.unpack(first, tmp_path / "there")
    assert "bccd.train.images.npy" in parcel.unpack(paths, tmp_path / "there")
