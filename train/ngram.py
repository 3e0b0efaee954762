"""Which word follows which: an interpolated Kneser-Ney trigram model of English texts (Chen & Goodman 1999), with which a
transcript is searched for (shallow fusion). The runtime's twin is decoders/letters/words.go, which reads it letter by letter.

    python ngram.py --data DATA --senses CACHE --out DIR/words.safetensors

P(w | a b) = mass(a b w) + rest(a b) · P(w | b), and the like down to single words. What pruning takes from the masses goes to
the rest (Seymore & Rosenfeld 1996). Masses and rests are stored as codes c of a byte, e^(-c/16).
"""
import argparse
import re
import sys
from pathlib import Path

import numpy as np
import torch

import checkpoint
import data
import sounds
import trees

CODES = 16  # a nat
UNKNOWN = 0.01  # probability of a word that is not in the vocabulary
SIGNS = 28  # letters, and the end of a word
SHIFT = 17  # bits of a word's number in the key of several
LAST = (1 << SHIFT) - 1  # of the last one's
TEXTS = {"tatoeba": 1, "bible": 1, "gum": 1, "silver": 1}  # corpora of prose, and how often each sentence counts
TRANSCRIPTS = {"kathleen": 3, "librispeech": 3, "asterisk": 3}


def sentences(root, senses):
    """(sentence in the letters that are heard, how often it counts), each once; other characters are left out."""
    seen = set()
    for weight, text in written(root, senses):
        text = " ".join(re.sub("[^a-z' ]", " ", sounds.spoken(text) or text.lower()).split())
        if text and text not in seen:
            seen.add(text)
            yield text, weight


def written(root, senses):
    source = sounds.Sounds(senses, "train")
    for name, weight in TRANSCRIPTS.items():
        for i in range(source.count(name)):
            yield weight, source.get(name, i)[1] or ""
    for name, rows in data.corpora(root, "train").items():
        weight = TEXTS.get(name.split(".")[0], 0)
        for row in rows if weight else ():
            yield weight, row[0] if len(row) == 2 else " ".join(trees.words(trees.read(row[0])))


def vocabulary(texts, least, most):
    """The words in order of their letters: those seen often enough, the most frequent ones."""
    counts = {}
    for text, weight in texts:
        for w in text.split():
            counts[w] = counts.get(w, 0) + weight
    often = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
    return sorted(often[:most])


def numbers(texts, words):
    """All sentences as one array of word numbers: start, words, end; words that the vocabulary lacks are -1."""
    number = {w: i for i, w in enumerate(words)}
    end, start = len(words), len(words) + 1
    return np.array([n for text, weight in texts for _ in range(weight)
                     for n in (start, *(number.get(w, -1) for w in text.split()), end)], np.int64)


def grams(ids, order, start):
    """(keys of all n-grams that lie within a sentence and the vocabulary, in order; counts)."""
    columns = [ids[k:len(ids) - order + 1 + k] for k in range(order)]
    keep = np.all([c >= 0 for c in columns], 0) & np.all([c != start for c in columns[1:]], 0)
    key = sum(c[keep] << (SHIFT * (order - 1 - k)) for k, c in enumerate(columns))
    return np.unique(key, return_counts=True)


def discounts(counts):
    """What is taken off counts of one, two, and three or more (Chen & Goodman 1999, section 3)."""
    n = [max((counts == k).sum(), 1) for k in (1, 2, 3, 4)]
    y = n[0] / (n[0] + 2 * n[1])
    off = [k - (k + 1) * y * n[k] / n[k - 1] for k in (1, 2, 3)]
    return np.clip(np.array([0.0, *off])[np.minimum(counts, 3)], 0.1, counts - 0.01)


def masses(key, counts):
    """Discounted share of each n-gram among those with its history."""
    history, at = np.unique(key >> SHIFT, return_inverse=True)
    return (counts - discounts(counts)) / np.bincount(at, counts, len(history))[at]


def continuation(key):
    """(keys without the first word, by how many different first words each is preceded)."""
    order = 2 if key.max() >= 1 << (2 * SHIFT) else 1
    return np.unique(key & ((1 << (SHIFT * order)) - 1), return_counts=True)


