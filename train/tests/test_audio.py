import numpy as np
import pytest

import audio


def slow_log_mel(x):
    """The definition, sum by sum."""
    frames = -(-len(x) // 160)
    out = np.zeros((frames, 80))
    j, k = np.arange(400), np.arange(257)[:, None]
    wave = np.exp(-2j * np.pi * j * k / 512)
    for t in range(frames):
        at = 160 * t - 120 + j
        inside = (at >= 0) & (at < len(x))
        window = np.where(inside, x[np.clip(at, 0, len(x) - 1)], 0) * (0.5 - 0.5 * np.cos(2 * np.pi * j / 400))
        out[t] = np.log(np.maximum(audio.mel_filters() @ np.abs(wave @ window) ** 2, 1e-6))
    return out


@pytest.mark.parametrize("length", [1, 159, 160, 161, 1000])
def test_log_mel_is_as_defined(length):
    x = np.random.default_rng(length).normal(0, 0.1, length).astype(np.float32)
    got = audio.log_mel(x)
    assert got.dtype == np.float32 and got.shape == (-(-length // 160), 80)
    np.testing.assert_allclose(got, slow_log_mel(x), atol=1e-5)


def test_log_mel_of_nothing_and_of_silence():
    assert audio.log_mel([]).shape == (0, 80)
    np.testing.assert_allclose(audio.log_mel(np.zeros(500)), np.log(1e-6), rtol=1e-6)


def test_filters_meet_and_miss_no_bin():
    filters = audio.mel_filters()
    assert filters.shape == (80, 257) and (filters.sum(1) > 0).all()
    hz = np.arange(257) * 31.25
    inside = (hz > 40) & (hz < 7700)
    np.testing.assert_allclose(filters.sum(0)[inside], 1, atol=1e-9)  # neighbours add up to 1
