"""Part `serve`: 64 goroutines that ask mixed tasks of one model, beside the same requests one by one, and memory over
many short requests (bench/serve).
"""
import json
import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import trees  # noqa: E402
from evaluate import TREEBANKS, pairs, spread  # noqa: E402
from report import table  # noqa: E402

from products import output  # noqa: E402

SETS = [("tatoeba/test", "en", "de"), ("tatoeba/test", "de", "en"), ("tatoeba/test", "en", "fr"),
        ("tatoeba/test", "fr", "en"),
        ("software/test", "en", "de"), ("wmt_news/newstest2014", "en", "fr")]


def mixed(a):
    """Requests of all tasks, shuffled the same way each time: short and long translations, and parses."""
    each = max(1, a.requests // (len(SETS) + 2))
    requests = [{"task": "translate", "to": to, "text": text} for name, source, to in SETS
                for text in pairs(a.data, name, source, to, each)[0]]
    gold = (line for line in (a.data / TREEBANKS["gum"]).read_text(encoding="utf-8").splitlines() if line.strip())
    requests += [{"task": "parse", "words": trees.words(trees.read(line))} for line in spread(gold, 2 * each)]
    random.Random(1).shuffle(requests)
    return requests


def measure(a):
    text = "".join(json.dumps(r) + "\n" for r in mixed(a))
    result = []
    for threads in range(1, a.threads + 1):
        soak = a.soak if threads == a.threads else 0
        result.append({"threads": threads} | json.loads(output(
            [str(a.bin / "serve"), "--model", str(a.model), "--threads", str(threads),
             "--goroutines", str(a.goroutines), "--rounds", str(a.rounds), "--soak", str(soak)], text=text)))
    return result


def markdown(results):
    rows = []
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
    return text
