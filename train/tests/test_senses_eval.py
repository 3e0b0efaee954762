import json
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import photos
import senses_eval

# Stands for the binary: reads the jobs and their files as mm would, and knows a sound by its loudness and a picture by
# its colour.
FAKE = '''
import json, sys
from pathlib import Path
import numpy as np
import soundfile
from PIL import Image
path = Path(sys.argv[sys.argv.index("--jobs") + 1])
failed = False
for line in path.read_text().splitlines():
    job = json.loads(line)
    out = {"id": job["id"], "task": job["task"]}
    if "audio" in job:
        file = path.parent / job["audio"]
        assert soundfile.info(file).subtype == "PCM_16"
        x, rate = soundfile.read(file, dtype="int16")
        digit = int(np.abs(x).max()) // 1000
        names = "zero one two three four five six seven eight nine".split()
        if digit == 9:
            out["error"], failed = "too loud", True
        elif job["task"] == "transcribe":
            out["output"] = names[digit] + (" and so on" if job.get("beam") == 4 else "")
        else:
            out["classes"] = [{"label": names[digit], "prob": 0.9}, {"label": names[9 - digit], "prob": 0.1}]
    elif job["task"] == "classify":
        red = np.asarray(Image.open(path.parent / job["image"]))[0, 0, 0]
        out["classes"] = [{"label": "b", "prob": 0.2}, {"label": "a" if red < 100 else "b", "prob": 0.8}]
    else:
        assert job["threshold"] == 0.01
        h, w, _ = np.asarray(Image.open(path.parent / job["image"])).shape
        out["boxes"] = [{"label": "RBC", "score": 0.8, "x0": 0, "y0": 0, "x1": w / 2, "y1": h / 2}]
    print(json.dumps(out))
sys.exit(failed)
'''


@pytest.fixture
def mm(tmp_path):
    (tmp_path / "fake.py").write_text(FAKE)
    return SimpleNamespace(command=[sys.executable, str(tmp_path / "fake.py"), "run"], model=[])


def options(tmp_path, **more):
    return SimpleNamespace(audio=tmp_path, senses=tmp_path, split="test", quick=0, beams=[1], **more)


def say(path, digit, rate=8000):
    import soundfile
    path.parent.mkdir(parents=True, exist_ok=True)
    x = np.full(800, 20, np.int16)
    x[400] = 1000 * digit + 500
    soundfile.write(path, x, rate)


def test_digits_by_speaker_and_by_official_split(tmp_path, mm, capsys):
    rows = [("test", "train", 3), ("train", "test", 4), ("test", "test", 9)]
    for i, (_, _, digit) in enumerate(rows):
        say(tmp_path / f"fsdd/{i}.flac", digit)
    (tmp_path / "fsdd/index.tsv").write_text("file\tofficial_split\tspeaker_split\tspeaker\tdigit\tseconds\n" + "".join(
        f"{i}.flac\t{official}\t{split}\tx\t{digit}\t0.1\n" for i, (official, split, digit) in enumerate(rows)))
    got = senses_eval.digits(mm, options(tmp_path), "digits")
    assert [(r["split"], r["as"], r["accuracy"], r["clips"], r["trained"]) for r in got] == [
        ("unseen speaker", "classes", 50, 2, 0), ("unseen speaker", "transcription", 50, 2, 0),
        ("official test", "classes", 50, 2, 1), ("official test", "transcription", 50, 2, 1)]
    assert "1 of 2 jobs failed: too loud" in capsys.readouterr().err
    assert "| official test | classes | 2 | 1 | 50.0 |" in senses_eval.markdown({"digits": got})


def test_word_error_rates(tmp_path, mm):
    for name in senses_eval.SPEECH:
        say(tmp_path / name / "1.flac", 1, 16000)
        say(tmp_path / name / "2.flac", 2, 16000)
        (tmp_path / name / "index.tsv").write_text(
            "lang\tfile\tsplit\ttext\nen\t1.flac\ttest\tOne!\nen\t2.flac\ttest\tPress 2.\n"
            "en\t2.flac\ttest\tTwo, three\nen\t2.flac\ttrain\tNo\n")
    a = options(tmp_path)
    a.beams = [1, 4]
    got = senses_eval.speech(mm, a, "speech")
    assert [(r["set"], r["beam"]) for r in got] == [(n, b) for n in senses_eval.SPEECH for b in (1, 4)]
    assert got[0]["wer"] == pytest.approx(100 / 3) and got[0]["deletions"] == 1 and got[0]["without_text"] == 1
    assert got[1]["words"] == 3 and got[1]["insertions"] == 5 and got[1]["substitutions"] == 1  # and so on
    assert got[0]["hours"] == pytest.approx(0.1 / 3600) and got[0]["real_time_factor"] > 0
    assert senses_eval.markdown({"speech": got}).count("\n| ") == 7


def test_photos_and_cells(tmp_path, mm):
    images = np.zeros((4, 32, 32, 3), np.uint8)
    images[2:] = 200
    photos.save(tmp_path, "cifar10.test", {"images": images, "labels": np.array([0, 1, 1, 1])})
    photos.write_json(tmp_path / "cifar10.names.json", ["a", "b"])
    [got] = senses_eval.photo(mm, options(tmp_path), "photos")
    assert got == {"set": "cifar10", "accuracy": 75, "photos": 4, "by_label": {"a": 100, "b": pytest.approx(200 / 3)}}
    photos.save(tmp_path, "bccd.test", {
        "images": np.zeros((2, 240, 320, 3), np.uint8), "labels": np.array([0, 1, 0]), "starts": np.array([0, 2, 3]),
        "boxes": np.float32([[0, 0, 0.5, 0.4], [0, 0, 1, 1], [0.5, 0.5, 1, 1]])})
    photos.write_json(tmp_path / "bccd.names.json", photos.CELLS)
    [boxes] = senses_eval.cells(mm, options(tmp_path), "cells")
    assert boxes["by_label"] == {"RBC": 50, "WBC": 0} and boxes["map"] == 25 and boxes["found"] == 2
    text = senses_eval.markdown({"photos": [got], "cells": [boxes]})
    assert "| 4 | 75.00 | 100.0 | 66.7 |" in text and "| 2 | 3 | 25.0 | 50.0 | 0.0 |" in text


def test_a_binary_that_dies_is_an_error(tmp_path):
    dead = SimpleNamespace(command=[sys.executable, "-c", "raise SystemExit('no such model')"], model=[])
    with pytest.raises(RuntimeError, match="0 answers to 1 jobs, exit 1: no such model"):
        senses_eval.run_jobs(dead, [{"task": "transcribe", "audio": "0.wav"}], tmp_path)
    assert json.loads((tmp_path / "jobs.jsonl").read_text()) == {"id": 0, "task": "transcribe", "audio": "0.wav"}


def test_wav_has_the_samples_to_the_bit(tmp_path):
    import soundfile
    x = np.array([-32768, 32767, 1, -1, 0], np.int16)
    soundfile.write(tmp_path / "a.flac", x, 8000)
    assert senses_eval.write_wav(tmp_path / "a.flac", tmp_path / "a.wav") == 5 / 8000
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], x)
