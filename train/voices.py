"""Made voices: flite, festival and espeak-ng read sentences and single words aloud, for training only.

sounds.py --synthetic calls build. The sentences are English ones of Tatoeba's train files, 2 to 14 words; what they
sound like (voice, rate, pitch, size of the throat) is drawn for each. A shard is 1,000 sentences and depends on nothing
but the seed and its number, so making can stop at any time and go on; nobody's recordings are in it.

In Debian the programs and voices are flite espeak-ng festival festvox-kallpc16k festvox-kdlpc16k festvox-us-slt-hts.
"""
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import audio
import sounds
from data import read_pairs

SHARD = 1000
WORDS = 1500  # clips of single words in each of the two sets
PROGRAMS = ("flite", "espeak-ng", "festival")
FESTIVAL = ("cmu_us_slt_arctic_hts", "kal_diphone", "ked_diphone")
ACCENTS = ("en-us en-us en-us en-us en-gb en-gb en-gb-x-rp en-gb-scotland en-gb-x-gbclan en-gb-x-gbcwmd en-us-nyc "
           "en-029").split()
TIMBRES = ("m1 m2 m3 m4 m5 m6 m7 m8 f1 f2 f3 f4 f5 klatt klatt4 adam Alex Alicia Andrea Andy Annie belinda benjamin "
           "caleb david ed edward Gene grandma grandpa iven Jacky john Lee linda max Michael Mike norbert paul quincy "
           "rob robert sandro shelby steph steph2 travis victor zac").split()
# (program, voice, usual pitch in Hz, 0 where it has only one): share
VOICES = {("flite", "slt", 170): 0.12, ("flite", "awb", 120): 0.12, ("flite", "rms", 0): 0.12,
          ("flite", "kal16", 105): 0.06, ("flite", "kal", 105): 0.04, ("festival", "cmu_us_slt_arctic_hts", 0): 0.12,
          ("festival", "kal_diphone", 105): 0.05, ("festival", "ked_diphone", 105): 0.07, ("espeak-ng", "", 50): 0.3}
TITLES = "Mr|Mrs|Ms|Dr|St|etc|Jr|Sr|vs|Prof|Mt|No|Inc|Ltd|Co|Gen|Capt|Rev"
SHORTENED = re.compile(rf"\b[A-Z]{{2}}|\w\.\w|\b({TITLES})\.|[\[\]{{}}]")
UNKNOWN = "happy sheila wow forward marvin bed bird cat house learn tree backward follow dog visual".split()


class Line:
    """A sentence or word and who says it: rate is the length of its sounds, throat the factor on all frequencies."""

    def __init__(self, text, rng, label=None):
        self.text, self.label = text, label
        self.program, self.voice, pitch = list(VOICES)[rng.choice(len(VOICES), p=list(VOICES.values()))]
        self.rate, self.throat = rng.uniform(0.8, 1.25), rng.uniform(0.87, 1.15)
        self.pitch = round(pitch * rng.uniform(0.75, 1.3))
        self.margins = rng.integers(2, 26, 2)  # frames of silence that are left at both ends
        accent, timbre = rng.choice(ACCENTS), rng.choice(TIMBRES)
        if self.program == "espeak-ng":
            self.voice = f"{accent}+{timbre}"


def missing():
    """Names of programs and festival's voices that are not there."""
    gone = [name for name in PROGRAMS if not shutil.which(name)]
    if "festival" not in gone:
        asked = ["festival", "--batch", "(print (voice.list))"]
        there = subprocess.run(asked, capture_output=True, encoding="utf-8").stdout
        gone += [f"festival's voice {name}" for name in FESTIVAL if name not in there]
    return gone


def plain(text, words):
    """Whether all programs read a text as it is spelled: no abbreviation, no letter or name that is spelled out."""
    words = (words or "").split()
    if not text.isascii() or not 2 <= len(words) <= 14:
        return False
    if SHORTENED.search(text):
        return False
    return all(re.search("[aeiouy]", w) and (len(w) > 1 or w in "aio") for w in words)


def sentences(folder):
    """Tatoeba's plain English training sentences, none twice and none that is in dev or test, sorted."""
    def english(split):
        files = [Path(folder) / f"tatoeba/{split}.en-{xx}.tsv" for xx in ("de", "fr")]
        return sorted({en.replace("’", "'") for file in files for en, _ in read_pairs(file)})
    seen = {sounds.spoken(en) for split in ("dev", "test") for en in english(split)}
    kept = {}
    for en in english("train"):
        words = sounds.spoken(en)
        if words not in seen and plain(en, words):
            kept.setdefault(words, en)
    return [kept[words] for words in sorted(kept)]


def one_word(rng, name):
    """(word, label): a digit, or a command or in 15 of 100 another word."""
    if name == "synthetic_digits":
        label = int(rng.integers(10))
        return sounds.DIGITS[label], label
    if rng.random() < 0.15:
        return str(rng.choice(UNKNOWN + sounds.DIGITS)), sounds.COMMANDS.index("unknown")
    label = int(rng.integers(10))
    return sounds.COMMANDS[label], label


