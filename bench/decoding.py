"""Part `decode`: greedy translation and parsing by mm and its peers: the same weights, sentences and machine."""
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "train"))

import brackets  # noqa: E402
import trees  # noqa: E402
from evaluate import TREEBANKS, pairs, quality, spread  # noqa: E402
from report import table  # noqa: E402

import workers as w  # noqa: E402

FIRST = "Where is the station?"
PARSERS = ["mm", "PyTorch eager"]
FLOAT32 = ["PyTorch compiled", "ONNX Runtime", w.IN_GO]


def translations(a):
    """({batch: request}, texts, references); the outputs' lengths, which CTranslate2 wants, are still missing."""
    texts, references = pairs(a.data, "tatoeba/test", "en", a.to, a.sentences)
    few = texts[:a.singles]
    requests = {b: {"task": "translate", "to": a.to, "batch": b, "texts": few if b == 1 else texts} for b in a.batches}
    return requests, texts, references


def parses(a):
    gold = [line for line in (a.data / TREEBANKS["gum"]).read_text(encoding="utf-8").splitlines() if line.strip()]
    gold = spread([g for g in gold if len(trees.words(trees.read(g))) <= a.longest_parse], a.parses)
    return {"task": "parse", "batch": 1, "words": [trees.words(trees.read(g)) for g in gold]}, gold


def measure(a):
    """Everything that this part finds, for the JSON."""
    requests, texts, references = translations(a)
    with ExitStack() as stack:
        running = [stack.enter_context(w.Worker(v)) for v in w.variants(a, a.engines)]
        whole = running[0].ask(**requests[max(a.batches)])
        alone = running[0].ask(**requests[min(a.batches)])["texts"]
        if whole["texts"][:len(alone)] != alone:
            raise RuntimeError("bench: mm's translations alone and in a batch differ")
        for request in requests.values():
            request["lengths"] = whole["tokens"][:len(request["texts"])]
        answers = w.take_turns(running, requests, a.rounds)
        result = {"to": a.to, "sentences": len(texts), "singles": a.singles, "rounds": a.rounds, "threads": a.threads,
                  "engines": [engine(a, name, running, answers, requests, references) for name in a.engines]}
        result["every_variant"] = {f"{key}, batch {batch}": [sum(x["tokens"]) / x["seconds"] for x in found]
                                   for (key, batch), found in answers.items()}
        result["parse"] = parsing(a, running)
    same_outputs(result)
    for row in result["engines"]:
        row["first_ms"] = start(a, row)
    result["checkpoint_bytes"] = (a.model / "model.safetensors").stat().st_size
    return result


def engine(a, name, running, answers, requests, references):
    row = {"engine": name, "rates": {}, "threads": {}}
    for batch in requests:
        worker, row["rates"][batch] = w.best(running, answers, batch, name)
        row["threads"][batch] = worker.variant.threads
    row["runs"], row["command"] = worker.name, worker.variant.command
    row["peak_bytes"] = worker.ask(task="memory")["peak"]
    texts = answers[worker.variant.key, max(a.batches)][-1]["texts"]
    if any(texts):
        row["bleu"], row["texts"] = quality(texts, references)["bleu"], texts
    return row


def start(a, row):
    """Of a process with the threads that are best for one sentence. What compiles does so once: its start is that."""
    variant = next(v for v in w.variants(a, [row["engine"]]) if v.threads == row["threads"][min(a.batches)])
    return w.first_translation(variant, FIRST, a.to, 0 if "compiled" in row["engine"] else a.starts)


def same_outputs(result):
    """Counts the sentences that come out as PyTorch eager's, and drops the texts. Another order of sums may change a
    few of them; who differs in many computes something else."""
    wanted = next((row.get("texts") for row in result["engines"] if row["engine"] == "PyTorch eager"), None)
    for row in result["engines"]:
        texts = row.pop("texts", None)
        if texts and wanted:
            row["same"] = sum(map(str.__eq__, texts, wanted))
            if row["engine"] in FLOAT32 and row["same"] < 0.95 * len(wanted):
                raise RuntimeError(f"bench: {row['engine']}: {row['same']} of {len(wanted)} outputs are PyTorch's")


