"""Part `sense`: speech and photos by mm and by PyTorch, from the same files; reading and decoding them is part of it."""
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import audio  # noqa: E402
import metrics  # noqa: E402
import photos  # noqa: E402
import senses_eval  # noqa: E402
import sounds  # noqa: E402
from report import table  # noqa: E402

import workers as w  # noqa: E402

ENGINES = ["mm", "PyTorch eager"]
WINDOW = 16  # seconds that PyTorch's reference hears at most, as mm does at once
BATCH = 32


def clips(a, folder):
    """(files, texts, seconds) of kathleen's test set, written with the rate that models take."""
    import soundfile
    every = [(file, about["text"]) for file, split, about in sounds.index(a.audio, "kathleen") if split == "test" and about["text"]]
    files, texts, seconds = [], [], 0.0
    for file, text in senses_eval.spread(every, a.clips):
        samples = sounds.read(file)
        if len(samples) > WINDOW * audio.RATE:
            continue
        files, texts, seconds = [*files, f"{folder}/{len(files)}.wav"], [*texts, text], seconds + len(samples) / audio.RATE
        soundfile.write(files[-1], samples, audio.RATE, subtype="PCM_16")
    return files, texts, seconds


def pictures(a, folder):
    """(files, labels) of CIFAR-10's test set, as PNG."""
    from PIL import Image
    images, labels = photos.load(a.senses, "cifar10", "test")
    chosen, names = senses_eval.spread(range(len(images)), a.photos), senses_eval.names(a.senses, "cifar10")
    files = [f"{folder}/{i}.png" for i in chosen]
    for file, i in zip(files, chosen):
        Image.fromarray(images[i]).save(file)
    return files, [names[labels[i]] for i in chosen]


def measure(a):
    if not (a.audio and a.senses):
        return {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        (heard, texts, seconds), (seen, labels) = clips(a, folder), pictures(a, folder)
        running = [stack.enter_context(w.Worker(v)) for v in w.variants(a, [e for e in ENGINES if e in a.engines])]
        sets = {"transcribe": (heard, lambda said: metrics.word_errors(texts, [sounds.spoken(t) or "" for t in said])["wer"]),
                "classify": (seen, lambda said: metrics.accuracy(labels, said))}
        requests = {(task, batch): {"task": task, "batch": batch, "files": files}
                    for task, (files, _) in sets.items() for batch in (1, BATCH)}
        answers = w.take_turns(running, {k: r for k, r in requests.items() if k != ("transcribe", BATCH)}, a.rounds)
        answers |= w.take_turns(running_of(running, "mm"), {("transcribe", BATCH): requests["transcribe", BATCH]}, a.rounds)
        result = {"clips": len(heard), "seconds_of_sound": seconds, "photos": len(seen), "rounds": a.rounds, "rows": []}
        for engine in (e for e in ENGINES if e in a.engines):
            for task, batch in requests:
                if (running_of(running, engine)[0].variant.key, (task, batch)) in answers:
                    result["rows"].append(row(running, answers, engine, task, batch, *sets[task]))
    return result


def running_of(running, engine):
    return [r for r in running if r.variant.engine == engine]


def row(running, answers, engine, task, batch, files, quality):
    worker, rate = w.best(running, answers, (task, batch), engine,
                          lambda found: len(files) / statistics.median(x["seconds"] for x in found))
    said = answers[worker.variant.key, (task, batch)][-1]["texts"]
    return {"engine": engine, "task": task, "batch": batch, "threads": worker.variant.threads, "per_second": rate,
            "quality": quality(said)}


def markdown(r):
    if not r:
        return "Not measured: without --audio and --senses.\n"
    theirs = {(x["task"], x["batch"]): x["per_second"] for x in r["rows"] if x["engine"] != "mm"}
    rows = []
    for x in r["rows"]:
        rate = f"{x['per_second']:.0f} photos/s"
        if x["task"] == "transcribe":
            rate = f"{r['clips'] / x['per_second'] / r['seconds_of_sound']:.4f} of the sound's time"
        beside = theirs.get((x["task"], x["batch"])) or theirs.get((x["task"], 1))
        rows.append([x["task"], x["batch"], x["engine"], x["threads"], rate,
                     f"{x['per_second'] / beside:.1f} ×" if beside and x["engine"] == "mm" else "–",
                     f"{'WER' if x['task'] == 'transcribe' else 'accuracy'} {x['quality']:.1f}"])
    return (
        f"{r['clips']} clips of kathleen's test set ({r['seconds_of_sound']:.0f} s, 16 kHz WAV), transcribed greedily, and "
        f"{r['photos']} photos of CIFAR-10's (PNG), from files, decoding included; medians of {r['rounds']} rounds in which all "
        "take turns, each engine with the best number of threads. mm weighs the letters that it hears, too, which PyTorch's "
        "reference does not: more work, and another WER. PyTorch's reference has no batch of sounds; mm's stands beside its "
        "single ones.\n\n"
        + table(["task", "batch", "engine", "threads", "speed", "times PyTorch", "quality"], rows))
