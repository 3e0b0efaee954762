"""Byte-level BPE: text normalization, the ids of commands and tree tokens, and training of the rank table.

    python tokenizer.py --data DATA --out DIR     # writes DIR/tokenizer.tiktoken and DIR/vocab.json

The Go side reads the same two files; PATTERN and normalize() have their twins in internal/token.
"""
import argparse
import base64
import json
import re
import unicodedata
from pathlib import Path

import tiktoken

PATTERN = r" ?\p{L}+['’]?| ?\p{N}| ?[^\s\p{L}\p{N}]+|\s+"
RANKS, VOCAB = 8192, 8448
COMMANDS = ["<to-en>", "<to-de>", "<to-fr>", "<parse>", "<transcribe>", "<caption>", "<digits>", "<commands>", "<classify>", "<detect>"]
LABELS = ("NP VP S PP SBAR ADVP ADJP SQ WHNP WHADVP SBARQ PRT NML FRAG INTJ QP SINV UCP WHADJP WHPP CONJP PRN NAC RRC X "
          "LST CAPTION HEADING CIT TITLE NX").split()
TAGS = ("NN IN DT JJ PRP NNS NNP VB RB VBD VBZ VBP VBN VBG . , CC TO MD CD PRP$ : POS WP WRB WDT RP HYPH -LRB- -RRB- `` '' "
        "JJR JJS EX UH PDT NNPS RBR RBS WP$ $ FW SYM LS AFX NFP ADD GW XX #").split()


def vocabulary():
    """Token ids above the ranks: end of output, up to 31 commands, then the tree tokens."""
    first = RANKS + 32
    return {
        "ranks": RANKS, "size": VOCAB, "end": RANKS,
        "commands": {name: RANKS + 1 + i for i, name in enumerate(COMMANDS)},
        "tree": {
            "close": first,
            "labels": {name: first + 1 + i for i, name in enumerate(LABELS)},
            "tags": {name: first + 1 + len(LABELS) + i for i, name in enumerate(TAGS)},
        },
    }


def normalize(text):
    """NFC, control and format characters to spaces, runs of white space to one space, none at the ends."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(" " if unicodedata.category(ch) in ("Cc", "Cf", "Zs", "Zl", "Zp") else ch for ch in text)
    return re.sub(r" +", " ", text).strip(" ")


class Tokenizer:
    def __init__(self, directory):
        ranks = {}
        for line in (Path(directory) / "tokenizer.tiktoken").read_text().splitlines():
            token, rank = line.split()
            ranks[base64.b64decode(token)] = int(rank)
        self.bpe = tiktoken.Encoding("mm", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={})
        self.vocab = vocabulary()
        self.end = self.vocab["end"]
        self.commands = self.vocab["commands"]

    def pieces(self):
        """The bytes of all ranks, in order."""
        return [self.bpe.decode_single_token_bytes(i) for i in range(RANKS)]

    def encode(self, text):
        """Ids of normalized text; a leading space makes the first word look like any other."""
        text = normalize(text)
        return self.bpe.encode_ordinary(" " + text) if text else []

    def decode(self, ids):
        return self.bpe.decode([i for i in ids if i < RANKS]).strip()


def train(texts, out):
    from tokenizers import Regex, Tokenizer as HF, models, pre_tokenizers, trainers
    hf = HF(models.BPE())
    hf.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    alphabet = byte_alphabet()
    hf.train_from_iterator(texts, trainers.BpeTrainer(
        vocab_size=RANKS, initial_alphabet=list(alphabet.values()), max_token_length=24, show_progress=False))
    model = json.loads(hf.to_str())["model"]
    back = {c: b for b, c in alphabet.items()}
    order = [bytes([b]) for b in range(256)]
    for merge in model["merges"]:
        left, right = merge if isinstance(merge, list) else merge.split(" ")
        order.append(bytes(back[c] for c in left + right))
    ranks = list(dict.fromkeys(order))[:RANKS]
    assert len(ranks) == RANKS, f"tokenizer: {len(ranks)} ranks, want {RANKS}: give it more text"
    out.mkdir(parents=True, exist_ok=True)
    (out / "tokenizer.tiktoken").write_text(
        "".join(f"{base64.b64encode(t).decode()} {i}\n" for i, t in enumerate(ranks)))


def byte_alphabet():
    """The printable stand-ins that byte-level BPE uses for the 256 bytes (Radford et al. 2019)."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table, spare = {b: chr(b) for b in visible}, 256
    for b in range(256):
        if b not in table:
            table[b] = chr(spare)
            spare += 1
    return table


def main():
    import trees
    from data import corpora
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    a = p.parse_args()
    texts = []
    for name, pairs in corpora(a.data).items():
        repeat = 2 if name.startswith("tatoeba") else 1
        for pair in pairs:
            sides = pair if len(pair) == 2 else [" ".join(trees.words(trees.read(pair[0])))]
            texts += [" " + normalize(side) for side in sides] * repeat
    train(texts, a.out)
    tok = Tokenizer(a.out)
    words, tokens = (sum(n) for n in zip(*((len(t.split()), len(tok.encode(t))) for t in texts[::200])))
    print(f"{RANKS} ranks, {tokens / words:.2f} tokens a word")


if __name__ == "__main__":
    main()
