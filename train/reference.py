"""The exported model in eager PyTorch, float32 (int8 weights are dequantized): what the Go runtime is compared with.

    python reference.py --model DIR --to de [--batch N] [--threads 2] < sentences     # prints one translation a line
    python reference.py --model DIR --to de --bench < sentences                       # prints tokens/s
"""
import argparse
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

import audio
import checkpoint
import pictures
import sounds
import tokenizer
import trees
from cached import Decoding
from layers import Rows
from modalities import STRIDE
from repeats import Repeats, Spelling

MAX_OPEN, MAX_DEPTH = 8, 64  # limits of the tree grammar: brackets opened in a row, brackets open at once


@dataclass
class Output:
    tokens: list  # without command and end
    score: float  # mean log-probability of a decision
    cut: bool = False  # the limit came before the end


class Grammar:
    """Which decisions keep a tree over these words completable; the same automaton as decoders/tree in Go."""

    def __init__(self, vocabulary, pieces):
        tree = vocabulary["tree"]
        self.labels, self.tags = sorted(tree["labels"].values()), sorted(tree["tags"].values())
        self.close, self.end, self.pieces = tree["close"], vocabulary["end"], pieces
        self.word = self.depth = self.opened = 0

    def allowed(self):
        ids = []
        if self.word < len(self.pieces):
            ids += self.tags
            if self.opened < MAX_OPEN and self.depth < MAX_DEPTH:
                ids += self.labels
        if self.depth and not self.opened:
            ids.append(self.close)
        if not self.depth and self.word == len(self.pieces):
            ids.append(self.end)
        return sorted(ids)

    def accept(self, token):
        """Take a decision; returns the pieces that must follow."""
        if token == self.close:
            self.depth, self.opened = self.depth - 1, 0
        elif token in self.labels:
            self.depth, self.opened = self.depth + 1, self.opened + 1
        else:
            self.word, self.opened = self.word + 1, 0
            if self.word < len(self.pieces):
                return self.pieces[self.word]
        return []