def rests(history, key, mass):
    """1 - the masses behind each history, by the sorted keys of histories."""
    total = np.zeros(len(history))
    np.add.at(total, np.searchsorted(history, key >> SHIFT), mass)
    return np.clip(1 - total, 1e-6, 1)


def worth(key, mass, counts, low):
    """Nats of the texts' log-probability that each n-gram brings, low being the probability of its word a word of history less."""
    history = np.unique(key >> SHIFT)
    rest = rests(history, key, mass)[np.searchsorted(history, key >> SHIFT)]
    return counts * np.log(1 + mass / (rest * low))


class Counted:
    """The model before it is stored: float masses of one, two and three words."""

    def __init__(self, ids, words, prune=(0.0, 0.0)):
        self.words, n = words, len(words)
        tri, tri_counts = grams(ids, 3, n + 1)
        bi, once = grams(ids, 2, n + 1)
        behind, different = continuation(tri)
        bi_counts = np.where(bi >> SHIFT == n + 1, once, 1)  # of what nothing precedes the counts themselves
        bi_counts[np.searchsorted(bi, behind)] = different
        single, counts = continuation(bi[bi >> SHIFT != n + 1])
        self.uni = np.full(n + 1, 0.5)
        self.uni[single] += counts
        self.uni /= self.uni.sum()
        self.bi, self.bi_mass = bi, masses(bi, bi_counts)
        self.tri, self.tri_mass = tri, masses(tri, tri_counts)
        self.prune(prune, bi_counts, tri_counts)

    def prune(self, least, bi_counts, tri_counts):
        """Leaves out what changes the texts' log-probability by less than so many nats; what is a history stays."""
        low = self.lower(self.tri, self.bi, self.bi_mass, self.bi_rest(), self.uni)
        keep = worth(self.tri, self.tri_mass, tri_counts, low) >= least[1]
        self.tri, self.tri_mass = self.tri[keep], self.tri_mass[keep]
        keep = (worth(self.bi, self.bi_mass, bi_counts, self.uni[self.bi & LAST]) >= least[0]) | np.isin(self.bi, self.tri >> SHIFT)
        self.bi, self.bi_mass = self.bi[keep], self.bi_mass[keep]

    def bi_rest(self):
        return rests(np.arange(len(self.words) + 2), self.bi, self.bi_mass)

    @staticmethod
    def lower(tri, bi, bi_mass, bi_rest, uni):
        """P(w | b) of every trigram a b w."""
        key = tri & ((1 << (2 * SHIFT)) - 1)
        at = np.searchsorted(bi, key).clip(max=len(bi) - 1)
        return np.where(bi[at] == key, bi_mass[at], 0) + bi_rest[key >> SHIFT] * uni[key & LAST]

    def tables(self):
        """The arrays of words.safetensors."""
        n = len(self.words)
        text = "".join(self.words).encode()
        return {
            "letters": np.frombuffer(text, np.uint8),
            "letters.begin": starts(np.array([len(w) for w in self.words])),
            "one": self.uni.astype(np.float32),
            "one.rest": coded(self.bi_rest()),
            "two.begin": starts(np.bincount(self.bi >> SHIFT, minlength=n + 2)),
            "two.word": (self.bi & LAST).astype(np.uint16),
            "two.mass": coded(self.bi_mass),
            "two.rest": coded(rests(self.bi, self.tri, self.tri_mass)),
            "three.begin": starts(np.bincount(np.searchsorted(self.bi, self.tri >> SHIFT), minlength=len(self.bi))),
            "three.word": (self.tri & LAST).astype(np.uint16),
            "three.mass": coded(self.tri_mass),
        }


def starts(counts):
    return np.concatenate(([0], np.cumsum(counts))).astype(np.uint32)


def coded(p):
    return np.rint(np.minimum(-np.log(p) * CODES, 255)).astype(np.uint8)


def write(path, tables):
    checkpoint.write_safetensors(path, {name: torch.from_numpy(np.array(t)) for name, t in tables.items()})


