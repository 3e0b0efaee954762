"""Augmentation of log-mel frames (F, 80): other tempi, throats, rooms and telephones, and SpecAugment's gaps.

All of it in the log-mel domain and cheap: five seconds of speech take about a millisecond.
"""
import functools

import numpy as np

import audio

FLOOR = np.float32(np.log(audio.FLOOR))
DECIBEL = np.log(10) / 10  # in natural logarithms of power
TOP = 15 + 27 * np.log(audio.RATE / 2 / 1000) / np.log(6.4)
CENTRES = audio.mel_to_hz(TOP * np.arange(1, audio.BANDS + 1) / (audio.BANDS + 1))  # Hz of the bands


def stretch(x, factor):
    """Another tempo: F frames to about F / factor, linear between neighbours."""
    count = max(1, round(len(x) / factor))
    at = np.clip((np.arange(count) + 0.5) * (len(x) / count) - 0.5, 0, len(x) - 1)
    low = at.astype(np.int64)
    share = (at - low).astype(np.float32)[:, None]
    return x[low] * (1 - share) + x[np.minimum(low + 1, len(x) - 1)] * share


@functools.cache
def warp_matrix(percent):
    """(80, 80): column b reads the frequency that b's is mapped to, α·f up to 4.8 kHz and from there straight to 8 kHz
    (vocal tract length perturbation, Jaitly and Hinton 2013)."""
    alpha = 1 + percent / 100
    knee = 4800 * min(1, 1 / alpha)
    hz = np.interp(CENTRES, [0, knee, audio.RATE / 2], [0, alpha * knee, audio.RATE / 2])
    at = np.interp(hz, CENTRES, np.arange(audio.BANDS))
    low = np.minimum(at.astype(int), audio.BANDS - 2)
    matrix = np.zeros((audio.BANDS, audio.BANDS), np.float32)
    matrix[low, np.arange(audio.BANDS)] = 1 - (at - low)
    matrix[low + 1, np.arange(audio.BANDS)] += at - low
    return matrix


def pad(x, before, after, rng):
    """Silence around a clip, made of its quietest frames."""
    quiet = np.argsort(x.mean(1))[:max(1, len(x) // 20)]
    return np.concatenate((x[rng.choice(quiet, before)], x, x[rng.choice(quiet, after)]))


@functools.cache
def white():
    """(2000, 80) powers of white noise, of mean 1 in every band."""
    power = np.exp(audio.log_mel(np.random.default_rng(0).normal(0, 1, 2000 * audio.HOP)))
    return power / power.mean(0)


def shaped_noise(count, rng):
    """(count, 80) powers of a steady noise with a smooth random spectrum."""
    knots = rng.normal(0, 2, 5) + rng.uniform(-3, 3) * np.linspace(-1, 1, 5)
    spectrum = np.exp(np.interp(np.arange(audio.BANDS), np.linspace(0, audio.BANDS - 1, 5), knots)).astype(np.float32)
    bank = white()
    return bank[(rng.integers(len(bank)) + np.arange(count)) % len(bank)] * spectrum


def babble_power(frames, count, rng):
    """(count, 80) powers of another clip, from anywhere in it and over again where it is short."""
    return np.exp(frames[(rng.integers(len(frames)) + np.arange(count)) % len(frames)])


def add(x, noise, decibels):
    """Log of the sum of powers, the noise that many decibels below the sound."""
    power = np.exp(x)
    level = power.mean() / max(noise.mean(), 1e-30) * 10 ** (-decibels / 10)
    return np.log(power + np.float32(level) * noise)


def band_limit(x, low, high, steepness, depth):
    """Takes from the bands beyond low and high (Hz): so much for every band further out, and at most depth."""
    edges = np.interp([low, high], CENTRES, np.arange(audio.BANDS))
    bands = np.arange(audio.BANDS)
    beyond = np.maximum(0, np.maximum(edges[0] - bands, bands - edges[1]))
    return x - np.minimum(steepness * beyond, depth).astype(np.float32)


def channel(x, rng, babble):
    """Gain, noise, and what the line lets through."""
    x = x + np.float32(rng.uniform(-10, 10) * DECIBEL)
    if rng.random() < 0.6:
        if babble is not None and len(babble) and rng.random() < 0.5:
            noise = babble_power(babble, len(x), rng)
        else:
            noise = shaped_noise(len(x), rng)
        x = add(x, noise, rng.uniform(5, 30))
    if rng.random() < 0.3:
        low = rng.uniform(50, 350)
        high = rng.uniform(3000, 4000) if rng.random() < 0.7 else rng.uniform(4000, 7000)
        x = band_limit(x, low, high, rng.uniform(1, 10), rng.uniform(6, 25))
    return np.maximum(x, FLOOR)


def mask(x, rng):
    """SpecAugment (Park et al. 2019): up to two gaps in time, and one more a second and a half, and up to two in the bands,
    filled with the bands' means."""
    means = x.mean(0, dtype=np.float64)
    for _ in range(rng.integers(3 + len(x) // 150)):
        width = rng.integers(1 + min(30, len(x) // 8))
        start = rng.integers(1 + len(x) - width)
        x[start:start + width] = means
    for _ in range(rng.integers(3)):
        width = rng.integers(21)
        start = rng.integers(1 + audio.BANDS - width)
        x[:, start:start + width] = means[start:start + width]
    return x


def augment(frames, rng, babble=None):
    """(F, 80) log-mel frames to (F', 80), F' from 0.87 F to 1.18 F and 40 more at most; babble is another clip's."""
    x = np.asarray(frames, np.float32)
    if not len(x):
        return x.copy()
    if rng.random() < 0.8:
        x = stretch(x, rng.uniform(0.85, 1.15))
    if rng.random() < 0.7:
        x = x @ warp_matrix(int(rng.integers(-10, 11)))
    if rng.random() < 0.3:
        x = pad(x, *rng.integers(0, 21, 2), rng)
    return mask(channel(x, rng, babble), rng)
