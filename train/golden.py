"""Golden values of the reference model for the Go tests, float32, eval mode, each segment run alone and unpadded.

    python golden.py --tiny ../mixer/testdata/tiny                       # a seeded random model of texts and its values
    python golden.py --senses ../testdata/senses                         # one that hears and sees too, and values of its senses
    python golden.py --real ../models/base --out ../testdata/golden.safetensors

Rows of all segments are concatenated, (ΣT, D). Names: src, src.offsets, tgt, tgt.offsets (int32), encoder.N (outputs of
the encoder blocks), memory, decoder.io, decoder.N, decoder.norm and logits; the tiny model's file has them all, the real
one's has src, tgt, encoder.N of the first two segments, argmax and margin (logit of the best less the second best).
"""
import argparse
import base64
from pathlib import Path

import torch

import checkpoint
import ngram
import tasks
import tokenizer
from layers import Rows
from modalities import STRIDE
from model import Config, MultiModel

SEED = 1706
SENTENCES = [("<to-de>", "Good morning! Where is the railway station, please?"),
             ("<to-en>", "Das Wetter ist heute schön, also gehen wir in den Park."),
             ("<to-fr>", "She has forgotten the name of the street where her uncle lives."),
             ("<parse>", "The old man who feeds the birds gave me two green apples .")]


def tiny_vocabulary():
    labels, tags = tokenizer.LABELS[:8], tokenizer.TAGS[:16]
    return {"ranks": 256, "size": 320, "end": 256,
            "commands": {name: 257 + i for i, name in enumerate(tokenizer.COMMANDS)},
            "tree": {"close": 288, "labels": {n: 289 + i for i, n in enumerate(labels)},
                     "tags": {n: 289 + len(labels) + i for i, n in enumerate(tags)}}}


def tiny_model(senses=False):
    """Every parameter random, the zero-initialised ones and the gains too."""
    torch.manual_seed(SEED)
    more = dict(audio_bands=80, audio_blocks=1, image_channels=(8, 16, 32), image_blocks=(1, 2, 1), image_expand=2,
                heads_of=tasks.heads(("audio", "image")), letters=len(tasks.LETTERS)) if senses else {}
    model = MultiModel(Config(width=32, heads=2, ffn=48, experts=4, expert_ffn=16, vocab=320, encoder_blocks=2, decoder_blocks=2,
                              encoder_moe=(1,), decoder_moe=(0,), encoder_dilations=(1, 4), decoder_dilations=(2, 1), **more))
    for name, p in model.named_parameters():
        if name.endswith("gain"):
            torch.nn.init.uniform_(p, 0.5, 1.5)
        elif p.dim() > 1:
            torch.nn.init.normal_(p, std=1.0 if "gate" in name or "query" in name else p.shape[-1]**-0.5)
    return model.eval().requires_grad_(False)


def rows_of(length):
    return Rows(torch.ones(1, length, dtype=torch.int64), torch.arange(length)[None])


@torch.no_grad()
def trace(model, src, tgt):
    """{name: (T, D)} of every boundary for one segment: src ids with the command in front, tgt the decoder's inputs."""
    src, tgt = torch.as_tensor(src)[None], torch.as_tensor(tgt)[None]
    taps, src_rows = {}, rows_of(src.shape[1])
    taps["memory"], _ = model.encode(src, src_rows, taps)
    taps["decoder.norm"], _ = model.decode(tgt, rows_of(tgt.shape[1]), taps["memory"], src_rows, taps)
    taps["logits"] = model.logits(taps["decoder.norm"])
    return {name: t[0] for name, t in taps.items()}


def packed(model, segments):
    """Golden tensors of [(src, tgt), …]."""
    traces = [trace(model, src, tgt) for src, tgt in segments]
    out = {name: torch.cat([t[name] for t in traces]) for name in traces[0]}
    for i, side in enumerate(("src", "tgt")):
        lengths = [len(s[i]) for s in segments]
        out[side] = torch.tensor([t for s in segments for t in s[i]], dtype=torch.int32)
        out[side + ".offsets"] = torch.tensor([0, *torch.tensor(lengths).cumsum(0)], dtype=torch.int32)
    return out


def tiny_segments(vocabulary):
    """Source lengths 1, 5, 13; target lengths 4, 1, 9; a command in front of each."""
    g = torch.Generator().manual_seed(SEED)
    commands = list(vocabulary["commands"].values())
    segments = []
    for i, (n_src, n_tgt) in enumerate(((1, 4), (5, 1), (13, 9))):
        src, tgt = (torch.randint(0, 256, (n - 1,), generator=g).tolist() for n in (n_src, n_tgt))
        segments.append(([commands[i]] + src, [commands[i]] + tgt))
    return segments


