"""Corpora as streams of (source, target, label mask) examples, a temperature sampler over them, and packing.

A batch is (B, T) slots, each row filled with whole examples (segments) until nothing more fits, so almost no slot is
padding and there are only two shapes to compile: short and long.
"""
import re
import threading
import queue
from pathlib import Path

import numpy as np

import trees
from sounds import spoken

LANGUAGES = ("de", "fr")


def read_pairs(path):
    with open(path, encoding="utf-8") as f:
        for line in f:
            cells = line.rstrip("\n").split("\t")
            if len(cells) >= 2 and cells[0].strip() and cells[1].strip():
                yield cells[0], cells[1]


def good_pair(en, xx):
    """Drops pairs that teach copying or misalignment."""
    if len(en) > 600 or len(xx) > 600:
        return False
    if en == xx and len(re.findall(r"[A-Za-z]{3,}", en)) > 2:
        return False
    a, b = len(en) + 15, len(xx) + 15
    return max(a, b) / min(a, b) < 2.2


def corpora(root, split="train"):
    """name -> list of (english, other) pairs or of (tree,) bracketings. Keeps other sets clear of software dev/test."""
    root = Path(root)
    out = {}
    for xx in LANGUAGES:
        held = set()
        for part in ("dev", "test"):
            held |= {en for en, _ in read_pairs(root / f"software/{part}.en-{xx}.tsv")}
        for name, folder in (("tatoeba", "tatoeba"), ("software", "software"), ("bible", "bible_pd")):
            pairs = read_pairs(root / folder / f"{split}.en-{xx}.tsv")
            if split == "train":
                pairs = (p for p in pairs if p[0] not in held and good_pair(*p))
            out[f"{name}.en-{xx}"] = list(pairs)
        if split == "train":
            out[f"dict.en-{xx}"] = [p for p in read_pairs(root / f"software/dict.en-{xx}.tsv") if p[0] not in held]
    for name, path in (("craft", "parsing/craft"), ("gum", "parsing/gum/free"), ("silver", "silver_trees")):
        file = root / path / f"{split}.ptb"
        if file.exists():
            out[name] = [(line,) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    return out


class Ragged:
    """Many integer sequences in one flat array."""

    def __init__(self, sequences):
        self.flat = np.concatenate([np.asarray(s, np.int16) for s in sequences]) if sequences else np.zeros(0, np.int16)
        self.start = np.cumsum([0] + [len(s) for s in sequences])

    def __len__(self):
        return len(self.start) - 1

    def __getitem__(self, i):
        return self.flat[self.start[i]:self.start[i + 1]].astype(np.int64)


def tree_example(tok, line):
    """(source ids, decoder inputs, labels) of one tree; labels are -1 where the input word is copied."""
    tree = trees.read(line)
    pieces = [tok.encode(w) for w in trees.words(tree)]
    v = tok.vocab["tree"]
    source = [tok.commands["<parse>"]] + [t for p in pieces for t in p]
    stream, decided, word = list(pieces[0]), [False] * len(pieces[0]), 0
    for kind, name in trees.decisions(tree):
        table = {"(": v["labels"], "tag": v["tags"], ")": {None: v["close"]}}[kind]
        token = table.get(name, table.get("X") or table.get("XX"))
        stream.append(token)
        decided.append(True)
        if kind == "tag":
            word += 1
            if word < len(pieces):
                stream += pieces[word]
                decided += [False] * len(pieces[word])
    stream.append(tok.end)
    decided.append(True)
    inputs = [tok.commands["<parse>"]] + stream[:-1]
    return source, inputs, [t if d else -1 for t, d in zip(stream, decided)]


def encode_corpus(tok, name, rows):
    """Ragged columns of one corpus: texts for pairs, (source, inputs, labels) for trees."""
    if len(rows) and len(rows[0]) == 1:
        columns = ([], [], [])
        for (line,) in rows:
            for column, value in zip(columns, tree_example(tok, line)):
                column.append(value)
    else:
        columns = ([tok.encode(r[0]) for r in rows], [tok.encode(r[1]) for r in rows])
    return [Ragged(c) for c in columns]


class Stream:
    """Endless shuffled examples of one task from one corpus: draw() -> (source, inputs, labels)."""

    def __init__(self, columns, make, rng):
        self.columns, self.make, self.rng = columns, make, rng
        self.order, self.at = rng.permutation(len(columns[0])), 0

    def next_index(self):
        if self.at == len(self.order):
            self.order, self.at = self.rng.permutation(len(self.order)), 0
        self.at += 1
        return self.order[self.at - 1]

    def draw(self):
        return self.make(self)


def translate(command, end, side, join):
    """Maker of translation examples into column `side`; with chance `join`, two to four pairs make one example."""
    def make(s):
        count = 1 if s.rng.random() >= join else int(s.rng.integers(2, 5))
        rows = [s.next_index() for _ in range(count)]
        source = np.concatenate([s.columns[1 - side][i] for i in rows])
        target = np.concatenate([s.columns[side][i] for i in rows])
        return np.r_[command, source], np.r_[command, target], np.r_[target, end]
    return make


def denoise(command, end, side):
    """Maker of denoising examples (a language into itself, so that zero-shot pairs keep to the language asked for):
    a tenth of the pieces dropped, neighbours shuffled within three places (Lample et al. 2018)."""
    def make(s):
        target = s.columns[side][s.next_index()]
        kept = target[s.rng.random(len(target)) >= 0.1]
        order = np.argsort(np.arange(len(kept)) + s.rng.uniform(0, 3, len(kept)), kind="stable")
        return np.r_[command, kept[order]], np.r_[command, target], np.r_[target, end]
    return make


def dictation(tok):
    """Maker of English sentences as one says them, from no sound at all: what the decoder of transcripts expects before it
    listens, for which there are more texts than recordings."""
    command = tok.commands["<transcribe>"]

    def make(s):
        while not (words := spoken(tok.decode(s.columns[0][s.next_index()].tolist()))):
            pass
        tokens = tok.encode(words)
        return np.array([command]), np.r_[command, tokens], np.r_[tokens, tok.end]
    return make


def align(command):
    """Maker of pairs that say the same, English and the other language, behind the command of the third language."""
    def make(s):
        i = s.next_index()
        english, other = s.columns[0][i], s.columns[1][i]
        return np.r_[command, english], np.r_[command, other], np.full(1 + len(other), -1)
    return make


def pairs(tok, encoded, seed):
    """[(probability, Stream, name)] of pairs to align, from the sets of single sentences."""
    seeds = np.random.SeedSequence(seed).spawn(2 * len(encoded))
    third = {xx: next(o for o in LANGUAGES if o != xx) for xx in LANGUAGES}
    made = [(len(columns[0]) ** 0.5, Stream(columns, align(tok.commands[f"<to-{third[name[-2:]]}>"]), np.random.default_rng(s)), name)
            for (name, columns), s in zip(encoded.items(), seeds) if name.startswith(("tatoeba", "software"))]
    total = sum(p for p, _, _ in made)
    return [(p / total, s, n) for p, s, n in made]


def parse_tree(s):
    i = s.next_index()
    return s.columns[0][i], s.columns[1][i], s.columns[2][i]


# Share of the target tokens that each corpus gets; translation corpora split theirs over both directions.
SHARES = {
    "tatoeba.en-de": 0.235, "tatoeba.en-fr": 0.205, "software.en-de": 0.15, "software.en-fr": 0.125, "bible.en-de": 0.02,
    "bible.en-fr": 0.02, "dict.en-de": 0.01, "dict.en-fr": 0.005, "craft": 0.085, "gum": 0.035, "silver": 0.07, "denoise": 0.04,
    "dictation": 0.0,
}


def streams(tok, encoded, shares, seed):
    """[(probability of drawing, Stream, name)] such that target tokens come in the given shares."""
    entropy = np.random.SeedSequence(seed)
    made = []

    def add(name, columns, maker, share, mean):
        if share > 0:
            rng = np.random.default_rng(entropy.spawn(1)[0])
            made.append((share / mean, Stream(columns, maker, rng), name))

    for name, columns in encoded.items():
        share = shares.get(name, 0)
        if len(columns) == 3:
            add(name, columns, parse_tree, share, len(columns[1].flat) / len(columns[1]))
            continue
        xx = name[-2:]
        join = {"tatoeba": 0.12, "software": 0.08}.get(name.split(".")[0], 0.0)
        for side, language in ((0, "en"), (1, xx)):
            mean = (len(columns[side].flat) / len(columns[side]) + 1) * (1 + 2 * join)
            add(f"{name}>{language}", columns, translate(tok.commands[f"<to-{language}>"], tok.end, side, join), share / 2, mean)
        if name.startswith("tatoeba"):
            for side, language, part in ((1, xx, 0.4), (0, "en", 0.1)):
                mean = len(columns[side].flat) / len(columns[side]) + 1
                add(f"denoise.{language}", columns, denoise(tok.commands[f"<to-{language}>"], tok.end, side),
                    shares.get("denoise", 0) * part, mean)
            mean = len(columns[0].flat) / len(columns[0]) + 1
            add(f"dictation.{xx}", columns, dictation(tok), shares.get("dictation", 0) / 2, mean)
    total = sum(p for p, _, _ in made)
    return [(p / total, s, n) for p, s, n in made]


class Shape:
    """A batch shape: rows, source slots and target slots a row."""

    def __init__(self, rows, source, target):
        self.rows, self.source, self.target = rows, source, target

    def fits(self, example):
        return len(example[0]) <= self.source and len(example[1]) <= self.target


class Packer:
    """Fills batches of the two shapes from a sampler. state is only the random generators': a resumed run goes on
    with fresh draws, which is all that an endless shuffled stream needs."""

    def __init__(self, made, short, long, seed):
        self.chances = np.array([p for p, _, _ in made])
        self.streams = [s for _, s, _ in made]
        self.short, self.long = short, long
        self.rng = np.random.default_rng(seed)
        self.waiting = {short: [], long: []}
        self.dropped = 0

    def draw(self):
        return self.streams[self.rng.choice(len(self.streams), p=self.chances)].draw()

    def next(self):
        """The next batch: dict of int64 arrays src, src_segment, src_position, tgt, tgt_segment, tgt_position, labels."""
        if sum(len(e[1]) for e in self.waiting[self.long]) > 0.93 * self.long.rows * self.long.target:
            return self.fill(self.long, None)
        return self.fill(self.short, self.draw)

    def fill(self, shape, draw):
        rows = [[] for _ in range(shape.rows)]
        left = np.tile([shape.source, shape.target], (shape.rows, 1))
        pending, self.waiting[shape] = self.waiting[shape], []
        pending.sort(key=lambda e: len(e[1]))
        misses = 0
        while misses < 48 and (pending or draw):
            example = pending.pop() if pending else draw()
            if not shape.fits(example):
                if self.long.fits(example):
                    self.waiting[self.long].append(example)
                else:
                    self.dropped += 1
                continue
            need = (len(example[0]), len(example[1]))
            room = np.flatnonzero((left >= need).all(1))
            if not len(room):
                self.waiting[shape].append(example)
                misses += 1
                continue
            best = room[np.argmin(left[room].sum(1))]
            left[best] -= need
            rows[best].append(example)
        return pack(rows, shape)


def pack(rows, shape):
    def blank(slots, value=0):
        return np.full((shape.rows, slots), value, np.int64)
    out = {"labels": blank(shape.target, -1)}
    for side, slots in (("src", shape.source), ("tgt", shape.target)):
        for key in ("", "_segment", "_position"):
            out[side + key] = blank(slots)
    for b, examples in enumerate(rows):
        at = [0, 0]
        for n, example in enumerate(examples, 1):
            for i, side in enumerate(("src", "tgt")):
                size = len(example[i])
                cut = slice(at[i], at[i] + size)
                out[side][b, cut] = example[i]
                out[side + "_segment"][b, cut] = n
                out[side + "_position"][b, cut] = np.arange(size)
                if side == "tgt":
                    out["labels"][b, cut] = example[2]
                at[i] += size
    return out


def prefetch(packer, depth=4):
    """Batches made by a background thread."""
    ready = queue.Queue(depth)

    def work():
        while True:
            ready.put(packer.next())
    threading.Thread(target=work, daemon=True).start()
    return ready.get