class Reference:
    def __init__(self, directory):
        self.model, self.settings = checkpoint.load(directory)
        self.vocabulary = self.settings["vocabulary"]
        self.commands, self.end = self.vocabulary["commands"], self.vocabulary["end"]
        self.max_positions = self.settings["model"]["max_positions"]
        if (Path(directory) / "tokenizer.tiktoken").exists():
            self.tok = tokenizer.Tokenizer(directory)
            self.spelling = Spelling(self.tok.pieces())

    @torch.no_grad()
    def encode(self, sources):
        """Token ids with the command in front, padded to the longest: memory (B, S, D) and its Rows."""
        longest = max(map(len, sources))
        if longest > self.max_positions:
            raise ValueError(f"reference: source of {longest} tokens, want at most {self.max_positions}")
        ids, segment = torch.zeros(2, len(sources), longest, dtype=torch.int64)
        for i, source in enumerate(sources):
            ids[i, :len(source)], segment[i, :len(source)] = torch.tensor(source), 1
        rows = Rows(segment, torch.arange(longest).expand(len(sources), -1))
        return self.model.encode(ids, rows)[0], rows

    def limits(self, sources, max_len):
        """Most tokens of each output; a source counts its command."""
        return [min(self.max_positions, 3 * len(s) // 2 + 16, max_len or self.max_positions) for s in sources]

    @torch.no_grad()
    def greedy(self, sources, max_len=None):
        """Outputs of sources with their command in front."""
        return self.write(*self.encode(sources), sources, self.limits(sources, max_len))

    def write(self, memory, rows, sources, limits):
        """Outputs of at most so many tokens about a memory; of sources the command is the first input and the rest what
        outputs may repeat. The batch shrinks as outputs end. Tokens that would repeat too much are passed over; the
        log-probabilities are among all."""
        state = Decoding(self.model, memory, rows, max(limits))
        tokens = torch.tensor([s[0] for s in sources])
        out, logp, live = [[] for _ in sources], [0.0] * len(sources), list(range(len(sources)))
        repeats, done = [Repeats(self.spelling, s[1:]) for s in sources], {}
        while live:
            logs = state.step(tokens)[:, :self.end + 1].log_softmax(-1)
            for row, i in enumerate(live):
                if forbidden := repeats[i].forbidden():
                    logs[row, forbidden] = -torch.inf
            best, ids = logs.max(-1)
            stay = []
            for row, (i, token, p) in enumerate(zip(list(live), ids.tolist(), best.tolist())):
                logp[i] += p
                if token != self.end:
                    out[i].append(token)
                    repeats[i].add(token)
                if token == self.end or len(out[i]) == limits[i]:
                    done[i] = Output(out[i], logp[i] / (len(out[i]) + 1), token != self.end)
                else:
                    stay.append(row)
            tokens = ids
            if len(stay) < len(live):
                live, tokens = [live[row] for row in stay], ids[stay]
                state.keep(torch.tensor(stay, dtype=torch.int64))
        return [done[i] for i in range(len(sources))]

    def translate_outputs(self, sentences, to, batch=64, max_len=None):
        """Output of every sentence in order; an empty one has no tokens."""
        sources = [[self.commands[f"<to-{to}>"]] + self.tok.encode(s) for s in sentences]
        out = [Output([], 0.0)] * len(sources)
        order = sorted((i for i, s in enumerate(sources) if len(s) > 1), key=lambda i: len(sources[i]))
        for at in range(0, len(order), batch):
            group = order[at:at + batch]
            for i, o in zip(group, self.greedy([sources[i] for i in group], max_len)):
                out[i] = o
        return out

    def translate(self, sentences, to, batch=64, max_len=None):
        return [self.tok.decode(o.tokens) for o in self.translate_outputs(sentences, to, batch, max_len)]

    @torch.no_grad()
    def parse_tokens(self, words):
        """Greedy parse: (source ids, decoder inputs), the inputs being command, decisions and copied words."""
        pieces = [self.tok.encode(w) for w in words]
        command = self.commands["<parse>"]
        source = [command] + [t for p in pieces for t in p]
        grammar = Grammar(self.vocabulary, pieces)
        limit = 1 + sum(len(p) + 1 + 2 * MAX_OPEN for p in pieces)
        state = Decoding(self.model, *self.encode([source]), limit)
        inputs, ahead = [command], [command] + pieces[0]
        inputs += pieces[0]
        while True:
            for token in ahead:
                logits = state.step(torch.tensor([token]))
            ids = grammar.allowed()
            token = ids[logits[0, ids].argmax()]
            if token == self.end:
                return source, inputs
            ahead = [token] + grammar.accept(token)
            inputs += ahead

    def heard(self, clips):
        """What encode_audio takes of clips (N,), 16 kHz, all of one length of at most one window: frames, command, Rows."""
        frames = np.stack([sounds.clean(audio.log_mel(samples)) for samples in clips])
        count = frames.shape[1] // STRIDE
        command = torch.zeros(len(clips), 1 + count, dtype=torch.int64)
        command[:, 0] = self.commands["<transcribe>"]
        rows = Rows(torch.ones_like(command), torch.arange(1 + count).expand(len(clips), -1))
        return torch.from_numpy(np.pad(frames, ((0, 0), (STRIDE, 0), (0, 0)))), command, rows

    @torch.no_grad()
    def transcribe(self, samples):
        """Greedy Output of what is said in samples (N,), 16 kHz, of at most one window: of the decoder alone, without letters."""
        frames, command, rows = self.heard([samples])
        memory, _ = self.model.encode_audio(frames, command, rows)
        return self.write(memory, rows, [command[0, :1].tolist()], [min(self.max_positions, command.shape[1] + 15)])[0]

    @property
    def photos(self):
        """The task of config.json that says what is in a photo."""
        return next(t for t in self.settings["tasks"] if t["name"] == "classify")

    def seen(self, images):
        """What logits takes of pictures, uint8 (H, W, 3): pixels and command."""
        pixels = torch.from_numpy(np.stack([pictures.pixels(i, self.photos["fit"], *self.photos["canvas"]) for i in images]))
        return pixels, torch.full((len(images),), self.commands[self.photos["command"]])

    @torch.no_grad()
    def logits(self, pixels, command):
        """(B, labels) of photos."""
        memory, rows, _ = self.model.encode_image(pixels, command)
        return self.model.heads[self.photos["head"]](memory, rows.segment, 1)[:, 0]

    def classify(self, images):
        """The likeliest label of each picture, uint8 (H, W, 3), in one batch."""
        return [self.photos["labels"][i] for i in self.logits(*self.seen(images)).argmax(-1).tolist()]

    def parse(self, words):
        """Penn Treebank bracketing, under ROOT."""
        _, inputs = self.parse_tokens(words)
        return bracketing(self.vocabulary["tree"], inputs[1:], words)


def bracketing(tree, tokens, words):
    labels, tags = ({i: name for name, i in tree[kind].items()} for kind in ("labels", "tags"))
    parts, left = ["(ROOT"], iter(words)
    for t in tokens:
        if t in labels:
            parts.append(f" ({labels[t]}")
        elif t in tags:
            parts.append(f" ({tags[t]} {trees.escape(next(left))})")
        elif t == tree["close"]:
            parts.append(")")
    return "".join(parts) + ")"


def bench(reference, sentences, to, singles=50):
    """Tokens made a second, ends counted: one sentence at a time, and all in one batch."""
    reference.translate(sentences[:4], to, batch=1)
    for name, some, batch in (("batch 1", sentences[:singles], 1), (f"batch {len(sentences)}", sentences, len(sentences))):
        start = time.perf_counter()
        outputs = reference.translate_outputs(some, to, batch)
        seconds = time.perf_counter() - start
        count = sum(len(o.tokens) + 1 for o in outputs)
        print(f"{name}: {count} tokens in {seconds:.2f} s, {count / seconds:.0f} tokens/s")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, required=True, help="exported model directory")
    p.add_argument("--to", choices=("en", "de", "fr"), help="translate into this language")
    p.add_argument("--parse", action="store_true", help="parse lines of words separated by spaces")
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--bench", action="store_true")
    a = p.parse_args()
    if bool(a.to) == a.parse:
        p.error("give --to LANGUAGE or --parse")
    torch.set_num_threads(a.threads)
    reference = Reference(a.model)
    lines = [line.rstrip("\n") for line in sys.stdin]
    if a.parse:
        for line in lines:
            print(reference.parse(line.split()) if line.strip() else "")
    elif a.bench:
        bench(reference, lines, a.to)
    else:
        print("\n".join(reference.translate(lines, a.to, a.batch)))


if __name__ == "__main__":
    main()
