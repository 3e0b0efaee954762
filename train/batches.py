"""Batches of sounds and pictures for losses.py, as dicts of arrays; those of texts are data.Packer's.

Sounds are packed like texts: a batch is (B, T) row slots that hold several clips each, a command slot in front of every
clip, and 4 frames a slot. Pictures of a batch have one size.
"""
import numpy as np

import data
import photos
import sounds
from modalities import CELL, STRIDE
from tasks import LETTERS

ROWS = 416  # row slots of a batch of sounds: 16 seconds with the command, and some
TARGETS = 128
CLIPS = 16  # classified clips at most in a row of slots
CANVAS = (192, 144)  # of cells: width and height

# Share of the clips that each set gets. A set with classes is heard as words in half of its clips, in all without heads.
SHARES = {"librispeech": 0.08, "kathleen": 0.16, "asterisk": 0.08, "speech_commands": 0.16, "fsdd": 0.12, "synthetic": 0.34,
          "synthetic_digits": 0.03, "synthetic_commands": 0.03}
CLASSES = {"speech_commands": ("commands", "<commands>"), "fsdd": ("digits", "<digits>"),
           "synthetic_digits": ("digits", "<digits>"), "synthetic_commands": ("commands", "<commands>")}


class Clip:
    """frames (4T, bands) prepared; tokens and letters of its words, or the head and label that it is asked for."""

    def __init__(self, frames, command, tokens=None, letters=(), head=None, label=-1):
        self.frames, self.command, self.tokens, self.letters = frames, command, tokens, letters
        self.head, self.label = head, label
        self.rows = 1 + len(frames) // STRIDE