class Stored:
    """Reads the tables as the runtime does."""

    def __init__(self, tables):
        t = self.tables = tables
        self.decoded = np.exp(-np.arange(256) / CODES)
        text, begin = t["letters"].tobytes().decode(), t["letters.begin"]
        self.words = [text[a:b] for a, b in zip(begin, begin[1:])]
        self.number = {w: i for i, w in enumerate(self.words)}

    def probabilities(self, a, b):
        """P(w | a b) of every word and, last, of the end; -1 is a word that is not known."""
        t, n = self.tables, len(self.words)
        p = t["one"].astype(np.float64)
        if b >= 0:
            lo, hi = t["two.begin"][b], t["two.begin"][b + 1]
            p = self.decoded[t["one.rest"][b]] * p
            p[t["two.word"][lo:hi]] += self.decoded[t["two.mass"][lo:hi]]
        if a >= 0 and b >= 0:
            lo, hi = t["two.begin"][a], t["two.begin"][a + 1]
            at = lo + np.searchsorted(t["two.word"][lo:hi], b)
            if at < hi and t["two.word"][at] == b:
                lo, hi = t["three.begin"][at], t["three.begin"][at + 1]
                p = self.decoded[t["two.rest"][at]] * p
                p[t["three.word"][lo:hi]] += self.decoded[t["three.mass"][lo:hi]]
        return p

    def letters(self, text):
        """Log-probability of every letter of a text behind those before it, and of the text's end. What no word of the
        vocabulary begins with has UNKNOWN of all probability, every sign of it alike."""
        a, b, start, out = -1, len(self.words) + 1, 0, []
        for i, letter in enumerate(text + "\n"):
            p, before = self.probabilities(a, b), text[start:i]
            mass, strange = self.beginning(p, before), UNKNOWN * SIGNS ** -(i - start)
            if letter not in " \n":
                out.append(np.log(self.beginning(p, before + letter) / mass))
                continue
            if letter == "\n" and not before:
                out.append(0.0)
                continue
            word = self.number.get(before, -1)
            out.append(np.log(((1 - UNKNOWN) * p[word] * (word >= 0) + strange / SIGNS) / mass))
            a, b, start = b, word, i + 1
        return np.array(out[:-1] + [out[-1] + np.log(self.probabilities(a, b)[-1])])

    def beginning(self, p, letters):
        """Probability of all words, known or not, that begin with some letters; of none: whatever comes."""
        known = sum(p[i] for i, w in enumerate(self.words) if w.startswith(letters))
        return (1 - UNKNOWN) * known + UNKNOWN * SIGNS ** -len(letters) if letters else 1.0

    def nats(self, text):
        """-log P of a sentence's words and its end, unknown words left out, and how many they are."""
        a, b = -1, len(self.words) + 1
        total, count = 0.0, 0
        for w in [*(self.number.get(w, -1) for w in text.split()), len(self.words)]:
            if w >= 0:
                total, count = total - np.log(self.probabilities(a, b)[w]), count + 1
            a, b = b, w
        return total, count


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True, help="folder of texts, as train.py's")
    p.add_argument("--senses", type=Path, required=True, help="cache of sounds.py, for its transcripts")
    p.add_argument("--out", type=Path, required=True, help="words.safetensors to write")
    p.add_argument("--words", type=int, default=40000, help="of the vocabulary, at most")
    p.add_argument("--least", type=int, default=1, help="times that a word was seen")
    p.add_argument("--prune", type=float, nargs=2, default=(5.0, 8.0), help="nats that a pair and a triple of words must be worth")
    a = p.parse_args()
    texts = list(sentences(a.data, a.senses))
    words = vocabulary(texts, a.least, a.words)
    made = Counted(numbers(texts, words), words, a.prune)
    tables = made.tables()
    write(a.out, tables)
    print(f"{len(texts)} sentences: {len(words)} words, {len(made.bi)} pairs, {len(made.tri)} triples, {a.out.stat().st_size / 2**20:.2f} MiB")
    model, dev = Stored(tables), sounds.Sounds(a.senses, "dev")
    for name in TRANSCRIPTS:
        said = [dev.get(name, i)[1] for i in range(dev.count(name))]
        nats, count = np.sum([model.nats(t) for t in said if t], 0)
        unknown = np.mean([w not in model.number for t in said if t for w in t.split()])
        print(f"{name} dev: perplexity {np.exp(nats / count):.0f}, {100 * unknown:.1f} % of the words unknown")


if __name__ == "__main__":
    sys.exit(main())
