"""Part `growth`: time and memory of mm and of some peers as the work grows: rows of one packed batch, sentences of a
batch, the length of a sentence; with one thread and with two.
"""
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import tokenizer  # noqa: E402
from data import read_pairs  # noqa: E402
from evaluate import one_line  # noqa: E402
from report import table  # noqa: E402

import workers as w  # noqa: E402

ENGINES = ["mm", "PyTorch eager", "ONNX Runtime"]
SEGMENT = 16  # rows of a sentence in the curve over rows, its command among them


def corpus(a):
    """{tokens: texts} of the English test sets, each text once."""
    tok, found = tokenizer.Tokenizer(a.model), {}
    for name in ("tatoeba/test.en-de.tsv", "wmt_news/newstest2014.en-de.tsv"):
        for text in dict.fromkeys(one_line(en) for en, _ in read_pairs(a.data / name)):
            found.setdefault(len(tok.encode(text)), []).append(text)
    return found


def cycle(texts, n):
    return [texts[i % len(texts)] for i in range(n)]


def by_rows(a, texts):
    """One output token each, so that almost all of it is the trunk over so many rows."""
    for rows in a.rows:
        length = min(rows, SEGMENT)
        yield rows, request(a, cycle(texts[length - 1], rows // length), rows // length, max_tokens=1)


def by_batch(a, texts):
    """Sentences of the most common length, so that only their number differs."""
    length = max(texts, key=lambda n: len(texts[n]))
    for batch in a.curve_batches:
        yield batch, request(a, cycle(texts[length], max(batch, a.least)), batch)


def by_length(a, texts):
    """Sentences of so many tokens, up to what mm takes in one piece."""
    for length in a.lengths:
        near = min(texts, key=lambda n: abs(n - length))
        yield near, request(a, cycle(texts[near], a.least), a.least)


def request(a, texts, batch, max_tokens=0):
    return {"task": "translate", "to": a.to, "batch": batch, "max_tokens": max_tokens, "texts": texts}


CURVES = {"rows": by_rows, "batch": by_batch, "length": by_length}


def measure(a):
    texts, result = corpus(a), {"segment": SEGMENT, "rounds": a.rounds, "curves": {}}
    engines = [e for e in ENGINES if e in a.engines]
    with ExitStack() as stack:
        running = [stack.enter_context(w.Worker(v)) for v in w.variants(a, engines)]
        for name, points in CURVES.items():
            requests = dict(points(a, texts))
            answers = w.take_turns(running, requests, a.rounds)
            result["curves"][name] = {}
            for worker in running:
                key = worker.variant.key
                result["curves"][name][key] = [point(worker, at, requests[at], answers[key, at]) for at in requests]
    return result


def point(worker, at, request, answers):
    """Medians of rounds, and the most memory that the work takes in a process that has done it before."""
    worker.ask(task="memory")  # the peak starts anew
    tokens = sum(worker.ask(**request)["tokens"])
    return {"at": at, "sentences": len(request["texts"]), "seconds": statistics.median(x["seconds"] for x in answers),
            "tokens": tokens, "tokens_per_second": w.rate(answers), "peak_bytes": worker.ask(task="memory")["peak"]}


def markdown(r):
    text = [f"Medians of {r['rounds']} rounds in turn; plots in [plots](plots). Rows: one packed batch of sentences of "
            f"{r['segment']} rows (one of fewer), one token written each. Batch: sentences of one length. Length: "
            "tokens of each sentence of a batch."]
    units = {"rows": ("ms", lambda p: 1e3 * p["seconds"]), "batch": ("tokens/s", lambda p: p["tokens_per_second"]),
             "length": ("ms a sentence", lambda p: 1e3 * p["seconds"] / p["sentences"])}
    for name, (unit, value) in units.items():
        curves = r["curves"][name]
        own = [key for key in curves if key.startswith("mm")]
        heads = [name] + [f"{key}, {unit}" for key in curves] + [f"{key}, MiB" for key in own]
        columns = [[f"{value(p):.4g}" for p in points] for points in curves.values()]
        columns += [[f"{p['peak_bytes'] / 2**20:.0f}" for p in curves[key]] for key in own]
        at = [p["at"] for p in next(iter(curves.values()))]
        text.append("\n" + table(heads, list(zip(at, *columns))))
    return "\n".join(text)
