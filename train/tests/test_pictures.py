import numpy as np
import pytest

import pictures


@pytest.mark.parametrize("name", pictures.CASES)
@pytest.mark.parametrize("fit", pictures.FITS)
def test_resize_is_pytorchs(name, fit):
    picture, size = pictures.seeded(name), pictures.CASES[name][2:]
    got, want = pictures.pixels(picture, fit, *size), pictures.pixels(picture, fit, *size, resize=pictures.reference)
    assert got.dtype == np.float32 and got.shape == (size[1], size[0], 3)
    assert np.abs(got - want).max() < 1e-6


def test_values_go_from_minus_one_to_one():
    black, white = (np.full((5, 3, 3), level, np.uint8) for level in (0, 255))
    assert np.allclose(pictures.pixels(black, "squeeze", 4, 4), -1)
    assert np.allclose(pictures.pixels(white, "crop", 4, 4), 1)
    boxed = pictures.pixels(white, "letterbox", 5, 5)
    assert np.allclose(boxed[:, 1:4], 1) and not boxed[:, 0].any() and not boxed[:, 4].any()


def test_places():
    assert pictures.place("squeeze", (640, 480), (32, 32)) == ((0, 0, 640, 480), (0, 0, 32, 32))
    assert pictures.place("letterbox", (640, 480), (32, 32)) == ((0, 0, 640, 480), (0, 4, 32, 28))
    assert pictures.place("crop", (640, 480), (32, 32)) == ((80, 0, 560, 480), (0, 0, 32, 32))
    assert pictures.place("letterbox", (1, 10_000), (64, 64)) == ((0, 0, 1, 10_000), (31, 0, 32, 64))
    with pytest.raises(ValueError, match="stretch"):
        pictures.place("stretch", (1, 1), (1, 1))
