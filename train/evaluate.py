"""Scores of the Go runtime on the test sets: what it prints goes to sacrebleu and to the bracket scorer.

    python evaluate.py --mm BINARY --data DATA [--model DIR] [--only tatoeba,parsing] [--quick N]
                       [--out results.json] [--markdown FILE]

Sections: tatoeba, software, news (BLEU and chrF, greedy and beam), zeroshot (German-French beside the pivot through
English), repetition (outputs that collapse, of news), parsing, agreement (with --agreement N: the same greedy output as
reference.py). Results in --out from earlier runs stay there unless their section runs again.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import sacrebleu

import brackets
import trees
from data import read_pairs
from report import markdown

SETS = {"tatoeba": "tatoeba/test", "software": "software/test", "news": "wmt_news/newstest2014"}
DIRECTIONS = [("en", "de"), ("de", "en"), ("en", "fr"), ("fr", "en")]
JOINED = {"newstest2013": "wmt_news/newstest2013", "tatoeba": "tatoeba/test"}
TREEBANKS = {"gum": "parsing/gum/free/test.ptb", "craft": "parsing/craft/test.ptb"}
WHOLE_TOKENS = 64  # the binary splits longer texts into sentences
SECTIONS = [*SETS, "zeroshot", "repetition", "parsing", "agreement"]


class Runtime:
    """The mm binary. Outputs are kept, so that a section can reuse another's translations."""

    def __init__(self, binary, model=None):
        self.command = [str(binary), "run"]
        self.model = ["--model", str(model)] if model else []
        self.made = {}

    def run(self, task, options, lines):
        """One JSON object a line: [{"output", "tokens", "ms", …}]; seconds of the whole call."""
        key = (task, *options, *lines)
        if key not in self.made:
            start = time.monotonic()
            done = subprocess.run([*self.command, task, *options, *self.model, "--json", "-"], encoding="utf-8",
                                  input="".join(line + "\n" for line in lines), capture_output=True)
            out = [json.loads(line) for line in done.stdout.splitlines()]
            failed = [o["error"] for o in out if o.get("error")]
            if len(out) != len(lines) or bool(done.returncode) != bool(failed):
                raise RuntimeError(f"evaluate: {task} {' '.join(options)}: {len(out)} outputs of {len(lines)} lines, "
                                   f"exit {done.returncode}: {done.stderr[-2000:]}")
            if failed:  # their outputs are empty and score as such
                print(f"evaluate: {task} {' '.join(options)}: {len(failed)} of {len(lines)} failed: {failed[0]}", file=sys.stderr)
            self.made[key] = out, time.monotonic() - start
        return self.made[key]

    def translate(self, lines, to, beam=1):
        out, seconds = self.run("translate", ["--to", to, *beam_option(beam)], lines)
        return [o["output"] for o in out], sum(o.get("tokens", 0) for o in out) / max(seconds, 1e-9)

    def parse(self, sentences, beam=1):
        out, _ = self.run("parse", ["--words", *beam_option(beam)], [" ".join(words) for words in sentences])
        return [o["output"] for o in out]


def beam_option(beam):
    return ["--beam", str(beam)] if beam > 1 else []


def one_line(text):
    return re.sub(r"\s+", " ", text).strip()


