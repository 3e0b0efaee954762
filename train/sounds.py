"""Sounds for training: sound files to a cache of log-mel frames, and the cache's reader.

    python sounds.py --data AUDIO --out CACHE                              # the recorded sets: minutes
    python sounds.py --data AUDIO --out CACHE --text DATA --synthetic 6    # and six hours of voices.py

AUDIO is the folder with the unpacked sets. CACHE gets a file SET.SPLIT.safetensors for each set and split (made voices:
synthetic.train.0000.safetensors and so on) of

    frames (ΣF, 80) uint8    log-mel (audio.py) in steps of 0.1 from ln 1e-6, the frames of all clips one after another
    starts (clips + 1) int64
    and in the header's metadata: JSON lists of the clips' text, label, speaker, seconds and group

A step of 0.1 is an error of 0.03 (root mean square). The log power of one frame of noise spreads by 0.4 to 1.3, and the
augmentation adds noise: what is rounded off is not heard. A byte is half of a float16, and an hour is 29 MB.
"""
import argparse
import csv
import json
import os
import re
import time
import unicodedata
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import audio
from audio import BANDS
from distort import augment  # noqa: F401 (the trainer's name for it)
from tasks import COMMANDS, DIGITS

SPLITS = ("train", "dev", "test")
SETS = ("librispeech", "kathleen", "asterisk", "speech_commands", "fsdd")
LABELS = {"speech_commands": COMMANDS, "fsdd": DIGITS, "synthetic_commands": COMMANDS, "synthetic_digits": DIGITS}
STEP = np.float32(0.1)
LEVELS = np.float32(np.log(audio.FLOOR)) + STEP * np.arange(256, dtype=np.float32)
STRIDE = 4  # frames a row of the audio encoder
SILENT = re.compile(r"[.,;:!?\"()\[\]{}…“”„«»\s]+")


def spoken(text):
    """The words that are heard, lower case, of [a-z'], one space between; None where something else is read aloud."""
    text = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    text = "".join(" " if unicodedata.category(c) == "Pd" else c for c in text if unicodedata.category(c) != "Mn")
    text = SILENT.sub(" ", text)
    if re.search(r"[^a-z' ]", text):
        return None
    text = re.sub(r"(?<![a-z])'|'(?![a-z])", "", text)  # quotes, and apostrophes that nobody hears
    return " ".join(text.split()) or None


def quantize(frames):
    return np.clip(np.rint((frames - LEVELS[0]) / STEP), 0, 255).astype(np.uint8)