def parsing(a, running):
    """Parses a second: one sentence after another, and for mm, which has batches of them, in a batch too."""
    request, gold = parses(a)
    some = [r for r in running if r.variant.engine in PARSERS]
    answers = w.take_turns(some, {1: request}, a.rounds)
    batches = w.take_turns([r for r in some if r.variant.engine == "mm"], {32: {**request, "batch": 32}}, a.rounds)

    def speed(found):
        return len(gold) / statistics.median(x["seconds"] for x in found)

    result = {"sentences": len(gold), "engines": []}
    for name in (p for p in PARSERS if p in a.engines):
        worker, value = w.best(some, answers, 1, name, speed)
        texts = answers[worker.variant.key, 1][-1]["texts"]
        row = {"engine": name, "threads": worker.variant.threads, "parses_per_second": value,
               **brackets.corpus_score(gold, texts)}
        if name == "mm":
            worker, row["batch_parses_per_second"] = w.best(some, batches, 32, name, speed)
            if batches[worker.variant.key, 32][-1]["texts"] != texts:
                raise RuntimeError("bench: mm's trees alone and in a batch differ")
        result["engines"].append(row)
    return result


def markdown(r):
    batches = list(r["engines"][0]["rates"])
    mm = r["engines"][0]
    rows = []
    for row in r["engines"]:
        rates = [f"{row['rates'][b]:.0f} ({row['threads'][b]})"
                 + ("" if row is mm else f", {mm['rates'][b] / row['rates'][b]:.1f} ×")
                 for b in batches]
        rows.append([row["engine"], *rates, f"{row['bleu']:.2f}" if "bleu" in row else "–", row.get("same", "–"),
                     f"{row['first_ms']:.0f}", f"{row['peak_bytes'] / 2**20:.0f}"])
    heads = ["engine", *(f"batch {b}, tokens/s" for b in batches), "BLEU", f"same of {r['sentences']}",
             "first translation, ms", "peak MiB"]
    return (
        f"en-{r['to']}, greedy; {r['singles']} Tatoeba test sentences one at a time, {r['sentences']} in batches; "
        f"medians of {r['rounds']} rounds in which all take turns. In brackets the number of threads, the best of 1 to "
        f"{r['threads']} for that engine and batch (2 × 1: two workers of one); then how many times faster mm is. "
        "Tokens are those of the outputs, without ends. The same: outputs as PyTorch eager's. CTranslate2 has random "
        "weights of equal size and outputs of the same lengths. First translation: from the start of a fresh process; "
        "of the compiled step, its compilation.\n\n"
        + table(heads, rows) + reading(r) + parse_table(r["parse"]))


def reading(r):
    """What reading the weights alone would allow, and the bound on memory."""
    mm, lines = r["engines"][0], []
    if "allowed" in r:
        at = r["allowed"]
        lines.append(
            f"A token reads {at['bytes'] / 1e6:.1f} MB of weights, at {at['gb_s']:.0f} GB/s "
            f"{at['tokens_per_second']:.0f} tokens/s: mm's {mm['rates'][min(mm['rates'])]:.0f} are {at['share']:.0%} "
            "of that.")
    bound = 2.5 * r["checkpoint_bytes"] + 50e6
    lines.append(f"mm's peak of {mm['peak_bytes'] / 1e6:.0f} MB, batches included, beside 2.5 × the checkpoint + 50 MB "
                 f"= {bound / 1e6:.0f} MB. A fresh process of mm with the embedded model translates after "
                 f"{r['start_ms']:.0f} ms.")
    return "\n" + "\n".join(lines) + "\n"


def parse_table(r):
    slow = r["engines"][-1]
    rows = []
    for e in r["engines"]:
        batch = f"{e['batch_parses_per_second']:.1f}" if "batch_parses_per_second" in e else "–"
        times = e["parses_per_second"] / slow["parses_per_second"]
        rows.append([e["engine"], e["threads"], f"{e['parses_per_second']:.1f}", f"{times:.1f} ×", batch,
                     f"{e['f1']:.1f}"])
    return f"\n{r['sentences']} sentences of GUM's test set:\n\n" + table(
        ["engine", "threads", "parses/s, one at a time", "times PyTorch", "in batches of 32", "F1"], rows)