class SoundBatches:
    """Endless batches of sounds from the sets of a cache that have a share."""

    def __init__(self, source, tok, shares, rows, seed, augment=True, words=False):
        self.source, self.tok, self.rows, self.augment, self.words = source, tok, rows, augment, words
        self.rng = np.random.default_rng(seed)
        self.names = [n for n in source.names if shares.get(n, 0) > 0]
        chance = np.array([shares[n] for n in self.names], float)
        self.chance = chance / chance.sum()
        self.order = {n: iter(()) for n in self.names}
        self.waiting = []

    def next_index(self, name):
        for i in self.order[name]:
            return i
        self.order[name] = iter(self.rng.permutation(self.source.count(name)))
        return next(self.order[name])

    def draw(self):
        """A clip that fits a row of slots; one that does not is passed over."""
        while True:
            name = self.names[self.rng.choice(len(self.names), p=self.chance)]
            frames, text, label = self.source.get(name, self.next_index(name))
            head, command = CLASSES.get(name, (None, None))
            if head and not self.words and label is not None and (text is None or self.rng.random() < 0.5):
                clip = Clip(self.prepared(frames), self.tok.commands[command], head=head, label=label)
            elif text:
                letters = [1 + LETTERS.index(c) for c in text]  # 0 is the blank
                clip = Clip(self.prepared(frames), self.tok.commands["<transcribe>"], self.tok.encode(text), letters)
            else:
                continue
            if clip.rows <= ROWS and len(clip.tokens or ()) < TARGETS:
                return clip

    def prepared(self, frames):
        return sounds.clean(sounds.augment(frames, self.rng, self.source.babble(self.rng)) if self.augment else frames)

    def next(self):
        """Rows are filled by best fit; clips that found no room wait for the next batch."""
        rows, left = [[] for _ in range(self.rows)], np.tile([ROWS, TARGETS, CLIPS], (self.rows, 1))
        pending, self.waiting = self.waiting, []
        misses = 0
        while misses < 12:
            clip = pending.pop() if pending else self.draw()
            need = np.array([clip.rows, 0 if clip.tokens is None else 1 + len(clip.tokens), 1])
            room = np.flatnonzero((left >= need).all(1))
            if not len(room):
                self.waiting.append(clip)
                misses += 1
                continue
            best = room[np.argmin(left[room, 0])]
            left[best] -= need
            rows[best].append(clip)
        self.waiting += pending
        return self.pack(rows)

    def pack(self, rows):
        """frames (B, 4T, bands), command and src_… (B, T), tgt… and labels (B, 128), class.HEAD (B, 16), and of ctc."""
        out = data.pack([[self.texts(clip) for clip in row] for row in rows], data.Shape(len(rows), ROWS, TARGETS))
        out["command"] = out.pop("src")
        out["frames"] = np.zeros((len(rows), STRIDE * ROWS, sounds.BANDS), np.float32)
        for head, _ in set(CLASSES.values()):
            out["class." + head] = np.full((len(rows), CLIPS), -1, np.int64)
        spelled = []
        for b, row in enumerate(rows):
            at = 0
            for n, clip in enumerate(row):
                first = at + 1
                out["frames"][b, STRIDE * first:STRIDE * (at + clip.rows)] = clip.frames
                if clip.head:
                    out["class." + clip.head][b, n] = clip.label
                else:
                    spelled.append((b * ROWS + first, clip))
                at += clip.rows
        return out | self.letters(spelled, (CLIPS if self.words else CLIPS // 4) * len(rows))

    def texts(self, clip):
        """(command and empty slots, decoder inputs, labels) of a clip, as data.pack takes them."""
        source = np.r_[clip.command, np.zeros(clip.rows - 1, np.int64)]
        if clip.tokens is None:
            return source, np.zeros(0, np.int64), np.zeros(0, np.int64)
        return source, np.r_[clip.command, clip.tokens].astype(np.int64), np.r_[clip.tokens, self.tok.end].astype(np.int64)

    def letters(self, spelled, count):
        """CTC's arrays for up to count clips, longest texts first where there are more."""
        spelled = sorted(spelled, key=lambda s: -len(s[1].letters))[:count]
        out = {"ctc_index": np.zeros((count, ROWS), np.int64), "ctc_targets": np.zeros((count, 400), np.int64),
               "ctc_rows": np.ones(count, np.int64), "ctc_letters": np.zeros(count, np.int64)}
        for i, (first, clip) in enumerate(spelled):
            n = clip.rows - 1
            out["ctc_index"][i, :n] = first + np.arange(n)
            out["ctc_rows"][i], out["ctc_letters"][i] = n, len(clip.letters)
            out["ctc_targets"][i, :len(clip.letters)] = clip.letters
        return out


class Shuffled:
    """Endless shuffled indices."""

    def __init__(self, count, seed):
        self.count, self.rng = count, np.random.default_rng(seed)
        self.order = self.rng.permutation(count)

    def take(self, n):
        while len(self.order) < n:
            self.order = np.r_[self.order, self.rng.permutation(self.count)]
        taken, self.order = self.order[:n], self.order[n:]
        return taken


class PhotoBatches:
    """Endless batches of classified photos, augmented, and at strength 1 half of the batches mixed in pairs (mixup)."""

    def __init__(self, images, labels, command, size, seed, strength=1.0):
        self.images, self.labels, self.command, self.size, self.strength = images, labels, command, size, strength
        self.shuffled = Shuffled(len(images), seed)
        self.rng = np.random.default_rng(seed + 1)

    def next(self):
        index = self.shuffled.take(self.size)
        share = self.rng.beta(0.4, 0.4) if self.rng.random() < 0.5 * self.strength else 1.0
        pixels = photos.augment_photos(self.images[index], self.rng, self.strength)
        pixels = (share * pixels + (1 - share) * pixels[::-1]).astype(np.float32)
        label = self.labels[index].astype(np.int64)
        return photo_batch(pixels, label, self.command, label[::-1].copy(), share)


def photo_batch(pixels, label, command, other=None, share=1.0):
    n = len(pixels)
    return {"pixels": pixels, "label": label, "other": label if other is None else other, "share": np.full(n, share, np.float32),
            "command": np.full(n, command, np.int64)}


class CellBatches:
    """Endless batches of pictures with boxes, augmented."""

    def __init__(self, pictures, command, size, seed):
        self.pictures, self.command, self.size = pictures, command, size
        self.shuffled = Shuffled(len(pictures), seed)
        self.rng = np.random.default_rng(seed + 1)

    def next(self):
        made = [photos.augment_cells(*self.pictures[i], self.rng) for i in self.shuffled.take(self.size)]
        return cell_batch(made, self.command)


def cell_batch(made, command):
    """Of [(pixels (H, W, 3), boxes (n, 4) in canvas pixels, labels (n))]."""
    targets = [assign(boxes, labels) for _, boxes, labels in made]
    return {"pixels": np.stack([pixels for pixels, _, _ in made]).astype(np.float32),
            "owner": np.stack([owner for owner, _ in targets]), "sides": np.stack([sides for _, sides in targets]),
            "command": np.full(len(made), command, np.int64)}


def assign(boxes, labels, canvas=CANVAS, radius=1.5):
    """Which box each cell of the grid stands for: the smallest of those that hold its centre not more than 1.5 cells from
    their own centre; and the cell nearest to a box's centre, so that none goes without (FCOS' centre sampling).

    Returns label or -1 (cells) and the distances to left, top, right, bottom (cells, 4)."""
    width, height = canvas[0] // CELL, canvas[1] // CELL
    x, y = np.meshgrid(CELL * np.arange(width) + CELL / 2, CELL * np.arange(height) + CELL / 2)
    centre = np.stack((x.ravel(), y.ravel()), -1)
    owner, sides = np.full(len(centre), -1, np.int64), np.zeros((len(centre), 4), np.float32)
    for i in np.argsort([-(b[2] - b[0]) * (b[3] - b[1]) for b in boxes], kind="stable"):  # the smallest last, over the others
        box, middle = np.asarray(boxes[i], float), np.array([boxes[i][0] + boxes[i][2], boxes[i][1] + boxes[i][3]]) / 2
        distance = np.concatenate((centre - box[:2], box[2:] - centre), -1)
        near = (distance.min(-1) > 0) & (np.abs(centre - middle).max(-1) <= radius * CELL)
        near[np.abs(centre - middle).max(-1).argmin()] = True
        owner[near] = labels[i]
        sides[near] = np.maximum(distance[near], 0.1)
    return owner, sides
