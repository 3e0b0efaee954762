"""The rule that keeps an output from going round in circles, the twin of decoders/sequence in Go:

- n-grams of 1 to 3 tokens stand at most 3 times in a row, n-grams of 4 tokens at most 3 times in the whole text;
- where some such n-gram of the source stands more often, so may those of the output;
- n-grams of digits alone may be numbers: they stand 12 times in a row and any number of times in the whole text;
- a space in front of a token makes no difference, but for digits, where it starts a number;
- however it is cut into tokens, a stretch of 2 to 80 bytes with a letter in it stands in a row no more often than the larger
  of both limits, or than some such stretch of the source.

A token that would break it is not chosen. Human translations obey it too: of 155,000 of Tatoeba and news 2 do not, of
199,000 of software 36, of 118,000 of the Bible 217 (the sons of ..., the sons of ...).

    python repeats.py --golden ../decoders/sequence/testdata/repeats.json       # expected values of the Go tests
"""
import argparse
import json
import random
import re
from collections import Counter, defaultdict
from operator import eq
from pathlib import Path

SHORT, MOST, LONG, DIGITS = 3, 3, 4, 12
CIRCLE, REMEMBERED, PIECE = 80, 512, 24  # bytes: that come round, that are looked at, of a token that may be forbidden


class Spelling:
    """Of tokens, given by their bytes in order of ids: which are the same but for a space in front, which are digits."""

    def __init__(self, pieces):
        self.pieces, self.ids = pieces, {piece: i for i, piece in enumerate(pieces)}
        ids = self.ids
        self.digit = [piece in {b"%d" % d for d in range(10)} for piece in pieces]
        self.periodic = {p for p in range(2, PIECE // MOST + 1) for x in pieces if len(x) > 2 * p and x[p:] == x[:-p]}
        self.bare = list(range(len(pieces)))
        self.alike = [[i] for i in self.bare]
        for i, piece in enumerate(pieces):
            bare = ids.get(piece[1:]) if piece[:1] == b" " else None
            if bare is not None and not self.digit[bare]:
                self.bare[i] = bare
                self.alike[bare].append(i)


def has_letter(text):
    return re.search(rb"[A-Za-z\x80-\xff]", text) is not None


class Repeats:
    """What may not follow the tokens added so far, the output for a source (none for a text that comes from no other)."""

    def __init__(self, spelling, source=()):
        self.spelling, self.in_a_row, self.in_all = spelling, MOST, MOST
        self.around = self.rounds(b"".join(spelling.pieces[token] for token in source))
        self.clear()
        for token in source:
            self.add(token)
            for n in range(1, SHORT + 1):
                if not self.digits(n):
                    self.in_a_row = max(self.in_a_row, self.times_in_a_row(n))
        self.in_all = max([MOST, *(n for after in self.after.values() for n in after.values())])
        self.clear()

    def clear(self):
        self.words, self.text = [], b""  # tokens without spaces in front; the end of what they spell
        self.after = defaultdict(Counter)  # 3-gram -> how often which word followed

    def add(self, token):
        self.words.append(self.spelling.bare[token])
        self.text = (self.text + self.spelling.pieces[token])[-REMEMBERED:]
        if len(self.words) >= LONG and not self.digits(LONG):
            self.after[tuple(self.words[-LONG:-1])][self.words[-1]] += 1

    def digits(self, n):
        return len(self.words) >= n and all(self.spelling.digit[w] for w in self.words[-n:])

    def times_in_a_row(self, n):
        """How often the last n words stand at the end."""
        words, times = self.words, 1
        while len(words) >= (times + 1) * n and words[-(times + 1) * n:len(words) - times * n] == words[-n:]:
            times += 1
        return times

    def forbidden(self):
        found = {w for w, times in self.after.get(tuple(self.words[1 - LONG:]), {}).items() if times >= self.in_all}
        for n in range(1, min(SHORT, len(self.words) - 1) + 1):
            if self.words[-1] != self.words[-1 - n]:  # mostly: it does not even stand twice
                continue
            most = max(self.in_a_row, DIGITS) if self.digits(n) else self.in_a_row
            self.words.append(self.words[-n])
            if self.times_in_a_row(n) > most:
                found.add(self.words[-1])
            self.words.pop()
        return sorted({i for w in found for i in self.spelling.alike[w]} | self.circling())

    @staticmethod
    def rounds(text):
        """How often some stretch of text stands in a row, if that is more than MOST times."""
        times = [MOST]
        for p in range(2, CIRCLE + 1):
            if sum(map(eq, text[p:], text)) >= p * MOST:  # of any text hardly ever
                found = re.finditer(rb"(?s)(?=((.{%d})\2+))" % p, text)
                times += [len(m[1]) // p for m in found if has_letter(m[2])]
        return max(times)

    def periods(self):
        """Of 2 to CIRCLE bytes, those with which the text may be about to go round: all others want more than PIECE."""
        text, spelling = self.text, self.spelling
        for p in range(2, PIECE // MOST + 1):
            if p in spelling.periodic or text[-p:] == text[-2 * p:-p]:
                yield p
        tail, last = text[-3:], len(text) - 3
        at = last - PIECE // MOST
        while at > 0 and (at := text.rfind(tail, max(0, last - CIRCLE), at + 2)) >= 0:
            yield last - at

    def circling(self):
        """Tokens that would make a stretch of text stand once too often in a row."""
        text, found, most = self.text, set(), max(self.in_a_row, self.in_all, self.around)
        for p in self.periods():
            circle = text[-p:]
            run = next((i for i in range(len(text) - p) if text[-1 - i] != text[-1 - i - p]), len(text) - p)
            need = max(p * most - run, 1)
            if 2 * p <= len(text) and need <= PIECE and has_letter(circle):
                on = (circle * (PIECE // p + 1))[:PIECE]
                found |= {self.spelling.ids[on[:k]] for k in range(need, PIECE + 1) if on[:k] in self.spelling.ids}
        return found


PIECES = [b"a", b" a", b"b", b" b", b",", b" c", b"0", b"7", b" 7", b"-d", b"ab", b",a"]


def golden(count=64, length=60, seed=1706):
    """Texts of random loops, every other one written within the rule, and what may not follow each token. In some, text
    and source are cut into other tokens each time round."""
    rng, cases = random.Random(seed), []

    def loops(n):
        text = []
        while len(text) < n:
            text += [rng.randrange(len(PIECES)) for _ in range(rng.randint(1, 5))] * rng.choice((1, 1, 2, 4, 6, 14))
        return text[:n]

    def cuts(text):
        tokens = []
        while text:
            tokens.append(rng.choice([i for i, piece in enumerate(PIECES) if text.startswith(piece)]))
            text = text[len(PIECES[tokens[-1]]):]
        return tokens

    for case in range(count):
        source, text, tokens, forbidden = loops(rng.choice((0, 0, 12, 24))), loops(length), [], []
        if case % 4 == 3:
            source, text = cuts(b"ab," * rng.randint(0, 6)), cuts(b"ab,a" * rng.randint(1, 3) + b"ab," * 12) + loops(20)
        rule = Repeats(Spelling(PIECES), source)
        for token in text:
            if case % 2 and token in rule.forbidden():
                token = rng.choice([t for t in range(len(PIECES)) if t not in rule.forbidden()])
            rule.add(token)
            tokens.append(token)
            forbidden.append(sorted(rule.forbidden()))
        cases.append({"source": source, "tokens": tokens, "forbidden": forbidden})
    return cases


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--golden", type=Path, required=True, help="the file to write")
    a = p.parse_args()
    rows = ",\n".join("    " + json.dumps(case, separators=(",", ":")) for case in golden())
    pieces = json.dumps([piece.decode() for piece in PIECES])
    a.golden.parent.mkdir(parents=True, exist_ok=True)
    a.golden.write_text(f'{{\n  "command": "python train/repeats.py --golden decoders/sequence/testdata/repeats.json",\n'
                        f'  "pieces": {pieces},\n  "cases": [\n{rows}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
