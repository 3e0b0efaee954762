"""Scores of constituency trees by the rules of EVALB (Sekine & Collins) with its COLLINS.prm.

Labelled brackets count, the outermost ROOT and the tags do not; words tagged , : `` '' . are taken out before spans are
numbered; ADVP and PRT are one label. Which words are punctuation is read from the gold tree, so that a wrong tag costs
tag accuracy and nothing else (EVALB leaves such a sentence out). An ill-formed output matches no bracket.
"""
from collections import Counter
from dataclasses import dataclass, fields

import trees
from tokenizer import normalize

ROOTS = ("ROOT", "TOP", "S1")
PUNCTUATION = (",", ":", "``", "''", ".")
EQUAL = {"PRT": "ADVP"}


@dataclass
class Counts:
    sentences: int = 0
    well_formed: int = 0
    exact: int = 0
    matched: int = 0
    gold: int = 0
    test: int = 0
    words: int = 0
    tags: int = 0

    def add(self, other):
        for f in fields(self):
            setattr(self, f.name, getattr(self, f.name) + getattr(other, f.name))

    def scores(self):
        """Percentages."""
        def percent(part, whole):
            return 100 * part / whole if whole else 0.0
        p, r = percent(self.matched, self.test), percent(self.matched, self.gold)
        return {"sentences": self.sentences, "precision": p, "recall": r, "f1": 2 * p * r / (p + r) if p + r else 0.0,
                "exact": percent(self.exact, self.sentences), "tags": percent(self.tags, self.words),
                "well_formed": percent(self.well_formed, self.sentences)}


def spans(tree, kept):
    """Counter of (label, start, end) over the kept words; kept[i] says whether word i counts."""
    index = [0]
    for keep in kept:
        index.append(index[-1] + keep)
    out, at = Counter(), 0

    def walk(node):
        nonlocal at
        if isinstance(node, tuple):
            at += 1
            return
        start = at
        for child in node[1:]:
            walk(child)
        label = trees.clean(node[0])
        if label not in ROOTS and index[at] > index[start]:
            out[EQUAL.get(label, label), index[start], index[at]] += 1

    walk(tree)
    return out


def well_formed(line, words):
    """The tree of an output line, or None unless it is one balanced tree with exactly these words in order."""
    try:
        tree = trees.read(line)
    except (ValueError, IndexError):
        return None
    if [w for _, w in trees.leaves(tree)] != [trees.escape(normalize(w)) for w in words]:
        return None
    return tree


def score(gold_line, line):
    """Counts of one sentence: a gold bracketing and an output."""
    gold = trees.read(gold_line)
    gold_tags = [tag for tag, _ in trees.leaves(gold)]
    kept = [tag not in PUNCTUATION for tag in gold_tags]
    want = spans(gold, kept)
    counts = Counts(sentences=1, gold=want.total(), words=len(gold_tags))
    tree = well_formed(line, trees.words(gold))
    if tree is None:
        return counts
    got = spans(tree, kept)
    counts.well_formed = 1
    counts.test, counts.matched, counts.exact = got.total(), (got & want).total(), int(got == want)
    counts.tags = sum(tag == other for tag, (other, _) in zip(gold_tags, trees.leaves(tree)))
    return counts


def corpus_score(gold_lines, lines):
    total = Counts()
    for gold, line in zip(gold_lines, lines, strict=True):
        total.add(score(gold, line))
    return total.scores()