@torch.no_grad()
def tiny_senses(model):
    """Values of the modality nets on random input: clips of 1, 2 and 9 rows, canvases of 16x8, 8x24 and 32x16; and of the
    heads on random memory, segments of 1, 5 and 13 rows."""
    g = torch.Generator().manual_seed(SEED)
    clips, sizes = (1, 2, 9), ((16, 8), (8, 24), (32, 16))
    frames = [torch.randn(STRIDE * n, model.config.audio_bands, generator=g) for n in clips]
    pixels = [torch.rand(h, w, 3, generator=g) * 2 - 1 for w, h in sizes]
    memory = torch.randn(19, model.config.width, generator=g)
    offsets = torch.tensor([0, 1, 6, 19], dtype=torch.int32)
    segments = memory.tensor_split(offsets[1:-1].long())
    return {"audio.frames": torch.cat(frames), "audio.offsets": torch.tensor([0, 1, 3, 12], dtype=torch.int32),
            "audio.rows": torch.cat([model.audio(f[None], torch.ones(1, len(f) // STRIDE, dtype=torch.int64))[0] for f in frames]),
            "image.pixels": torch.cat([p.flatten(0, 1) for p in pixels]), "image.sizes": torch.tensor(sizes, dtype=torch.int32),
            "image.rows": torch.cat([model.image(p[None])[0] for p in pixels]),
            "heads.memory": memory, "heads.offsets": offsets,
            "letters.logits": model.letters(memory.flip(0), memory),
            "classes.logits": torch.cat([model.heads["digits"](s[None], torch.ones(1, len(s)), 1)[0] for s in segments]),
            "boxes.out": model.heads["bccd"](memory[None])[0]}


SAID = ["one and two", "one and one", "two and one and two", "who can't", "on and on", "zero", "two can", "a"]
HEARD = ["one and two", "a zebra can't", "onto", "two and one and two", "", "who"]


def tiny_words(file):
    """Tables of the words of SAID in a file, and what every letter and the end of HEARD are worth."""
    texts = [(text, 1) for text in SAID]
    words = ngram.vocabulary(texts, 1, 100)
    tables = ngram.Counted(ngram.numbers(texts, words), words).tables()
    ngram.write(file, tables)
    model, codes = ngram.Stored(tables), [[*text.encode(), 0] for text in HEARD]
    return {"words.letters": torch.tensor(sum(codes, []), dtype=torch.int32),
            "words.logs": torch.cat([torch.from_numpy(model.letters(text)) for text in HEARD]).float()}


def write_tiny(directory, senses=False):
    model, vocabulary = tiny_model(senses), tiny_vocabulary()
    directory.mkdir(parents=True, exist_ok=True)
    words = directory / "words.safetensors" if senses else None
    said = tiny_words(words) if senses else {}
    checkpoint.save(directory, model.config, model.state_dict(), vocabulary, "f32", name="senses" if senses else "tiny", words=words)
    table = "".join(f"{base64.b64encode(bytes([b])).decode()} {b}\n" for b in range(256))  # the tokens are the single bytes
    (directory / "tokenizer.tiktoken").write_text(table, encoding="utf-8")
    loaded, _ = checkpoint.load(directory)
    golden = tiny_senses(loaded) | said if senses else packed(loaded, tiny_segments(vocabulary))
    checkpoint.write_safetensors(directory / "golden.safetensors", golden)


def real_golden(directory):
    """Golden tensors of an exported model on SENTENCES, tgt being the reference's own greedy output."""
    from reference import Reference
    reference = Reference(directory)
    segments = []
    for command, text in SENTENCES:
        if command == "<parse>":
            src, tgt = reference.parse_tokens(text.split())
        else:
            src = [reference.commands[command]] + reference.tok.encode(text)
            tgt = [reference.commands[command]] + reference.greedy([src])[0].tokens
        segments.append((src, tgt))
    out = packed(reference.model, segments)
    best = out.pop("logits").topk(2, -1)
    out["argmax"], out["margin"] = best.indices[:, 0].to(torch.int32).clone(), best.values[:, 0] - best.values[:, 1]
    first_two = int(out["src.offsets"][2])
    for name in [n for n in out if n.startswith(("encoder.", "decoder.")) or n == "memory"]:
        value = out.pop(name)
        if name.startswith("encoder."):
            out[name] = value[:first_two].clone()
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--tiny", type=Path, help="folder for the random model of texts and its values")
    p.add_argument("--senses", type=Path, help="folder for the random model with all senses and their values")
    p.add_argument("--real", type=Path, help="an exported model directory")
    p.add_argument("--out", type=Path, help="file for the real model's values")
    a = p.parse_args()
    if not a.tiny and not a.senses and not (a.real and a.out):
        p.error("give --tiny DIR, --senses DIR, or --real DIR and --out FILE")
    torch.set_num_threads(1)
    if a.tiny:
        write_tiny(a.tiny)
    if a.senses:
        write_tiny(a.senses, senses=True)
    if a.real:
        a.out.parent.mkdir(parents=True, exist_ok=True)
        checkpoint.write_safetensors(a.out, real_golden(a.real))


if __name__ == "__main__":
    main()
