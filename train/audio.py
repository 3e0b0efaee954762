"""Log-mel frames: what the model listens to, value for value those of internal/media/audio/mel.go.

x are N samples at 16 kHz, zero outside the sound. A frame stands for 10 ms, the window of 25 ms is centred on them:

    w[j]   = ½ - ½ cos(2πj/400), 0 ≤ j < 400              periodic Hann
    X[t,k] = Σ_j w[j] x[160t - 120 + j] e^(-2πijk/512)    0 ≤ k ≤ 256
    Y[t,b] = ln max(Σ_k F[b,k] |X[t,k]|², 1e-6)           0 ≤ b < 80, T = ⌈N/160⌉ frames

F (80, 257) are triangles of height 1 between 82 points evenly spaced from 0 to 8,000 Hz on Slaney's mel scale, which is
linear below 1,000 Hz and logarithmic from there on; they are not normalized. All in float64 but x and Y.
"""
import numpy as np

RATE = 16000
BANDS = 80
HOP = 160
WINDOW = 400
FFT = 512
FLOOR = 1e-6
MARGIN = (WINDOW - HOP) // 2


def mel_to_hz(mel):
    return np.where(mel > 15, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)), mel * 200 / 3)


def mel_filters():
    """F, (BANDS, FFT // 2 + 1) float64."""
    top = 15 + 27 * np.log(RATE / 2 / 1000) / np.log(6.4)
    edges = mel_to_hz(top * np.arange(BANDS + 2) / (BANDS + 1))[:, None]
    hz = np.arange(FFT // 2 + 1) * RATE / FFT
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    return np.maximum(0, np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)))


FILTERS = mel_filters()
HANN = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)


def log_mel(samples):
    """(N,) samples to (⌈N/160⌉, BANDS) float32."""
    x = np.asarray(samples, np.float64)
    frames = -(-len(x) // HOP)
    if not frames:
        return np.zeros((0, BANDS), np.float32)
    x = np.pad(x, (MARGIN, frames * HOP + MARGIN - len(x)))
    windows = np.lib.stride_tricks.sliding_window_view(x, WINDOW)[::HOP][:frames]
    power = np.abs(np.fft.rfft(windows * HANN, FFT)) ** 2
    return np.log(np.maximum(power @ FILTERS.T, FLOOR)).astype(np.float32)
