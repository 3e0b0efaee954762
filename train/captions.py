"""Describing photos: an experiment beside the released checkpoint, with photos whose licence keeps them out of it.

    python train.py … --kinds captions --init MODEL --lr-known 0.1 …      # the trunk and the decoder learn to describe in English
    python export.py … --out DIR
    python captions.py --mm build/bin/mm --model DIR --senses CACHE       # the tables of bench/TABLES.md

The command says the language, as in translation: photos are described behind <to-en> alone, and then asked behind <to-de>
for German, which no photo was ever described in.
"""
import argparse
import re
from pathlib import Path

import numpy as np

import data
import photos
import senses_eval
from batches import Shuffled, photo_batch
from evaluate import Runtime

EACH = 3  # captions of a picture in a batch
TOKENS = 48


def plain(caption):
    """A caption as other texts are written: no spaces around marks, a capital in front, a full stop."""
    caption = re.sub(r"\s+([.,;:!?'])", r"\1", " ".join(caption.split())).strip(" .")
    return caption[:1].upper() + caption[1:] + "."


class CaptionBatches:
    """Endless batches of pictures, cropped and mirrored, with EACH of their captions; a long one is passed over."""

    def __init__(self, images, captions, tok, size, seed, augment=True):
        self.images, self.tok, self.size, self.augment = images, tok, size, augment
        self.tokens = [[t for t in map(tok.encode, map(plain, c)) if len(t) < TOKENS] for c in captions]
        self.shuffled, self.rng = Shuffled(len(images), seed), np.random.default_rng(seed + 1)

    def next(self):
        index, command = self.shuffled.take(self.size), self.tok.commands["<to-en>"]
        pixels = photos.augment_photos(self.images[index], self.rng, 0.0, margin=12) if self.augment else photos.pixels(self.images[index])
        rows = []
        for i in index:
            for n in self.rng.choice(len(self.tokens[i]), EACH, replace=len(self.tokens[i]) < EACH):
                tokens = self.tokens[i][n]
                rows.append([(np.zeros(0, np.int64), np.r_[command, tokens], np.r_[tokens, self.tok.end])])
        packed = data.pack(rows, data.Shape(len(rows), 1, TOKENS))
        return photo_batch(pixels, np.zeros(len(index), np.int64), command) | {k: v for k, v in packed.items() if k[:3] != "src"}


def described(mm, images, to):
    """What mm says of pictures, in order."""
    return [answer["output"] for answer in senses_eval.see(mm, images, {"task": "caption", "to": to, "beam": 4})]


def main():
    import sacrebleu
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--mm", type=Path, required=True, help="the mm binary")
    p.add_argument("--model", type=Path, required=True, help="directory with the task caption")
    p.add_argument("--senses", type=Path, required=True, help="cache of photos.py")
    p.add_argument("--split", choices=("dev", "test"), default="test")
    p.add_argument("--show", type=int, default=6, help="examples")
    a = p.parse_args()
    images, captions = photos.load(a.senses, "flickr8k_1000", a.split)
    references = [[plain(c) for c in five] for five in captions]
    mm = Runtime(a.mm.resolve(), a.model)
    english, german = (described(mm, images, to) for to in ("en", "de"))
    pivot = mm.translate(english, "de", 4)[0]
    german_references = [mm.translate(column, "de", 4)[0] for column in zip(*references)]
    english_references = [list(column) for column in zip(*references)]
    print("| captions | compared with | BLEU | chrF | different |\n|---|---|---|---|---|")
    for name, texts, against, what in (
            ("English", english, english_references, "five people's"),
            ("English, of the next picture", english[1:] + english[:1], english_references, "five people's"),
            ("German, never taught", german, german_references, "the translations of five people's"),
            ("German, the translated English one", pivot, german_references, "the translations of five people's"),
            ("German, of the next picture", german[1:] + german[:1], german_references, "the translations of five people's")):
        bleu, chrf = sacrebleu.corpus_bleu(texts, against).score, sacrebleu.corpus_chrf(texts, against).score
        print(f"| {name} | {what} | {bleu:.1f} | {chrf:.1f} | {len(set(texts))} of {len(texts)} |")
    print("\n| a person | English | German, never taught |\n|---|---|---|")
    for i in range(a.show):
        print(f"| {references[i][0]} | {english[i]} | {german[i]} |")


if __name__ == "__main__":
    main()
