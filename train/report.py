"""Results of evaluate.py as Markdown tables."""

TITLES = {"tatoeba": "Tatoeba test", "software": "Software test", "news": "newstest2014"}


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def beam_name(beam):
    return "greedy" if beam == 1 else f"beam {beam}"


def grid(results):
    """One row a direction and search, BLEU / chrF of each test set side by side."""
    names = [n for n in TITLES if n in results]
    cells = {}
    for name in names:
        for r in results[name]:
            cells.setdefault((r["direction"], r["beam"]), {})[name] = f"{r['bleu']:.1f} / {r['chrf']:.1f}"
    rows = [[direction, beam_name(beam), *(c.get(n, "–") for n in names)] for (direction, beam), c in cells.items()]
    counts = ", ".join(f"{TITLES[n]} {'/'.join(str(c) for c in sorted({r['sentences'] for r in results[n]}))}" for n in names)
    first = results[names[0]][0]
    return ("## Translation (BLEU / chrF)\n\n" + table(["direction", "search", *(TITLES[n] for n in names)], rows) +
            f"\nSentences a direction: {counts}. `{first['bleu_signature']}`; `{first['chrf_signature']}`\n")


def zeroshot(rows):
    return "## German-French without a German-French pair in training (BLEU / chrF)\n\n" + table(
        ["set", "direction", "search", "sentences", "direct", "pivot through English", "BLEU ratio"],
        [[r["set"], r["direction"], beam_name(r["beam"]), r["direct"]["sentences"],
          *(f"{r[k]['bleu']:.1f} / {r[k]['chrf']:.1f}" for k in ("direct", "pivot")), f"{r['ratio']:.2f}"] for r in rows])


def repetition(rows):
    return ("## Outputs that collapse, newstest2014\n\n"
            "An n-gram of 1 to 8 words or marks stands four times in a row, or the output is more than three times as long as "
            "the source. The last column counts the human translations that do.\n\n" + table(
                ["direction", "search", "sentences", "collapsed", "rate", "references"],
                [[r["direction"], beam_name(r["beam"]), r["sentences"], r["collapsed"],
                  f"{100 * r['collapsed'] / r['sentences']:.2f}%", r["references"]] for r in rows]))


def parsing(rows):
    keys = ("precision", "recall", "f1", "exact", "tags", "well_formed")
    return "## Parsing (EVALB rules, COLLINS.prm), per cent\n\n" + table(
        ["treebank", "search", "sentences", "precision", "recall", "F1", "exact match", "tag accuracy", "well-formed"],
        [[r["treebank"], beam_name(r["beam"]), r["sentences"], *(f"{r[k]:.1f}" for k in keys)] for r in rows])


def agreement(rows):
    same, total = sum(r["same"] for r in rows), sum(r["sentences"] for r in rows)
    return "## Same greedy output as the PyTorch reference\n\n" + table(
        ["direction", "sentences", "same"], [[r["direction"], r["sentences"], r["same"]] for r in rows] +
        [["all", total, f"{same} ({100 * same / max(total, 1):.1f}%)"]])


def markdown(results):
    parts = [grid(results)] if any(n in results for n in TITLES) else []
    for name, make in (("zeroshot", zeroshot), ("repetition", repetition), ("parsing", parsing), ("agreement", agreement)):
        if name in results:
            parts.append(make(results[name]))
    return "\n".join(parts)
