"""Scores of the mm binary on people's voices and on pictures; sections for evaluate.py, and alone:

    python senses_eval.py --mm BINARY --audio AUDIO --senses CACHE [--model DIR] [--only digits,cells] [--quick N]
                          [--split dev] [--out senses.json] [--markdown FILE]

Sections: speech (word error rates of kathleen, asterisk, librispeech), digits (FSDD, by unseen speaker and by its
official split), commands, photos (CIFAR-10), cells (BCCD, mAP@50). AUDIO is the folder of the unpacked sound sets,
CACHE has the pictures (photos.py). The clips are written as 16-bit WAV and the pictures as PNG into a temporary folder, and
`mm run --jobs` reads them. No made voice is in any of it.
"""
import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import metrics
import photos
import sounds
from report import beam_name, table

SPEECH = ("kathleen", "asterisk", "librispeech")
THRESHOLD = 0.01  # of boxes that count towards mAP: what is doubtful still adds recall
TITLES = {"speech": "Speech, word error rate", "digits": "Spoken digits (FSDD)", "commands": "Speech Commands",
          "photos": "Photos (CIFAR-10)", "cells": "Blood cells (BCCD)"}


def spread(rows, count):
    """At most count of the rows, evenly spread; all for 0."""
    rows = list(rows)
    return rows if not count or count >= len(rows) else [rows[i * len(rows) // count] for i in range(count)]


def run_jobs(mm, jobs, folder):
    """Answers of mm (its command and model as evaluate.Runtime has them) to jobs whose files lie in a folder, and the
    seconds of it all. A job that fails is named on standard error and scores as an empty answer."""
    path = Path(folder) / "jobs.jsonl"
    path.write_text("".join(json.dumps({"id": i, **job}) + "\n" for i, job in enumerate(jobs)), encoding="utf-8")
    start = time.monotonic()
    done = subprocess.run([*mm.command, "--jobs", path, *mm.model], capture_output=True, encoding="utf-8")
    seconds = time.monotonic() - start
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    failed = [a for a in answers if a.get("error")]
    if [a.get("id") for a in answers] != list(range(len(jobs))) or bool(done.returncode) != bool(failed):
        raise RuntimeError(f"senses_eval: {len(answers)} answers to {len(jobs)} jobs, exit {done.returncode}: "
                           f"{done.stderr[-2000:]}")
    if failed:
        print(f"senses_eval: {len(failed)} of {len(jobs)} jobs failed: {failed[0]['error']}", file=sys.stderr)
    return answers, seconds


def write_wav(source, target):
    """A sound file as 16-bit WAV at its own rate."""
    import soundfile
    samples, rate = soundfile.read(source, dtype="float32")
    levels = np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16)
    soundfile.write(target, levels, rate, subtype="PCM_16")
    return len(samples) / rate


def hear(mm, files, fields):
    """Answers to the same job about each sound file, seconds of sound, seconds of the whole call."""
    with tempfile.TemporaryDirectory() as folder:
        heard = sum(write_wav(file, Path(folder) / f"{i}.wav") for i, file in enumerate(files))
        answers, seconds = run_jobs(mm, [{**fields, "audio": f"{i}.wav"} for i in range(len(files))], folder)
    return answers, heard, seconds


def see(mm, images, fields):
    """Answers to the same job about each picture."""
    from PIL import Image
    with tempfile.TemporaryDirectory() as folder:
        for i, image in enumerate(images):
            Image.fromarray(np.asarray(image)).save(Path(folder) / f"{i}.png", compress_level=1)
        return run_jobs(mm, [{**fields, "image": f"{i}.png"} for i in range(len(images))], folder)[0]


def best(answer):
    """The likeliest label."""
    return max(answer.get("classes") or [{"label": None, "prob": 0}], key=lambda c: c["prob"])["label"]


def offers(mm, task):
    """Whether the model directory has a task; of the embedded model all are asked for."""
    if not mm.model:
        return True
    config = json.loads((Path(mm.model[1]) / "config.json").read_text(encoding="utf-8"))
    return task in {t["name"] for t in config["tasks"]}


def words(answer):
    return sounds.spoken(answer.get("output", "")) or ""


def speech(mm, a, _):
    rows = []
    for name in SPEECH:
        every = [(file, about["text"]) for file, split, about in sounds.index(a.audio, name) if split == a.split]
        clips = spread([c for c in every if c[1]], a.quick)
        for beam in a.beams:
            answers, heard, seconds = hear(mm, [file for file, _ in clips], {"task": "transcribe", "beam": beam})
            errors = metrics.word_errors([text for _, text in clips], list(map(words, answers)))
            rows.append({"set": name, "beam": beam, **errors, "without_text": sum(not text for _, text in every),
                         "hours": heard / 3600, "real_time_factor": seconds / max(heard, 1e-9)})
    return rows


def digits(mm, a, _):
    """The official split's test clips are of all six speakers: who trains by the speaker split saw most of them."""
    every = sounds.index(a.audio, "fsdd")
    chosen = {"unseen speaker": [c for c in every if c[1] == a.split],
              "official test": [c for c in every if c[2]["group"] == "test"]}
    return [row for split, clips in chosen.items()
            for row in classed(mm, spread(clips, a.quick), "digits", sounds.DIGITS, split)]


def commands(mm, a, _):
    clips = [c for c in sounds.index(a.audio, "speech_commands") if c[1] == a.split]
    return classed(mm, spread(clips, a.quick), "commands", sounds.COMMANDS, "unseen speakers")


def classed(mm, clips, task, labels, split):
    """Accuracy of a class head; and, on clips that have words, of transcription. trained counts the clips of the index'
    training part."""
    rows = []
    for kind, name, kept, truth, read in (
            ("classes", task, clips, lambda about: labels[about["label"]], best),
            ("transcription", "transcribe", [c for c in clips if c[2]["text"]], lambda about: about["text"], words)):
        if not offers(mm, name):
            continue
        answers, _, _ = hear(mm, [file for file, _, _ in kept], {"task": name})
        right = metrics.accuracy([truth(about) for _, _, about in kept], list(map(read, answers)))
        rows.append({"split": split, "as": kind, "accuracy": right, "clips": len(kept),
                     "trained": sum(where == "train" for _, where, _ in kept)})
    return rows


def names(folder, name):
    return json.loads((Path(folder) / f"{name}.names.json").read_text(encoding="utf-8"))


def photo(mm, a, _):
    images, labels = photos.load(a.senses, "cifar10", a.split)
    index, labelled = spread(range(len(images)), a.quick), names(a.senses, "cifar10")
    answers = see(mm, [images[i] for i in index], {"task": "classify"})
    truths, outputs = [labelled[labels[i]] for i in index], list(map(best, answers))
    right = metrics.accuracy(truths, outputs)
    by_label = {name: metrics.accuracy([name] * truths.count(name), [o for t, o in zip(truths, outputs) if t == name])
                for name in sorted(set(truths))}
    return [{"set": "cifar10", "accuracy": right, "photos": len(index), "by_label": by_label}]


def cells(mm, a, _):
    pictures, labelled = photos.load(a.senses, "bccd", a.split), names(a.senses, "bccd")
    kept = spread(pictures[:], a.quick)
    answers = see(mm, [image for image, _, _ in kept], {"task": "detect", "threshold": THRESHOLD})
    truths = [[(labelled[label], box * [*image.shape[1::-1], *image.shape[1::-1]]) for box, label in zip(boxes, labels)]
              for image, boxes, labels in kept]
    outputs = [[(b["label"], b["score"], [b[k] for k in ("x0", "y0", "x1", "y1")]) for b in answer.get("boxes") or []]
               for answer in answers]
    return [{"set": "bccd", **metrics.mean_average_precision(truths, outputs, labelled),
             "found": sum(map(len, outputs))}]


SECTIONS = {"speech": speech, "digits": digits, "commands": commands, "photos": photo, "cells": cells}


def classed_table(rows):
    return table(["split", "as", "clips", "of them in training", "accuracy"],
                 [[r["split"], r["as"], r["clips"], r["trained"], f"{r['accuracy']:.1f}"] for r in rows])


def speech_table(rows):
    counts = ("texts", "words", "substitutions", "insertions", "deletions")
    return table(["set", "search", *counts, "WER", "real-time factor", "clips without a text"],
                 [[r["set"], beam_name(r["beam"]), *(r[c] for c in counts), f"{r['wer']:.1f}",
                   f"{r['real_time_factor']:.3f}", r["without_text"]] for r in rows])


def photo_table(rows):
    [r] = rows
    return table(["photos", "accuracy", *r["by_label"]],
                 [[r["photos"], f"{r['accuracy']:.2f}", *(f"{v:.1f}" for v in r["by_label"].values())]])


def cells_table(rows):
    [r] = rows
    return table(["pictures", "boxes", "mAP@50", *r["by_label"]],
                 [[r["pictures"], r["boxes"], f"{r['map']:.1f}", *(f"{v:.1f}" for v in r["by_label"].values())]])


TABLES = {"speech": speech_table, "digits": classed_table, "commands": classed_table, "photos": photo_table,
          "cells": cells_table}


def markdown(results):
    """Tables of the sections that there are results of."""
    return "\n".join(f"## {TITLES[name]}\n\n{TABLES[name](results[name])}" for name in SECTIONS if name in results)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mm", type=Path, required=True, help="the mm binary")
    p.add_argument("--audio", type=Path, required=True, help="folder of the unpacked sound sets")
    p.add_argument("--senses", type=Path, required=True, help="cache with the pictures")
    p.add_argument("--model", type=Path, help="model directory (default: the one embedded in the binary)")
    p.add_argument("--only", default=",".join(SECTIONS), help="sections, separated by commas")
    p.add_argument("--beams", default="1,8", type=lambda s: [int(b) for b in s.split(",")], help="beam widths")
    p.add_argument("--split", default="test", choices=("dev", "test"))
    p.add_argument("--quick", type=int, default=0, metavar="N", help="N of each set")
    p.add_argument("--out", type=Path, default=Path("senses.json"))
    p.add_argument("--markdown", type=Path, help="write the tables here")
    a = p.parse_args()
    sections = a.only.split(",")
    if unknown := set(sections) - set(SECTIONS):
        p.error(f"--only: unknown sections {', '.join(sorted(unknown))}; known are {', '.join(SECTIONS)}")
    from evaluate import Runtime, save
    mm = Runtime(a.mm.resolve(), a.model)
    results = json.loads(a.out.read_text(encoding="utf-8")) if a.out.exists() else {}
    for section in sections:
        if section == "speech" and not offers(mm, "transcribe"):
            print("senses_eval: speech: left out; the model has no task transcribe", file=sys.stderr)
            continue
        results[section] = SECTIONS[section](mm, a, section)
        save(results, a.out)
        print(markdown({section: results[section]}), flush=True)
    if a.markdown:
        a.markdown.write_text(markdown(results), encoding="utf-8")


if __name__ == "__main__":
    main()