def clean(frames):
    """What the audio encoder takes (encoders/audio): a quarter of what is left without the bands' means, and zero
    frames up to a multiple of four."""
    frames = np.asarray(frames, np.float32)
    out = np.zeros((-(-len(frames) // STRIDE) * STRIDE, BANDS), np.float32)
    if len(frames):
        out[:len(frames)] = frames - frames.mean(0, dtype=np.float64)
    return out * np.float32(0.25)


class Clip:
    """One sound: log-mel frames (F, 80), words or None, label or None; group: fsdd's official split."""

    def __init__(self, frames, text=None, label=None, speaker="", seconds=0.0, group=""):
        self.frames, self.text, self.label = frames, text, label
        self.speaker, self.seconds, self.group = speaker, seconds, group


def write(path, clips):
    """A cache file, complete or not there at all."""
    starts = np.cumsum([0] + [len(c.frames) for c in clips], dtype=np.int64)
    frames = np.concatenate([np.zeros((0, BANDS), np.uint8)] + [quantize(c.frames) for c in clips])
    columns = {key: [getattr(c, key) for c in clips] for key in ("text", "label", "speaker", "seconds", "group")}
    part = Path(f"{path}.part")
    save_file({"frames": frames, "starts": starts}, part, metadata={"clips": json.dumps(columns)})
    os.replace(part, path)


class Clips:
    """A cache file, its frames mapped."""

    def __init__(self, path):
        with open(path, "rb") as f:
            size = int.from_bytes(f.read(8), "little")
            header = json.loads(f.read(size))
        columns = json.loads(header["__metadata__"]["clips"])
        self.texts, self.labels = columns["text"], columns["label"]
        self.speakers, self.seconds, self.groups = columns["speaker"], columns["seconds"], columns["group"]

        def mapped(name, dtype):
            about = header[name]
            return np.memmap(path, dtype, "r", 8 + size + about["data_offsets"][0], tuple(about["shape"]))
        self.starts = np.array(mapped("starts", np.int64))
        self.levels = mapped("frames", np.uint8) if self.starts[-1] else np.zeros((0, BANDS), np.uint8)

    def __len__(self):
        return len(self.texts)

    def frames(self, i):
        return LEVELS[self.levels[self.starts[i]:self.starts[i + 1]]]


class Sounds:
    """The sets of one split of a cache: names, count(name), get(name, i) -> (frames (F, 80) float32, text or None,
    label or None). A set in several files, such as synthetic, is one set; files made later are not seen."""

    def __init__(self, folder, split):
        self.files, self.places = {}, {}
        for path in sorted(Path(folder).glob(f"*.{split}.*safetensors")):
            self.files.setdefault(path.name.split(".")[0], []).append(Clips(path))
        if not self.files:
            raise FileNotFoundError(f"sounds: no *.{split}.*safetensors in {folder}; sounds.py makes them")
        for name, files in self.files.items():
            self.places[name] = [(f, i) for f in files for i in range(len(f))]
        self.names = list(self.files)

    def count(self, name):
        return len(self.places[name])

    def get(self, name, i):
        clips, at = self.places[name][i]
        return clips.frames(at), clips.texts[at], clips.labels[at]

    def about(self, name, i):
        """Speaker, seconds and group."""
        clips, at = self.places[name][i]
        return clips.speakers[at], clips.seconds[at], clips.groups[at]

    def hours(self, name):
        return sum(sum(f.seconds) for f in self.files[name]) / 3600

    def babble(self, rng):
        """Frames of any clip, for augment."""
        name = self.names[rng.integers(len(self.names))]
        return self.get(name, rng.integers(self.count(name)))[0]


def read(path):
    """Samples of a sound file: one channel, float32, at 16 kHz."""
    import soundfile
    import soxr
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return soxr.resample(samples.mean(1), rate, audio.RATE, "VHQ")


def rows(path):
    """Dicts of a TSV file with a header."""
    with open(path, encoding="utf-8", newline="") as f:
        return list(csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE))


def index(root, name):
    """[(file, split, {text, label, speaker, group})] of a set, as its own index says."""
    folder = Path(root) / {"speech_commands": "speech_commands_test"}.get(name, name)
    out = []
    for row in rows(folder / "index.tsv"):
        split, about = row.get("split"), {"speaker": row.get("speaker") or name}
        if name == "asterisk" and row["lang"] != "en":
            continue
        if name == "fsdd":
            label = int(row["digit"])
            split = row["speaker_split"]
            about |= {"text": DIGITS[label], "label": label, "group": row["official_split"]}
        elif name == "speech_commands":
            about |= {"text": row["word"] or None, "label": COMMANDS.index(row["class"].strip("_"))}
        else:
            about["text"] = spoken(row["text"])
        out.append((folder / row["file"], split, about))
    return out


def build(root, out, name):
    made = {split: [] for split in SPLITS}
    for file, split, about in index(root, name):
        samples = read(file)
        made[split].append(Clip(audio.log_mel(samples), seconds=len(samples) / audio.RATE, **about))
    for split, clips in made.items():
        write(out / f"{name}.{split}.safetensors", clips)
        hours, wordless = sum(c.seconds for c in clips) / 3600, sum(c.text is None for c in clips)
        print(f"{name}.{split}: {len(clips)} clips, {hours:.2f} h, {wordless} without words", flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="folder with librispeech/, kathleen/, …")
    p.add_argument("--out", type=Path, required=True, help="the cache")
    p.add_argument("--sets", default=",".join(SETS), help="sets to make anew, separated by commas; '' for none")
    p.add_argument("--synthetic", type=float, default=0, metavar="HOURS",
                   help="made voices up to so many hours; goes on where it stopped")
    p.add_argument("--text", type=Path, help="folder with tatoeba/, for --synthetic")
    p.add_argument("--seed", type=int, default=1)
    a = p.parse_args()
    sets = [s for s in a.sets.split(",") if s]
    if unknown := set(sets) - set(SETS):
        p.error(f"--sets: unknown {', '.join(sorted(unknown))}; known are {', '.join(SETS)}")
    if a.synthetic and not a.text:
        p.error("--synthetic needs --text, a folder with tatoeba/")
    a.out.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    for name in sets:
        build(a.data, a.out, name)
    if a.synthetic:
        import voices
        voices.build(a.text, a.out, a.synthetic, a.seed)
    print(f"{time.monotonic() - start:.0f} s")


if __name__ == "__main__":
    main()
