"""Part `serve`: 64 goroutines that ask mixed tasks of one model, beside the same requests one by one, and memory over
many short requests (bench/serve); and, where there are sounds and pictures, 100 jobs of all tasks in one batch.
"""
import json
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import photos  # noqa: E402
import senses_eval  # noqa: E402
import sounds  # noqa: E402
import trees  # noqa: E402
from evaluate import TREEBANKS, Runtime, pairs, spread  # noqa: E402
from report import table  # noqa: E402

from products import output  # noqa: E402

SETS = [("tatoeba/test", "en", "de"), ("tatoeba/test", "de", "en"), ("tatoeba/test", "en", "fr"),
        ("tatoeba/test", "fr", "en"),
        ("software/test", "en", "de"), ("wmt_news/newstest2014", "en", "fr")]
HEARD = {"transcribe": ("kathleen", 12), "digits": ("fsdd", 12), "commands": ("speech_commands", 8)}  # of 100 jobs
SEEN = {"classify": ("cifar10", 12), "detect": ("bccd", 6)}


def mixed(a):
    """Requests of all tasks, shuffled the same way each time: short and long translations, and parses."""
    each = max(1, a.requests // (len(SETS) + 2))
    requests = [{"task": "translate", "to": to, "text": text} for name, source, to in SETS
                for text in pairs(a.data, name, source, to, each)[0]]
    gold = (line for line in (a.data / TREEBANKS["gum"]).read_text(encoding="utf-8").splitlines() if line.strip())
    requests += [{"task": "parse", "words": trees.words(trees.read(line))} for line in spread(gold, 2 * each)]
    random.Random(1).shuffle(requests)
    return requests


def jobs(a, folder):
    """100 jobs of all tasks that the model has: half of them texts, the others test clips and pictures, written into a folder."""
    from PIL import Image
    made, mm = [], Runtime(a.bin / "mm", a.model)
    heard, seen = ({t: what for t, what in sets.items() if senses_eval.offers(mm, t)} for sets in (HEARD, SEEN))
    for task, (name, count) in heard.items():
        clips = [file for file, split, about in sounds.index(a.audio, name) if split == "test" and about["text"]]
        for i, file in enumerate(spread(clips, count)):
            made.append({"task": task, "audio": f"{folder}/{task}.{i}.wav"})
            senses_eval.write_wav(file, made[-1]["audio"])
    for task, (name, count) in seen.items():
        images = photos.load(a.senses, name, "test")
        images = images[0] if name == "cifar10" else [image for image, _, _ in images[:]]
        for i, at in enumerate(spread(range(len(images)), count)):
            made.append({"task": task, "image": f"{folder}/{task}.{i}.png"})
            Image.fromarray(images[at]).save(made[-1]["image"])
    texts = spread(mixed(a), 100 - len(made))
    return random.Random(1).sample(made + texts, len(made) + len(texts))


def serve(a, requests, threads, soak):
    text = "".join(json.dumps(r) + "\n" for r in requests)
    return {"threads": threads} | json.loads(output(
        [str(a.bin / "serve"), "--model", str(a.model), "--threads", str(threads),
         "--goroutines", str(a.goroutines), "--rounds", str(a.rounds), "--soak", str(soak)], text=text))


def measure(a):
    result = {"texts": [serve(a, mixed(a), n, a.soak if n == a.threads else 0) for n in range(1, a.threads + 1)]}
    if a.audio and a.senses:
        with tempfile.TemporaryDirectory() as folder:
            result["jobs"] = serve(a, jobs(a, folder), a.threads, 0)
    return result


def markdown(measured):
    results, rows = measured["texts"], []
    for r in results:
        one, many = r["alone"], r["together"]
        late = [f"{s['p50_ms']:.1f} / {s['p99_ms']:.1f}" for s in (one, many)]
        rows.append([r["threads"], f"{one['requests_per_second']:.1f}", f"{many['requests_per_second']:.1f}",
                     f"{r['ratio']:.2f} ×", *late, r["different"]])
    first, last = results[0], results[-1]
    text = (f"{first['requests']} requests, translations of short and long texts between the three languages and "
            f"parses, from {first['goroutines']} goroutines that each wait for their answer, beside one by one; "
            f"medians of {first['rounds']} rounds in turn. Different: answers that are not, to the bit, what they are "
            "alone.\n\n" + table(
                ["threads", "one by one, requests/s", "together, requests/s", "ratio", "alone, p50 / p99 ms",
                 "together, p50 / p99 ms", "different"], rows))
    if soak := last.get("soak"):
        sizes = [s["resident"] / 2**20 for s in soak["samples"]]
        text += (f"\n{soak['requests']} short requests in {soak['seconds']:.0f} s: {sizes[0]:.1f} MiB resident after "
                 f"the first hundredth, at most {max(sizes):.1f}, {sizes[-1]:.1f} at the end; "
                 f"{soak['growth_bytes'] / 2**20:+.2f} MiB from the second tenth to the last.\n")
    if r := measured.get("jobs"):
        text += (f"\n{r['requests']} jobs of all tasks, with sounds and pictures, on {r['threads']} threads: "
                 f"{r['alone']['requests_per_second']:.1f} a second one by one, {r['batch']['requests_per_second']:.1f} in one "
                 f"batch ({r['batched']:.2f} ×), {r['together']['requests_per_second']:.1f} from {r['goroutines']} goroutines "
                 f"({r['ratio']:.2f} ×); {r['different']} answers differ.\n")
    return text