def spread(rows, count):
    """At most count of the rows, evenly spread; all for 0."""
    rows = list(rows)
    return rows if not count or count >= len(rows) else [rows[i * len(rows) // count] for i in range(count)]


def pairs(root, name, source, target, count):
    """(sources, references) of a test set in one direction."""
    xx = target if source == "en" else source
    rows = spread(read_pairs(root / f"{name}.en-{xx}.tsv"), count)
    rows = [(one_line(en), one_line(other)) for en, other in rows]
    return [list(side) for side in zip(*(r if source == "en" else r[::-1] for r in rows))]


def joined(root, name, count):
    """German and French sentences of test sets that share their English side, the first of each."""
    sides = []
    for xx in ("de", "fr"):
        first = {}
        for en, other in read_pairs(root / f"{name}.en-{xx}.tsv"):
            first.setdefault(en, one_line(other))
        sides.append(first)
    german, french = sides
    rows = spread([(german[en], french[en]) for en in german if en in french], count)
    return [list(side) for side in zip(*rows)]


def quality(outputs, references):
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    return {"bleu": bleu.corpus_score(outputs, [references]).score, "chrf": chrf.corpus_score(outputs, [references]).score,
            "sentences": len(outputs), "bleu_signature": str(bleu.get_signature()), "chrf_signature": str(chrf.get_signature())}


def translation(mm, a, section):
    rows = []
    for source, target in DIRECTIONS:
        texts, references = pairs(a.data, SETS[section], source, target, a.quick)
        for beam in a.beams:
            outputs, rate = mm.translate(texts, target, beam)
            rows.append({"direction": f"{source}-{target}", "beam": beam, "tokens_per_second": rate, **quality(outputs, references)})
    return rows


def zeroshot(mm, a, _):
    rows = []
    for name, path in JOINED.items():
        german, french = joined(a.data, path, a.quick)
        for direction, texts, references, target in (("de-fr", german, french, "fr"), ("fr-de", french, german, "de")):
            for beam in a.beams:
                direct = quality(mm.translate(texts, target, beam)[0], references)
                english = mm.translate(texts, "en", beam)[0]
                pivot = quality(mm.translate(english, target, beam)[0], references)
                rows.append({"set": name, "direction": direction, "beam": beam, "direct": direct, "pivot": pivot,
                             "ratio": direct["bleu"] / pivot["bleu"] if pivot["bleu"] else 0.0})
    return rows


def pieces(text):
    """Words and single punctuation marks."""
    return re.findall(r"\w+|[^\w\s]", text)


def repeats(tokens, longest=8, times=4):
    """Does some n-gram of up to `longest` tokens stand `times` times in a row?"""
    for n in range(1, longest + 1):
        run = 0
        for i in range(n, len(tokens)):
            run = run + 1 if tokens[i] == tokens[i - n] else 0
            if run >= n * (times - 1):
                return True
    return False


def collapses(source, output):
    return repeats(pieces(output)) or len(pieces(output)) > 3 * max(len(pieces(source)), 1)


def repetition(mm, a, _):
    rows = []
    for source, target in DIRECTIONS:
        texts, references = pairs(a.data, SETS["news"], source, target, a.quick)
        human = sum(map(collapses, texts, references))
        for beam in a.beams:
            outputs, _ = mm.translate(texts, target, beam)
            bad = [i for i, (s, o) in enumerate(zip(texts, outputs)) if collapses(s, o)]
            rows.append({"direction": f"{source}-{target}", "beam": beam, "sentences": len(texts), "collapsed": len(bad),
                         "references": human, "examples": [outputs[i] for i in bad[:3]]})
    return rows


def parsing(mm, a, _):
    rows = []
    for name, path in TREEBANKS.items():
        gold = spread((line for line in (a.data / path).read_text(encoding="utf-8").splitlines() if line.strip()), a.quick)
        sentences = [trees.words(trees.read(line)) for line in gold]
        for beam in a.beams:
            rows.append({"treebank": name, "beam": beam, **brackets.corpus_score(gold, mm.parse(sentences, beam))})
    return rows


def agreement(mm, a, _):
    """Greedy output of the binary against the reference running the dequantized weights, on sentences short enough that
    the binary translates them in one piece."""
    from reference import Reference
    reference, rows = Reference(a.model), []
    for source, target in DIRECTIONS:
        texts, _ = pairs(a.data, SETS["tatoeba"], source, target, max(1, a.agreement // len(DIRECTIONS)))
        texts = [t for t in texts if len(reference.tok.encode(t)) <= WHOLE_TOKENS]
        outputs, _ = mm.translate(texts, target)
        wanted = reference.translate(texts, target)
        differing = [t for t in zip(texts, outputs, wanted) if t[1] != t[2]]
        rows.append({"direction": f"{source}-{target}", "sentences": len(texts), "same": len(texts) - len(differing),
                     "differing": [dict(zip(("input", "mm", "reference"), d)) for d in differing[:5]]})
    return rows


def save(results, path):
    Path(f"{path}.new").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(f"{path}.new", path)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mm", type=Path, required=True, help="the mm binary")
    p.add_argument("--data", type=Path, required=True, help="folder with tatoeba/, software/, wmt_news/, parsing/")
    p.add_argument("--model", type=Path, help="model directory (default: the one embedded in the binary)")
    p.add_argument("--only", help="sections, separated by commas: " + ", ".join(SECTIONS))
    p.add_argument("--beams", default="1,4", type=lambda s: [int(b) for b in s.split(",")], help="beam widths (1 is greedy)")
    p.add_argument("--quick", type=int, default=0, metavar="N", help="N sentences of each set")
    p.add_argument("--agreement", type=int, default=0, metavar="N", help="compare N sentences with the reference (needs --model)")
    p.add_argument("--out", type=Path, default=Path("results.json"))
    p.add_argument("--markdown", type=Path, help="write the tables here")
    a = p.parse_args()
    sections = a.only.split(",") if a.only else [s for s in SECTIONS if s != "agreement" or a.agreement]
    if unknown := set(sections) - set(SECTIONS):
        p.error(f"--only: unknown sections {', '.join(sorted(unknown))}; known are {', '.join(SECTIONS)}")
    if "agreement" in sections and not (a.agreement and a.model):
        p.error("the agreement section needs --agreement N and --model DIR")
    run = {**dict.fromkeys(SETS, translation), "zeroshot": zeroshot, "repetition": repetition, "parsing": parsing,
           "agreement": agreement}
    mm = Runtime(a.mm.resolve(), a.model)
    results = json.loads(a.out.read_text(encoding="utf-8")) if a.out.exists() else {}
    for section in sections:
        results[section] = run[section](mm, a, section)
        save(results, a.out)
        print(markdown({section: results[section]}), flush=True)
    if a.markdown:
        a.markdown.write_text(markdown(results), encoding="utf-8")


if __name__ == "__main__":
    main()
