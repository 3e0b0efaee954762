"""Golden values and small sound files for internal/media/audio: made-up sounds, seeded.

    python train/golden_audio.py --out internal/media/audio/testdata            # golden.safetensors: samples and mel
    python train/golden_audio.py --out internal/media/audio/testdata --tones    # and tone*.mp3, tone.ogg; needs sox

golden.safetensors has samples (N,) and mel (⌈N/160⌉, 80): a chirp, noise, silence, a click, and a sound as loud as 16 bits
allow. The tones are 440 Hz left and 1,000 Hz right of amplitude ¼, half a second; one channel has their mean.
"""
import argparse
import subprocess
from pathlib import Path

import numpy as np
import torch

import audio
import checkpoint

SEED = 1706


def samples():
    rng = np.random.default_rng(SEED)
    t = np.arange(2000) / audio.RATE
    chirp = 0.5 * np.sin(2 * np.pi * (100 * t + 30000 * t**2))
    noise = rng.normal(0, 0.05, 1500)
    click = np.zeros(900)
    click[450] = 1
    loud = np.sign(np.sin(2 * np.pi * 333 * t[:1217])) * 32767 / 32768
    return np.concatenate([chirp, noise, click, loud]).astype(np.float32)


TONES = {"tone16.mp3": (16000, 1, "24"), "tone22.mp3": (22050, 2, "32"), "tone44.mp3": (44100, 2, "-4.2"),
         "tone.ogg": (44100, 2, "3")}


def write_tones(out):
    """tone22 has what go-mp3 gets wrong by itself (mpeg_reservoir.go), tone44 a variable bit rate and a LAME tag."""
    for name, (rate, channels, quality) in TONES.items():
        to = ["-r", str(rate), "-c", str(channels), "-C", quality, str(out / name)]
        subprocess.run(["sox", "-R", "-n", *to, *"synth 0.5 sine 440 sine 1000 vol 0.25".split()], check=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--tones", action="store_true", help="the sound files too")
    a = p.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    x = samples()
    values = {"samples": torch.from_numpy(x), "mel": torch.from_numpy(audio.log_mel(x))}
    checkpoint.write_safetensors(a.out / "golden.safetensors", values)
    if a.tones:
        write_tones(a.out)


if __name__ == "__main__":
    main()
