"""A training checkpoint -> a model directory, with a report of what quantization cost.

    python export.py --run RUN/last.pt --tokenizer TOK --out DIR [--dtype int8|bf16|f32] [--data DATA]

A run that began from a model directory may be mixed with it, which keeps what the run forgot (Wortsman et al. 2022, "Robust
fine-tuning of zero-shot models"): --between DIR --shares '{"encoder.": 0.6, "": 0.2}'. Tasks that the weights are not good
enough for are left out with --without.
"""
import argparse
import dataclasses
import json
import tempfile
from pathlib import Path

import torch

import checkpoint
import losses
import tasks
import train
from model import Config, MultiModel
from tokenizer import Tokenizer, vocabulary


def relative_errors(state, tensors):
    """kind -> (relative Frobenius error, worst row's relative error, number of weights) of the matrices."""
    sums = {}
    for key, value in state.items():
        name = checkpoint.exported_name(key)
        if name is None or not checkpoint.is_matrix(name):
            continue
        value, stored = value.float(), tensors[name]
        scales = tensors.get(name + ".scale")
        back = stored.float() if scales is None else checkpoint.dequantize(stored, scales)
        wrong = (back - value).pow(2).sum(-1)
        total = value.pow(2).sum(-1)
        kind = "moe." * ("moe." in name) + name.split(".")[-1]
        e, t, worst, n = sums.get(kind, (0.0, 0.0, 0.0, 0))
        row = (wrong / total.clamp(min=1e-30)).max().sqrt().item()
        sums[kind] = (e + wrong.sum().item(), t + total.sum().item(), max(worst, row), n + value.numel())
    return {k: ((e / max(t, 1e-30))**0.5, worst, n) for k, (e, t, worst, n) in sorted(sums.items())}


def mixed(state, config, directory, shares):
    """(Weights, their Config) between those of a model directory and of a run that began from it: of the run's, the share of
    the first beginning in shares that a weight's name has. Weights that one of them lacks are the other's."""
    model = checkpoint.load(directory)[0]
    began, own = model.state_dict(), model.config
    share = checkpoint.by_beginning(began, shares)
    both = began | {n: torch.lerp(began[n], w, share[n]) if n in began else w for n, w in state.items()}
    heads = tuple(sorted({*own.heads_of, *config.heads_of}))
    senses = {k: getattr(config, k) or getattr(own, k) for k in ("audio_bands", "audio_blocks", "image_channels", "letters", "captions")}
    return both, dataclasses.replace(config, heads_of=heads, **senses)


def put(batch):
    return {k: torch.from_numpy(v) for k, v in batch.items()}


def report_losses(model, directory, data, tokenizer, rows):
    with tempfile.TemporaryDirectory() as cache:
        tok = Tokenizer(tokenizer)
        batches = train.dev_batches(tok, train.encoded(tok, data, "dev", Path(cache)), rows)
    exact, stored = (losses.evaluate(m, batches, put) for m in (model, checkpoint.load(directory)[0]))
    print(f"\n{'dev set':22} {'loss f32':>9} {'stored':>9} {'change':>8} {'acc f32':>8} {'stored':>8}")
    for name, (loss, hit) in exact.items():
        loss_q, hit_q = stored[name]
        print(f"{name:22} {loss:9.4f} {loss_q:9.4f} {loss_q - loss:+8.4f} {hit:8.4f} {hit_q:8.4f}")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--run", type=Path, required=True, help="checkpoint file of train.py")
    p.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.tiktoken, and perhaps ngram.py's words.safetensors")
    p.add_argument("--out", type=Path, required=True, help="model directory to write")
    p.add_argument("--dtype", choices=("int8", "bf16", "f32"), default="int8", help="of the matrices")
    p.add_argument("--weights", choices=("average", "model"), default="average")
    p.add_argument("--version", default="0.0.0", help="of the checkpoint")
    p.add_argument("--between", type=Path, help="model directory to mix the weights with")
    p.add_argument("--shares", type=json.loads, default={"": 0.5}, help="JSON: beginning of a weight's name -> the run's share")
    p.add_argument("--without", type=lambda text: text.split(","), default=[], help="tasks to leave out, separated by commas")
    p.add_argument("--data", type=Path, help="also compare the losses on the dev sets")
    p.add_argument("--rows", type=int, default=16, help="rows of a dev batch")
    a = p.parse_args()
    saved = torch.load(a.run, map_location="cpu", weights_only=False)
    state, config = saved[a.weights], Config(**saved["config"])
    if a.between:
        state, config = mixed(state, config, a.between, a.shares)
    model = MultiModel(config).eval().requires_grad_(False)
    model.load_state_dict(state)
    if unknown := set(a.without) - {t["name"] for t in tasks.of(model.config)}:
        raise ValueError(f"export: no tasks {sorted(unknown)}, so none can be left out")
    words = a.tokenizer / "words.safetensors"
    tensors = checkpoint.save(a.out, model.config, state, vocabulary(), a.dtype, a.tokenizer / "tokenizer.tiktoken",
                              version=a.version, without=a.without, words=words if words.exists() else None)
    size = (a.out / "model.safetensors").stat().st_size
    weights = sum(t.numel() for n, t in tensors.items() if not n.endswith(".scale"))
    print(f"step {saved['step']}, {saved['seconds'] / 3600:.2f} hours: {weights / 1e6:.2f} M weights, {size / 2**20:.2f} MiB as {a.dtype}")
    print(f"\n{'matrices':12} {'weights':>10} {'rel. error':>11} {'worst row':>11}")
    for kind, (error, worst, n) in relative_errors(state, tensors).items():
        print(f"{kind:12} {n:10} {error:11.5f} {worst:11.5f}")
    if a.data:
        report_losses(model, a.out, a.data, a.tokenizer, a.rows)


if __name__ == "__main__":
    main()