def quoted(text):
    """A string of Scheme."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def scheme(line, path):
    """What makes festival say a line into a file."""
    out = [f"(voice_{line.voice})"]
    if line.pitch:
        out.append(f"(set! int_lr_params '((target_f0_mean {line.pitch}) (target_f0_std {line.pitch / 7:.1f}) "
                   "(model_f0_mean 170) (model_f0_std 34)))")
        out.append(f"(Parameter.set 'Duration_Stretch {line.rate:.3f})")
    else:
        out.append(f"(set! hts_engine_params (append hts_engine_params (list '(\"-r\" {1 / line.rate:.3f}))))")
    said = f"(utt.synth (Utterance Text {quoted(line.text)}))"
    return "\n".join(out + [f"(utt.save.wave {said} {quoted(str(path))})", ""])


def command(line, path):
    """The call of flite or espeak-ng."""
    if line.program == "flite":
        pitch = ["--setf", f"int_f0_target_mean={line.pitch}"] if line.pitch else []
        rate = ["--setf", f"duration_stretch={line.rate:.3f}"]
        return ["flite", "-voice", line.voice, *rate, *pitch, "-t", line.text, "-o", path]
    rate = str(round(165 / line.rate))  # words a minute
    return ["espeak-ng", "-v", line.voice, "-s", rate, "-p", str(line.pitch), "-w", path, "--", line.text]


def say(lines, folder):
    """Files folder/0.wav, 1.wav, … of the lines; festival says all of its own in one go."""
    read_aloud = []
    for i, line in enumerate(lines):
        if line.program == "festival":
            read_aloud.append(scheme(line, folder / f"{i}.wav"))
        else:
            subprocess.run(command(line, folder / f"{i}.wav"), check=True, capture_output=True)
    (folder / "lines.scm").write_text("\n".join(read_aloud))
    subprocess.run(["festival", "--batch", folder / "lines.scm"], check=True, capture_output=True)


def trim(frames, margins):
    """Leaves so many frames before and after what is within 40 decibels of the loudest frame."""
    level = np.log(np.exp(frames).sum(1))
    loud = np.flatnonzero(level > level.max() - 4 * np.log(10))
    return frames[max(0, loud[0] - margins[0]):loud[-1] + 1 + margins[1]]


def heard(line, path):
    """The clip of a line, or None where the program made nothing of it."""
    import soundfile
    import soxr
    samples, rate = soundfile.read(path, dtype="float32")
    samples = soxr.resample(samples, rate * line.throat, audio.RATE, "HQ")
    if len(samples) < 0.1 * audio.RATE or np.abs(samples).max() < 0.01:
        return None
    frames = trim(audio.log_mel(samples), line.margins)
    return sounds.Clip(frames, sounds.spoken(line.text), line.label, f"{line.program}/{line.voice}", len(frames) / 100)


def shard(lines, path):
    """Clips of the lines as a file of the cache; returns its seconds."""
    with tempfile.TemporaryDirectory() as folder:
        say(lines, Path(folder))
        made = [heard(line, Path(folder) / f"{i}.wav") for i, line in enumerate(lines)]
    clips = [clip for clip in made if clip]
    if len(clips) < 0.98 * len(lines):
        raise RuntimeError(f"voices: {path.name}: {len(lines) - len(clips)} of {len(lines)} lines make no sound")
    sounds.write(path, clips)
    return sum(c.seconds for c in clips)


def build(text, out, hours, seed):
    """synthetic_digits, synthetic_commands, and shards of sentences until there are so many hours of them."""
    if gone := missing():
        raise SystemExit(f"voices: missing {', '.join(gone)}; see the packages named in voices.py")
    for number, name in enumerate(("synthetic_digits", "synthetic_commands")):
        path, rng = out / f"{name}.train.safetensors", np.random.default_rng([seed, 1, number])
        if not path.exists():
            words = [one_word(rng, name) for _ in range(WORDS)]
            print(f"{name}: {shard([Line(w, rng, label) for w, label in words], path) / 3600:.2f} h", flush=True)
    every = sentences(text)
    order = np.random.default_rng([seed, 0]).permutation(len(every))
    total, start = 0.0, time.monotonic()
    for number in range(len(every) // SHARD):
        if total >= 3600 * hours:
            return
        path, rng = out / f"synthetic.train.{number:04d}.safetensors", np.random.default_rng([seed, 2, number])
        if path.exists():
            total += sum(sounds.Clips(path).seconds)
            continue
        total += shard([Line(every[i], rng) for i in order[number * SHARD:(number + 1) * SHARD]], path)
        print(f"{path.name}: {total / 3600:.2f} h, {time.monotonic() - start:.0f} s", flush=True)
    raise SystemExit(f"voices: {len(every)} sentences are {total / 3600:.1f} h, want {hours} h")
